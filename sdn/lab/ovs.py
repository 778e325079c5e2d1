"""A private Open vSwitch: its own ovsdb-server and ovs-vswitchd in one directory, beside any other on the machine.

It runs as any user, because its bridges are of type ``dummy`` (``--enable-dummy=override`` in ovs-vswitchd's source:
the datapath in user space, with network devices that exist only inside the process). Every process is started as a
child and ended by its process id; nothing outside the directory is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sdn.lab.unixctl import CommandError, Connection

_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_SCHEMAS = ("/usr/share/openvswitch/vswitch.ovsschema", "/usr/local/share/openvswitch/vswitch.ovsschema")
_MAX_DIRECTORY = 80
"""Bytes: a socket's path must fit into the 108 of sockaddr_un with a file name behind the directory."""
_POLL_SECONDS = 0.005
_COMMANDS_PER_CALL = 500


class LabError(RuntimeError):
    """The lab could not do what was asked; the message holds the output of Open vSwitch, or the end of its log."""


class PrivateOvs:
    """ovsdb-server and ovs-vswitchd of one's own, as a context manager.

    directory: kept afterwards if given, else a temporary one that is removed at the end (unless ``keep``).
    timeout: seconds that any single command, start or stop may take. devices: its ports are network devices in
    a network namespace that its ovs-vswitchd has for itself, which needs root. Errors are LabError.
    """

    def __init__(
        self, directory: Path | None = None, *, keep: bool = False, timeout: float = 10.0, devices: bool = False
    ) -> None:
        self._devices = devices
        self._given = directory
        self._keep = keep
        self._timeout = timeout
        self._path: Path | None = None
        self._db: subprocess.Popen[bytes] | None = None
        self._vswitchd: subprocess.Popen[bytes] | None = None
        self._control: Connection | None = None

    @property
    def directory(self) -> Path:
        """Where database, sockets and logs are. Only while it runs, if it is a temporary one."""
        if self._path is None:
            raise LabError("this Open vSwitch was not started. Call start(), or use it as a context manager.")
        return self._path

    @property
    def database(self) -> str:
        """The database as ``--db`` of ovs-vsctl takes it."""
        return f"unix:{self.directory}/db.sock"

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of what runs, ovsdb-server first."""
        return tuple(p.pid for p in (self._db, self._vswitchd) if p is not None and p.poll() is None)

    @property
    def running(self) -> bool:
        """Whether ovs-vswitchd runs."""
        return self._vswitchd is not None and self._vswitchd.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Make the directory and start both processes; returns when they answer."""
        self._path = self._make_directory()
        try:
            self._start_db()
            self.start_vswitchd()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both processes and remove a temporary directory. Does nothing when stopped already."""
        self.stop_vswitchd()
        _end(self._db, signal.SIGTERM, self._timeout)
        self._db = None
        if self._path is not None and self._given is None and not self._keep:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None

    def start_vswitchd(self) -> None:
        """Start ovs-vswitchd; the bridges of the database come back with empty flow tables."""
        path = self.directory
        args = ["unshare", "--net"] if self._devices else []
        args += ["ovs-vswitchd", f"unix:{path}/db.sock", "--disable-system"]
        args += [] if self._devices else ["--enable-dummy=override"]
        self._vswitchd = self._spawn(args, "vswitchd")
        self._await(self._answers, "ovs-vswitchd", self._vswitchd)
        # ovs-vsctl returns when ovs-vswitchd has made everything that the database describes.
        self.vsctl("set", "Open_vSwitch", ".", f"external_ids:vswitchd-pid={self._vswitchd.pid}")

    def stop_vswitchd(self, *, kill: bool = False) -> None:
        """End ovs-vswitchd, with SIGKILL if ``kill``; its database stays."""
        if self._control is not None:
            self._control.close()
            self._control = None
        _end(self._vswitchd, signal.SIGKILL if kill else signal.SIGTERM, self._timeout)
        self._vswitchd = None
        if self._path is not None:
            # A killed process leaves its sockets; a peer must not find them before the next one listens.
            (self._path / "vswitchd.ctl").unlink(missing_ok=True)

    def vsctl(self, *args: str) -> str:
        """Run ``ovs-vsctl ARGS``; several commands may be joined by ``--``. Waits until ovs-vswitchd has done it."""
        return self._run(["ovs-vsctl", f"--db={self.database}", f"--timeout={self._timeout:.0f}", *args])

    def vsctl_batch(self, commands: Iterable[Sequence[str]]) -> None:
        """Run many ovs-vsctl commands in as few calls as the length of a command line permits."""
        batch: list[str] = []
        for number, command in enumerate(commands, 1):
            batch += ["--", *command]
            if number % _COMMANDS_PER_CALL == 0:
                self.vsctl(*batch)
                batch = []
        if batch:
            self.vsctl(*batch)

    def ofctl(self, command: str, bridge: str, *args: str) -> str:
        """Run ``ovs-ofctl COMMAND BRIDGE ARGS`` with OpenFlow 1.3."""
        target = f"unix:{self.directory}/{bridge}.mgmt"
        return self._run(["ovs-ofctl", "-O", "OpenFlow13", f"--timeout={self._timeout:.0f}", command, target, *args])

    def appctl(self, *command: str) -> str:
        """Send one ovs-appctl command to ovs-vswitchd and return its answer."""
        return self.appctl_batch([command])[0]

    def appctl_batch(self, commands: Sequence[Sequence[str]]) -> list[str]:
        """Send many ovs-appctl commands over one connection and return their answers in order."""
        if self._control is None:
            raise LabError("ovs-vswitchd does not run. Call start_vswitchd().")
        try:
            return self._control.call(commands)
        except (CommandError, OSError) as error:
            raise LabError(f"ovs-appctl: {error}") from None

    def logs(self) -> dict[str, Path]:
        """Log files by program."""
        return {name: self.directory / f"{name}.log" for name in ("ovsdb", "vswitchd")}

    def log_tail(self, lines: int = 15) -> str:
        """The end of both logs and of what the programs wrote besides, for error messages."""
        parts = []
        for log in self.logs().values():
            for path in (log, log.with_suffix(".out")):
                text = path.read_text(errors="replace").splitlines() if path.exists() else []
                if text:
                    parts += [f"--- {path.name}", *text[-lines:]]
        return "\n".join(parts)

    def _make_directory(self) -> Path:
        if self._given is None:
            return Path(tempfile.mkdtemp(prefix="sdn-ovs-", dir=_short_temporary()))
        if len(os.fsencode(self._given.absolute())) > _MAX_DIRECTORY:
            raise LabError(f"{self._given} is too long for sockets. Use a directory of at most {_MAX_DIRECTORY} bytes.")
        self._given.mkdir(parents=True, exist_ok=True)
        return self._given.absolute()

    def _start_db(self) -> None:
        path = self.directory
        if not (path / "conf.db").exists():
            schema = next((s for s in _SCHEMAS if Path(s).exists()), None)
            if schema is None:
                raise LabError("Open vSwitch is not installed. Install it (Debian: openvswitch-switch).")
            self._run(["ovsdb-tool", "create", str(path / "conf.db"), schema])
        # The second remote is what ovs-vsctl set-manager sets, as on a usual installation; the rest is what it shows
        # there by ssl:, which ovs-vsctl set-ssl sets.
        remotes = [
            f"--remote=punix:{path}/db.sock",
            "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
            "--private-key=db:Open_vSwitch,SSL,private_key",
            "--certificate=db:Open_vSwitch,SSL,certificate",
            "--ca-cert=db:Open_vSwitch,SSL,ca_cert",
        ]
        self._db = self._spawn(["ovsdb-server", f"{path}/conf.db", *remotes], "ovsdb")
        self._await(lambda: _listens(path / "db.sock"), "ovsdb-server", self._db)
        self.vsctl("--no-wait", "init")

    def _spawn(self, args: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        path = self.directory
        extra = [f"--unixctl={path}/{name}.ctl", f"--log-file={path}/{name}.log", "-vconsole:off", "--no-chdir"]
        with (path / f"{name}.out").open("ab") as output:
            # A session of its own: Ctrl-C in a terminal must reach the test, not the switches before it cleans up.
            return subprocess.Popen(
                [*args, *extra],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        path = str(self.directory)
        return _environment() | {"OVS_RUNDIR": path, "OVS_LOGDIR": path, "OVS_DBDIR": path, "OVS_SYSCONFDIR": path}

    def _answers(self) -> bool:
        try:
            self._control = Connection(self.directory / "vswitchd.ctl", self._timeout)
            self._control.call([("version",)])
        except (OSError, CommandError):
            return False
        return True

    def _await(self, done: Callable[[], bool], what: str, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + self._timeout
        while not done():
            if process.poll() is not None:
                raise LabError(f"{what} ended with exit code {process.returncode}.\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LabError(f"{what} does not answer after {self._timeout:g} s.\n{self.log_tail()}")
            time.sleep(_POLL_SECONDS)

    def _run(self, args: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                args, env=self._environment(), capture_output=True, text=True, timeout=self._timeout + 5, check=False
            )
        except FileNotFoundError:
            raise LabError(f"{args[0]} is not installed. Install Open vSwitch (Debian: openvswitch-switch).") from None
        except subprocess.TimeoutExpired:
            raise LabError(f"{' '.join(args[:8])} … gave no answer.\n{self.log_tail()}") from None
        if done.returncode:
            raise LabError(f"{' '.join(args[:8])} … failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def _listens(path: Path) -> bool:
    """Whether somebody takes connections at a Unix socket; it exists a moment before."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _environment() -> dict[str, str]:
    """The caller's environment, with the directories where an ordinary user's PATH lacks the OVS programs."""
    path = os.environ.get("PATH", "/usr/bin:/bin").split(":")
    return os.environ | {"PATH": ":".join([*path, *(p for p in _SYSTEM_PATHS if p not in path)])}


def _short_temporary() -> str | None:
    """The usual temporary directory unless its name is too long for sockets."""
    return None if len(tempfile.gettempdir()) <= _MAX_DIRECTORY - 20 else "/tmp"


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals, timeout: float) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
