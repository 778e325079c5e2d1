"""Traffic of iperf3 between hosts of a lab, and what became of it before the first table of a switch saw it."""

from __future__ import annotations

import json
import re
import subprocess
from time import monotonic
from typing import TYPE_CHECKING

from sdn.v1 import counters_pb2 as cpb

if TYPE_CHECKING:
    from sdn_lab.lab import MininetLab

FRAME = 1442
"""Bytes of each frame of UDP: 1400 of payload, 42 of headers."""


def udp(lab: MininetLab, sender: str, receiver: str, rate: int, seconds: int = 4) -> tuple[int, int, int]:
    """So many seconds of UDP of that rate: packets sent, lost, and bits/s that arrived."""
    address = lab.endpoint(receiver).address(4)
    assert address is not None
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    server = lab.network.node(receiver).popen(["iperf3", "--server", "--one-off", "--forceflush", "--json"], **pipes)
    client = ["iperf3", "--client", str(address.interface.ip), "--udp", "--bitrate", str(rate), "--length", "1400"]
    try:
        for _ in range(100):
            done = lab.network.node(sender).popen([*client, "--time", str(seconds), "--json"], **pipes)
            report = json.loads(done.communicate(timeout=60)[0])
            if "error" not in report:  # it does not listen yet
                break
        found = report["end"]["sum"]
        server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    arrived = (found["packets"] - found["lost_packets"]) * FRAME * 8 / found["seconds"]
    return found["packets"], found["lost_packets"], round(arrived)


def counted(lab: MininetLab, name: str) -> cpb.Counts:
    """The total of a connection after the next two readings of the switches."""
    end = monotonic() + 30
    first = lab.client.counters.get(name).counted.time.ToNanoseconds()
    while lab.client.counters.get(name).counted.time.ToNanoseconds() < first + 2 * 10**9:
        assert monotonic() < end
    return lab.client.counters.get(name).counted.total


def unread(lab: MininetLab, *interfaces: str) -> int:
    """Packets that came to interfaces of switches (all, if none is named) and that no table has seen.

    Open vSwitch's userspace datapath reads packets from one socket for each interface; when it gets no time for that,
    the kernel drops what does not fit into the socket's buffer, and counts it there alone: neither the interface nor
    any flow knows of it (packet(7); ``ss -0 -m``, d).
    """
    topology = lab.network.topology
    wanted = interfaces or (
        *(end[1] for link in topology.links for end in (link.a, link.b)),
        *(host.interface for host in topology.hosts),
    )
    text = subprocess.run(["ss", "-0", "-a", "-n", "-m"], capture_output=True, text=True, check=True).stdout
    drops = {name: int(count) for name, count in re.findall(r"\*:(\S+)\s+\*\s+skmem:\([^)]*,d(\d+)\)", text)}
    return sum(drops[name] for name in wanted)


def unheard(lab: MininetLab, host: str) -> int:
    """UDP packets that a host has dropped because a program did not read them (RcvbufErrors in /proc/net/snmp)."""
    text = lab.network.node(host).cmd("cat /proc/net/snmp")
    rows = [line.split() for line in text.splitlines() if line.startswith("Udp:")]
    return int(dict(zip(*rows[:2], strict=True))["RcvbufErrors"])
