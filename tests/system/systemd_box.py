"""A systemd of its own as process 1 of namespaces of its own, to run a unit as an installation would.

Rules: the machine's files are there, and what is written goes to memory (an overlay); network, processes, mounts and
control groups are the box's own. Of systemd's services those for files of users and logs run, and no others; /sys and
/proc/sys are read-only, so that nothing of the machine is set. The box ends with the process that made it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = "/lib/systemd/systemd"
DEADLINE = 20.0
_NEEDED = ("unshare", "nsenter", "mount", "pivot_root", "systemctl", "mknod")
_SCRIPT = r"""
set -eu
mount -t tmpfs -o mode=755 tmpfs "$PLACE"
mkdir "$PLACE"/up "$PLACE"/work "$PLACE"/root
R=$PLACE/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/up,workdir=$PLACE/work" "$R"
mount -t proc proc "$R/proc"
mount --bind "$R/proc/sys" "$R/proc/sys"
mount -o remount,bind,ro "$R/proc/sys"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
for place in run dev tmp var/lib var/log; do mount -t tmpfs -o mode=755 tmpfs "$R/$place"; done
chmod 1777 "$R/tmp"
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $node
  mknod -m 666 "$R/dev/$1" c "$2" "$3"
done
mkdir "$R/dev/shm" "$R/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
rm -rf "$R"/etc/systemd/system/* "$R"/usr/lib/systemd/system/*.target.wants/*
W=$R/usr/lib/systemd/system
ln -s ../systemd-sysusers.service ../systemd-journald.service "$W/sysinit.target.wants/"
ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket "$W/sockets.target.wants/"
for name in python site; do mkdir -p "$R/opt/sdn/$name"; done
mount --bind "$PYTHON" "$R/opt/sdn/python"
mount --bind "$SITE" "$R/opt/sdn/site"
cp -a "$FILES/." "$R/"
ip link set lo up
mkdir "$R/before"
cd "$R"
pivot_root . before
umount -l /before
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin "$SYSTEMD" --unit=box.target --show-status=false
"""
_START = """#!/bin/sh
# The interpreter is not where it was installed, and so neither is its library.
export LD_LIBRARY_PATH=/opt/sdn/python/lib PYTHONPATH=/opt/sdn/src:/opt/sdn/site
exec /opt/sdn/python/bin/{python} -m {module} "$@"
"""


def missing() -> str:
    """What the machine lacks for a box; '' if nothing."""
    if os.geteuid() != 0:
        return "root"
    if not Path(SYSTEMD).exists():
        return SYSTEMD
    tools = [name for name in _NEEDED if shutil.which(name) is None]
    if tools:
        return ", ".join(tools)
    if _cgroups() is None:
        return "a mounted cgroup2"
    return "" if "\toverlay\n" in Path("/proc/filesystems").read_text() else "overlay"


def _cgroups() -> Path | None:
    lines = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(place) for _, place, kind, *_ in lines if kind == "cgroup2"), None)


class Box:
    """files: what is there beside the machine's files, by path; ``units``: of them, started with the box."""

    def __init__(self, files: dict[str, str], units: tuple[str, ...]) -> None:
        self._files = files | {"etc/systemd/system/box.target": f"[Unit]\nWants={' '.join(units)}\n"}
        python = Path(os.path.realpath(sys.executable)).name
        for name, module in (("sdnd", "sdn.app"), ("sdnctl", "sdn.cli.main")):
            self._files[f"opt/sdn/bin/{name}"] = _START.format(python=python, module=module)
        self._directory = Path(tempfile.mkdtemp(prefix="sdn-box-"))
        cgroups = _cgroups()
        assert cgroups is not None
        self._cgroup = cgroups / f"sdn-box-{os.getpid()}"
        self._process: subprocess.Popen[str] | None = None
        self._pid = 0

    def __enter__(self) -> Box:
        place, files = self._directory / "place", self._directory / "files"
        place.mkdir()
        for name, text in self._files.items():
            path = files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        shutil.copytree(ROOT / "sdn", files / "opt/sdn/src/sdn")
        # Whatever they are here: in the box they are read by a user of its own.
        for found in (files, *files.rglob("*")):
            found.chmod(0o755 if found.is_dir() or "/bin/" in str(found) else 0o644)
        self._cgroup.mkdir()
        environment = {
            "PLACE": str(place),
            "FILES": str(files),
            "PYTHON": sys.base_prefix,
            "SITE": sysconfig.get_path("purelib"),
            "SYSTEMD": SYSTEMD,
            "CGROUP": str(self._cgroup),
            "SCRIPT": _SCRIPT,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        spaces = ["--cgroup", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        start = f'echo $$ > $CGROUP/cgroup.procs && exec unshare {" ".join(spaces)} bash -c "$SCRIPT"'
        self._process = subprocess.Popen(
            ["bash", "-c", start], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self.until(self._answers, "systemd answers")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        end = time.monotonic() + DEADLINE
        for folder in [*sorted(self._cgroup.rglob("*/"), key=lambda path: -len(path.parts)), self._cgroup]:
            while folder.exists() and time.monotonic() < end:
                try:
                    folder.rmdir()
                except OSError:
                    continue  # its processes have not ended quite yet
        shutil.rmtree(self._directory)

    def run(self, *command: str, check: bool = True) -> str:
        """Standard output of a command in the box, as root."""
        spaces = ["-m", "-p", "-n", "-u", "-i", "-C"]
        done = subprocess.run(
            ["nsenter", "-t", str(self._pid), *spaces, *command],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def show(self, unit: str, *properties: str) -> tuple[str, ...]:
        """Properties of a unit as systemd tells them."""
        lines = self.run("systemctl", "show", unit, *(f"-p{name}" for name in properties)).splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return tuple(found[name] for name in properties)

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Ask again and again, since nothing tells."""
        end = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < end, f"never: {what}\n{self._log()}"

    def _log(self) -> str:
        return self.run("journalctl", "--no-pager", "-n", "50", check=False) if self._pid else ""

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.skip(f"no systemd of its own can be started here: {self._process.communicate()[0].strip()}")
        try:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        self._pid = int(children[0])
        return self.run("systemctl", "is-active", "box.target", check=False).strip() == "active"
