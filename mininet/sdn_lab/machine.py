"""What the machine must offer, and what it has already: Open vSwitch, names of interfaces and bridges."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

MAX_INTERFACE = 15
"""Bytes of a network device's name in Linux (IFNAMSIZ without the final zero)."""


class MachineError(RuntimeError):
    """The machine cannot hold the lab; the message says what to do."""


def run(*args: str, timeout: float = 60.0) -> str:
    """Run a program and return what it wrote; raises MachineError."""
    try:
        done = subprocess.run(args, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise MachineError(f"{args[0]} is not installed. Run ./dev setup.") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"{' '.join(args)[:200]} gave no answer within {timeout:g} s.") from None
    if done.returncode:
        raise MachineError(f"{' '.join(args)[:200]} failed: {(done.stderr or done.stdout).strip()[:2000]}")
    return done.stdout


def ensure_open_vswitch() -> None:
    """Start the system's Open vSwitch unless it runs; a kernel module is not needed."""
    if _ovs_answers():
        return
    if shutil.which("ovs-vsctl") is None:
        raise MachineError("Open vSwitch is not installed. Run ./dev setup, or install openvswitch-switch.")
    if Path("/run/systemd/system").is_dir():
        command = ["systemctl", "start", "openvswitch-switch"]
    elif Path("/etc/init.d/openvswitch-switch").exists():
        command = ["service", "openvswitch-switch", "start"]
    else:
        command = ["/usr/share/openvswitch/scripts/ovs-ctl", "start", "--system-id=random"]
    # It may complain of the missing kernel module; what counts is whether it answers.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if not _ovs_answers():
        raise MachineError(f"Open vSwitch does not start: {(done.stderr or done.stdout).strip()[-1000:]}")


def _ovs_answers() -> bool:
    try:
        run("ovs-vsctl", "--timeout=3", "show")
    except MachineError:
        return False
    return True


def taken_names() -> set[str]:
    """Names of all network devices in this namespace, and of all bridges and ports of Open vSwitch."""
    devices = {path.name for path in Path("/sys/class/net").iterdir()}
    ports = run("ovs-vsctl", "--bare", "--columns=name", "list", "interface").split()
    bridges = run("ovs-vsctl", "list-br").split()
    return devices.union(ports, bridges)


def check_interfaces(names: Iterable[str], taken: set[str]) -> None:
    """Raise MachineError when a name is too long for Linux, repeated, or in use: Mininet would delete what has it."""
    seen: set[str] = set()
    for name in names:
        if len(name.encode()) > MAX_INTERFACE or not name:
            raise MachineError(f"{name!r} cannot be an interface name. Use 1 to {MAX_INTERFACE} bytes.")
        if name in seen:
            raise MachineError(f"two switches have an interface {name!r}. In Mininet each needs a name of its own.")
        if name in taken:
            raise MachineError(
                f"there is an interface {name!r} on this machine already. Another lab may be running; "
                f"else remove it with 'ovs-vsctl del-port {name}' or 'ip link del {name}'."
            )
        seen.add(name)


def bridge_names(switches: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Switch → a name for its bridge and its Mininet node: the same where possible, else a short one."""
    names: dict[str, str] = {}
    used = set(taken)
    for number, switch in enumerate(switches, 1):
        name, attempt = switch, 0
        # Mininet passes names to a shell, and Open vSwitch makes a device of each.
        while name in used or len(name) > MAX_INTERFACE or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            attempt += 1
            name = f"sdn{attempt}-{number}"
        names[switch] = name
        used.add(name)
    return names
