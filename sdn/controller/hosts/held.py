"""Packets that taught something: kept until the switches know it too, then sent on through the switch's own tables.

So the first packet of a host is delayed, not lost, and takes the same way as all that follow. Bounded, since hosts
decide how much comes; what is above is dropped as on any busy wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sdn.controller.effects import TABLE, SendPacket
from sdn.controller.events import PacketIn

MAX_PER_PORT, MAX_HELD = 8, 2000
PATIENCE = 2.0
"""Seconds after which a packet is sent on though a switch has not confirmed: it may be on another switch's behalf."""
AGAIN = 8
"""Packets of a port that teach nothing new and are sent on all the same after each lesson: they came before flows."""


@dataclass(frozen=True, slots=True)
class _Packet:
    event: PacketIn
    deadline: float


class Held:
    """Packets by the name of the port whose flows they wait for."""

    def __init__(self) -> None:
        self._packets: dict[str, list[_Packet]] = {}
        self._count = 0
        self._again: dict[str, int] = {}

    def put(self, name: str, event: PacketIn, now: float) -> None:
        """Keep a packet that has taught something about a port."""
        self._again[name] = AGAIN
        self._keep(name, event, now)

    def put_again(self, name: str, event: PacketIn, now: float) -> None:
        """Keep one that has taught nothing: at most a few after each lesson, so that none goes round for ever."""
        left = self._again.get(name, 0)
        if left:
            self._again[name] = left - 1
            self._keep(name, event, now)

    def forget(self, name: str) -> None:
        """A port is gone."""
        self._again.pop(name, None)
        self._count -= len(self._packets.pop(name, ()))

    def release(self, now: float, waiting: Callable[[str], bool]) -> Iterator[SendPacket]:
        """What may go on now. waiting: whether a switch has not yet confirmed the flows of a port."""
        for name, packets in list(self._packets.items()):
            if packets[0].deadline <= now or not waiting(name):
                del self._packets[name]
                self._count -= len(packets)
                for packet in packets:
                    event = packet.event
                    yield SendPacket(event.session, TABLE, event.data, in_port=event.in_port)

    def _keep(self, name: str, event: PacketIn, now: float) -> None:
        packets = self._packets.setdefault(name, [])
        if len(packets) < MAX_PER_PORT and self._count < MAX_HELD:
            packets.append(_Packet(event, now + PATIENCE))
            self._count += 1
        elif not packets:
            del self._packets[name]
