"""Real frames at the ends of cables: a network of veth pairs under the userspace datapath, in a namespace of its own.

Everything is in the calling process's new network namespace, so nothing is seen of it outside, and the end of the
process is the end of all devices. Hosts are the free ends of their cables.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from sdn.lab import wiring
from sdn.lab.ovs import PrivateOvs
from sdn.lab.wiring import BridgeSettings
from sdn.model.topology import DeclaredLink, DeclaredTopology

_CLONE_NEWNET = 0x40000000
_RTM_NEWLINK, _NLM_F_REQUEST, _NLM_F_ACK, _IFF_UP = 16, 1, 4, 1
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33
_ALL = 0x0003
"""ETH_P_ALL."""
_STAMP = struct.Struct("@qq")
_NUMBER = struct.Struct(">I")
_BUFFER = 64 << 20
_UDP_PAYLOAD = 14 + 20 + 8
_UDP_CHECKSUM = 14 + 20 + 6
MAGIC = b"gap!"


def enter_namespace() -> None:
    """A network namespace for this process and all it starts; call it before there are threads. Needs root."""
    _libc("unshare", _CLONE_NEWNET)
    _ip(["link set lo up"])


class WireNetwork:
    """A declared topology, whose interfaces have names; every switch is an Open vSwitch with a namespace of its own.

    As on machines of their own: the thread of ovs-vswitchd that forwards is the one that looks at ports, and it looks
    again after 5 ms at the earliest (udpif_revalidator in OVS's ofproto-dpif-upcall.c), so in one process each switch
    would pay for the failures of all. And as there, nothing else that computes keeps it waiting (SCHED_FIFO, if that is
    allowed). port: where the controller listens, on every address.
    """

    def __init__(self, topology: DeclaredTopology, directory: Path, port: int) -> None:
        self.topology = wiring.complete(topology)
        self._ovs = {s: PrivateOvs(directory / str(n), devices=True) for n, s in enumerate(self.topology.switches)}
        self._port = port
        self._places = {name: switch for switch, name in wiring.interfaces(self.topology)}
        self._netlink: dict[str, socket.socket] = {}

    def __enter__(self) -> Self:
        try:
            for ovs in self._ovs.values():
                ovs.start()
            self._cable()
            for number, switch in enumerate(self.topology.switches):
                self._build(number, switch)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for netlink in self._netlink.values():
            netlink.close()
        for ovs in self._ovs.values():
            ovs.stop()  # and with it its namespace, its ends of cables and therefore the other ends

    def _cable(self) -> None:
        """All cables, each end where it belongs; those of hosts stay here, and one of each switch for control.

        No two devices have the same index: when both ends of a cable have, in two namespaces, Linux tells the loss of a
        carrier up to a second late (linkwatch_urgent_event in net/core/link_watch.c).
        """
        index = count(1000)
        pid = {switch: ovs.pids[1] for switch, ovs in self._ovs.items()}
        lines = []
        for link in self.topology.links:
            (a, near), (b, far) = link.a, link.b
            lines.append(
                f"link add {near} index {next(index)} netns {pid[a]} type veth "
                f"peer name {far} index {next(index)} netns {pid[b]}"
            )
        for host in self.topology.hosts:
            end = host_end(host.name)
            far = f"peer name {host.interface} index {next(index)} netns {pid[host.switch]}"
            lines.append(f"link add {end} index {next(index)} type veth {far}")
            lines.append(f"link set {end} up")
        for number, switch in enumerate(self.topology.switches):
            lines.append(f"link add control{number} type veth peer name control netns {pid[switch]}")
            lines += [f"address add {_control(number, 1)}/30 dev control{number}", f"link set control{number} up"]
        _ip(lines)

    def _build(self, number: int, switch: str) -> None:
        ovs, bridge = self._ovs[switch], wiring.bridge_names(self.topology)[switch]
        names = [name for name, place in self._places.items() if place == switch]
        lines = [f"link set {name} up" for name in (*names, "control")]
        _ip([*lines, f"address add {_control(number, 2)}/30 dev control"], ovs.pids[1])
        settings = BridgeSettings(f"tcp:{_control(number, 1)}:{self._port}", datapath="netdev")
        commands = [*wiring.add_bridge(bridge, self.topology.switches[switch], settings)]
        ovs.vsctl_batch([*commands, *(("add-port", bridge, name) for name in names)])
        for thread in Path(f"/proc/{ovs.pids[1]}/task").iterdir():
            ahead(int(thread.name))
        with _namespace_of(ovs.pids[1]):
            self._netlink[switch] = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    def cut(self, interface: str) -> None:
        """Take one end of a cable down: the other loses its carrier."""
        self._set(interface, 0)

    def mend(self, interface: str) -> None:
        """Undo ``cut``."""
        self._set(interface, _IFF_UP)

    def silence(self, interface: str, *, both: bool) -> None:
        """From now on nothing arrives at an end of a cable, nor (``both``) at the other one; no carrier is lost.

        A token bucket that holds no frame (tc-tbf(8)) drops all that is sent at the other end.
        """
        for end in self._silenced(interface, both):
            self._tc(end, "replace", "tbf", "rate", "8bit", "burst", "10", "limit", "10")

    def unsilence(self, interface: str, *, both: bool) -> None:
        """Undo ``silence``."""
        for end in self._silenced(interface, both):
            self._tc(end, "del")

    def tell_databases(self, port: int) -> None:
        """All databases connect to a port of the controller."""
        for number, ovs in enumerate(self._ovs.values()):
            ovs.vsctl("set-manager", f"tcp:{_control(number, 1)}:{port}")

    def column(self, interface: str, column: str) -> str:
        """A column of an interface, as its database has it."""
        return self._ovs[self._places[interface]].vsctl("get", "interface", interface, column).strip()

    def watched(self, interval: int) -> bool:
        """Whether the BFD sessions of all links are up and at their pace, and nothing else watches them.

        interval: milliseconds between frames; until both ends have agreed on it there is one in a second.
        """
        ends = [name for link in self.topology.links for _, name in (link.a, link.b)]
        return all(self.column(end, "cfm_mpid") == "[]" and self._keeps_pace(end, interval) for end in ends)

    def _keeps_pace(self, interface: str, interval: int) -> bool:
        if "state=up" not in self.column(interface, "bfd_status"):
            return False
        shown = self._ovs[self._places[interface]].appctl("bfd/show", interface)
        paces = re.findall(r"[RT]X Interval: Approx (\d+)ms", shown)
        return len(paces) == 2 and all(int(pace) <= interval for pace in paces)

    def _silenced(self, interface: str, both: bool) -> list[str]:
        """The sending end first: that is where frames are dropped."""
        other = self.other_end(interface)
        return [other, interface] if both else [other]

    def other_end(self, interface: str) -> str:
        """The other end of a cable between switches."""
        link = next(link for link in self.topology.links if interface in (link.a[1], link.b[1]))
        return link.a[1] if interface == link.b[1] else link.b[1]

    def management(self, interface: str) -> str:
        """The socket at which ovs-ofctl finds the switch of an interface."""
        switch = self._places[interface]
        return f"{self._ovs[switch].directory}/{wiring.bridge_names(self.topology)[switch]}.mgmt"

    def _tc(self, interface: str, verb: str, *rule: str) -> None:
        pid = self._ovs[self._places[interface]].pids[1]
        command = ["nsenter", "-t", str(pid), "-n", "tc", "qdisc", verb, "dev", interface, "root", *rule]
        subprocess.run(command, check=True)

    def _set(self, interface: str, flags: int) -> None:
        """Without a program in between, so that a failure has a moment."""
        switch = self._places[interface]
        with _namespace_of(self._ovs[switch].pids[1]):
            index = socket.if_nametoindex(interface)
        header = struct.pack("=IHHII", 32, _RTM_NEWLINK, _NLM_F_REQUEST | _NLM_F_ACK, 0, 0)
        netlink = self._netlink[switch]
        netlink.send(header + struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, _IFF_UP))
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
        if error:
            raise SystemExit(f"{interface} cannot be set: {os.strerror(-error)}")

    def arrived(self) -> dict[str, int]:
        """Frames that each end of a cable has received, by interface."""
        found = _received("self")
        for ovs in self._ovs.values():
            found |= _received(str(ovs.pids[1]))
        return found

    def receiving_end(self, link: DeclaredLink, before: dict[str, int], now: dict[str, int], least: int) -> str:
        """The end of a link that received at least so many frames in between; '' if neither did."""
        return next((name for _, name in (link.a, link.b) if now[name] - before[name] >= least), "")


def _control(number: int, end: int) -> str:
    """Address of an end of the cable for control."""
    return f"10.255.{number >> 6}.{(number & 63) * 4 + end}"


def _ip(lines: list[str], pid: int = 0) -> None:
    """Commands of ip(8), in the namespace of a process."""
    enter = ["nsenter", "-t", str(pid), "-n"] if pid else []
    script = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec ip -batch -"  # no frames but those that are sent
    done = subprocess.run(
        [*enter, "sh", "-c", script], input="\n".join(lines), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"ip: {done.stderr.strip()}")


def _received(process: str) -> dict[str, int]:
    lines = Path(f"/proc/{process}/net/dev").read_text().splitlines()[2:]
    split = (line.split(":") for line in lines)
    return {name.strip(): int(rest.split()[1]) for name, rest in split}


@contextmanager
def _namespace_of(pid: int) -> Iterator[None]:
    """This thread is in the network namespace of another process meanwhile; sockets stay where they were made."""
    with open("/proc/thread-self/ns/net") as here, open(f"/proc/{pid}/ns/net") as there:
        _libc("setns", there.fileno(), _CLONE_NEWNET)
        try:
            yield
        finally:
            _libc("setns", here.fileno(), _CLONE_NEWNET)


def _libc(name: str, *args: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*args):
        raise SystemExit(f"{name}: {os.strerror(ctypes.get_errno())}; run it as root")


def host_end(host: str) -> str:
    """The interface that is a host's own."""
    return f"{host}-wire"


class Stream:
    """A process that sends numbered packets at a constant rate, and nothing else: it is not to wait for this one."""

    def __init__(self, rate: int) -> None:
        command = [sys.executable, __file__, str(rate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def start(self, interface: str, frame: bytes) -> None:
        """Begin with number 0. frame: UDP over IPv4 without options, with room for twelve octets."""
        self._tell({"interface": interface, "frame": frame.hex()})

    def stop(self) -> dict[int, int]:
        """End; the time of each packet, in nanoseconds of Unix time, by number."""
        times = self._tell({})
        return dict(enumerate(times))

    def _tell(self, order: dict[str, str]) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._process.stdout.readline())
        return found


class Receiver:
    """What comes to a host, with the kernel's time of arrival: it does not matter when it is read."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((interface, _ALL))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def read(self) -> dict[int, int]:
        """The time of the first arrival of each packet of a stream since the last call, by number."""
        found: dict[int, int] = {}
        for data, stamp in self._packets():
            at = data.find(MAGIC, _UDP_PAYLOAD)
            if at >= 0:
                found.setdefault(_NUMBER.unpack_from(data, at + len(MAGIC))[0], stamp)
        return found

    def _packets(self) -> Iterator[tuple[bytes, int]]:
        space = socket.CMSG_SPACE(_STAMP.size)
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(2048, space)
            except BlockingIOError:
                return
            for level, kind, value in extra:
                if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                    seconds, rest = _STAMP.unpack(value[: _STAMP.size])
                    yield data, seconds * 1_000_000_000 + rest


def ahead(task: int) -> None:
    """A thread (0: this one) runs before all ordinary ones; where that is not allowed, noise is measured with it."""
    with suppress(OSError):
        os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(1))


def burst(interface: str, frame: bytes, count: int) -> None:
    """Send the same frame several times."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((interface, 0))
        for _ in range(count):
            out.send(frame)


def _send(rate: int) -> None:
    """The process of ``Stream``: ahead of everything that computes, so that its pauses are none of theirs."""
    ahead(0)
    for line in sys.stdin:
        order = json.loads(line)
        frame = bytearray.fromhex(order["frame"])
        frame[_UDP_CHECKSUM : _UDP_CHECKSUM + 2] = b"\0\0"  # none (RFC 768), so that only the number changes
        print("[]", flush=True)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
            out.bind((order["interface"], 0))
            times = _pace(out, frame, 1 / rate)
        sys.stdin.readline()
        print(json.dumps(times), flush=True)


def _pace(out: socket.socket, frame: bytearray, interval: float) -> list[int]:
    times: list[int] = []
    due = time.monotonic()
    at = frame.index(MAGIC, _UDP_PAYLOAD) + len(MAGIC)
    while True:
        _NUMBER.pack_into(frame, at, len(times))
        times.append(time.time_ns())
        out.send(frame)
        due += interval
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            return times


if __name__ == "__main__":
    _send(int(sys.argv[1]))
