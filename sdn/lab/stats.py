"""Reading what ovs-ofctl(8) prints about ports."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PORT = re.compile(r"^ (\d+)\((.+?)\): addr:", re.MULTILINE)
_COUNTERS = re.compile(
    r'^  port +"?([^":]+)"?: rx pkts=(\d+|\?), bytes=(\d+|\?).*\n +tx pkts=(\d+|\?), bytes=(\d+|\?)', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class PortCounters:
    """Packets and bytes that a switch received from a port and sent out of it."""

    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int


def parse_ports(text: str) -> dict[str, int]:
    """Interface name → OpenFlow port number, from ``ovs-ofctl dump-ports-desc``; the local port is left out."""
    return {name: int(number) for number, name in _PORT.findall(text)}


def parse_counters(text: str, names: dict[int, str]) -> dict[str, PortCounters]:
    """Counters by interface, from ``ovs-ofctl dump-ports``. names: port number → interface name."""
    known = set(names.values())
    counters: dict[str, PortCounters] = {}
    for port, *values in _COUNTERS.findall(text):
        name = names.get(int(port), port) if port.isdigit() else port
        if name in known:
            counters[name] = PortCounters(*(0 if v == "?" else int(v) for v in values))
    return counters
