"""The counters of a bridge's ports over an OpenFlow connection to its own socket: a process for each costs more."""

from __future__ import annotations

import socket
from pathlib import Path

from sdn.openflow import encode, multipart, wire
from sdn.openflow.decode import decode
from sdn.openflow.framing import Framer
from sdn.openflow.messages import MultipartReply

_SENT = 1
"""Packets sent, in the order of multipart.port_stats."""


def frames_sent(bridge: Path) -> dict[str, int]:
    """Frames that left by each port of a bridge, given by its socket for management, as DIRECTORY/BRIDGE.mgmt."""
    names: dict[int, str] = {}
    sent: dict[int, int] = {}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(bridge))
        connection.sendall(encode.hello(1) + encode.ports_request(2) + encode.port_stats_request(3))
        framer, left = Framer(), {wire.MP_PORT_DESC, wire.MP_PORT_STATS}
        while left:
            data = connection.recv(65536)
            assert data, f"{bridge} closed the connection"
            for message in map(decode, framer.feed(data)):
                if not isinstance(message, MultipartReply):
                    continue
                if message.type == wire.MP_PORT_DESC:
                    names |= {port.number: port.name for port in multipart.ports(message.body)}
                else:
                    sent |= {number: counters[_SENT] or 0 for number, counters in multipart.port_stats(message.body)}
                if not message.more:
                    left.discard(message.type)
    return {name: sent.get(number, 0) for number, name in names.items()}
