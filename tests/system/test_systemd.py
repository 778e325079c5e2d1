"""The unit in a real systemd: it starts, keeps its state, is watched and started anew, and may not what it need not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from systemd_box import ROOT, Box, missing

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(missing() != "", reason=f"no systemd of its own can be started here: {missing()} is missing"),
]
UNIT = (ROOT / "packaging/systemd/sdnd.service").read_text()
SETTINGS = (ROOT / "packaging/systemd/sdnd.toml").read_text() + 'audit_log = "/var/log/sdn/audit.log"\n'
MANIFEST = "kind: Tenant\nname: tenants/red\n---\nkind: Network\nname: tenants/red/networks/web\n"
PROBE = """#!/usr/bin/python3
import ctypes, json, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
TRIES = {
    "write etc": lambda: open("/etc/x", "w"),
    "write usr": lambda: open("/usr/x", "w"),
    "write its settings": lambda: open("/etc/sdn/sdnd.toml", "a"),
    "write other state": lambda: open("/var/lib/x", "w"),
    "see root": lambda: os.listdir("/root"),
    "see other processes": lambda: open("/proc/1/cmdline").read(),
    "open memory": lambda: open("/dev/mem"),
    "make a device": lambda: os.mknod("/tmp/d", 0o20666, os.makedev(1, 1)),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "low port": lambda: socket.socket().bind(("127.0.0.1", 53)),
    "code that is written": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "mount": lambda: call("mount", b"x", b"/tmp", b"tmpfs", 0, None),
    "namespaces": lambda: call("unshare", 0x20000),
    "host name": lambda: call("sethostname", b"x", 1),
    "become root": lambda: os.setuid(0),
    "suid file": lambda: (open("/tmp/s", "w").close(), os.chmod("/tmp/s", 0o4755)),
    "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "kernel log": lambda: call("klogctl", 3, ctypes.create_string_buffer(10), 10),
    "tune the kernel": lambda: open("/proc/sys/net/ipv4/ip_forward", "w"),
    "its state": lambda: open("/var/lib/sdn/probe", "w"),
    "its logs": lambda: open("/var/log/sdn/probe", "w"),
    "a temporary file": lambda: open("/tmp/t", "w"),
    "tcp": lambda: socket.socket().bind(("127.0.0.1", 0)),
}
found = {}
for name, act in TRIES.items():
    try:
        act()
        found[name] = ""
    except (OSError, ValueError) as error:
        found[name] = type(error).__name__
found["see root"] = found["see root"] or ("" if os.listdir("/root") else "empty")
with open("/var/lib/sdn/found.json", "w") as file:
    json.dump(found, file)
"""
MAY = {"its state", "its logs", "a temporary file", "tcp"}


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    probe = UNIT.replace("Type=notify", "Type=oneshot").replace("/opt/sdn/bin/sdnd", "/opt/sdn/bin/probe")
    probe = probe.replace("Restart=on-failure", "Restart=no").replace("WatchdogSec=60s", "")
    files = {
        "etc/systemd/system/sdnd.service": UNIT,
        "etc/systemd/system/probe.service": probe,
        "usr/lib/sysusers.d/sdn.conf": (ROOT / "packaging/systemd/sdn.sysusers.conf").read_text(),
        "etc/sdn/sdnd.toml": SETTINGS,
        "opt/sdn/bin/probe": PROBE,
        "opt/sdn/manifest.yaml": MANIFEST,
    }
    with Box(files, ("sdnd.service",)) as found:
        found.until(lambda: state(found) == "active", "sdnd has told that it is ready")
        yield found


def state(box: Box) -> str:
    return box.show("sdnd", "ActiveState")[0]


def sdnctl(box: Box, *arguments: str) -> str:
    return box.run("/opt/sdn/bin/sdnctl", *arguments)


def test_it_starts_tells_how_it_is_and_writes(box: Box) -> None:
    kind, user, result = box.show("sdnd", "Type", "User", "Result")
    assert (kind, user, result) == ("notify", "sdn", "success")
    box.until(lambda: box.show("sdnd", "StatusText") == ("all switches are in sync",), "the line Status")
    sdnctl(box, "apply", "-f", "/opt/sdn/manifest.yaml")
    # A dry run is done in a copy of the process, and a backup in a thread: both must be permitted.
    assert "networks/web" in sdnctl(box, "apply", "-f", "/opt/sdn/manifest.yaml", "--dry-run", "-o", "name")
    sdnctl(box, "backup", "/tmp/backup.db")
    for name, mode in (("/var/lib/sdn", "700"), ("/var/lib/sdn/state.db", "600"), ("/var/log/sdn/audit.log", "600")):
        assert box.run("stat", "-c", "%U %a", name).split() == ["sdn", mode]
    assert "CreateTenant" in box.run("cat", "/var/log/sdn/audit.log") or "Apply" in box.run(
        "cat", "/var/log/sdn/audit.log"
    )


def test_it_has_no_rights_that_it_does_not_need(box: Box) -> None:
    (pid,) = box.show("sdnd", "MainPID")
    status = dict(line.split(":\t", 1) for line in box.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split()[0] != "0"
    for space in ("mnt", "user"):
        assert box.run("readlink", f"/proc/{pid}/ns/{space}") != box.run("readlink", f"/proc/1/ns/{space}")
    box.run("systemctl", "start", "probe")
    found = json.loads(box.run("cat", "/var/lib/sdn/found.json"))
    assert {name for name, refusal in found.items() if not refusal} == MAY


def test_a_restart_and_a_crash_lose_nothing(box: Box) -> None:
    sdnctl(box, "apply", "-f", "/opt/sdn/manifest.yaml")
    (first,) = box.show("sdnd", "MainPID")
    box.run("systemctl", "restart", "sdnd")
    (second,) = box.show("sdnd", "MainPID")
    assert second != first
    assert sdnctl(box, "get", "networks", "-o", "name").split() == ["tenants/red/networks/web"]
    box.run("kill", "-KILL", second)
    box.until(lambda: box.show("sdnd", "MainPID", "ActiveState") not in ((second, "active"), ("0", "active"))
              and state(box) == "active", "it is started anew")  # fmt: skip
    assert box.show("sdnd", "NRestarts")[0] == "1"
    assert sdnctl(box, "get", "networks", "-o", "name").split() == ["tenants/red/networks/web"]


def test_one_that_hangs_is_killed_and_started_anew(box: Box) -> None:
    """With a shorter watch than the unit's 60 seconds."""
    assert box.show("sdnd", "WatchdogUSec") == ("1min",)
    drop_in = "/run/systemd/system/sdnd.service.d"
    box.run("mkdir", "-p", drop_in)
    box.run(
        "sh",
        "-c",
        f"printf '[Service]\\nWatchdogSec=2s\\nTimeoutAbortSec=1s\\nRestartSec=100ms\\n' > {drop_in}/watch.conf",
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", "sdnd")
    (pid,) = box.show("sdnd", "MainPID")
    box.run("kill", "-STOP", pid)
    box.until(lambda: box.show("sdnd", "MainPID")[0] not in ("0", pid) and state(box) == "active", "it is started anew")
    assert "watchdog" in box.run("journalctl", "--no-pager", "-u", "sdnd", "-o", "cat").lower()


def test_reload_and_stop(box: Box) -> None:
    (pid,) = box.show("sdnd", "MainPID")
    box.run("systemctl", "reload", "sdnd")
    box.until(
        lambda: "settings read again" in box.run("journalctl", "--no-pager", "-u", "sdnd", "-o", "cat"), "it reloads"
    )
    assert (box.show("sdnd", "MainPID")[0], state(box)) == (pid, "active")
    box.run("systemctl", "stop", "sdnd")
    assert box.show("sdnd", "ActiveState", "Result", "ExecMainStatus") == ("inactive", "success", "0")
    assert "sdnd ends" in box.run("journalctl", "--no-pager", "-u", "sdnd", "-o", "cat")
