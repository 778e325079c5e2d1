"""Packets to MACs that nobody is known to have: kept a while for ports that will be silent ones soon.

A host that is sought may sit behind a port in quarantine, or behind one whose switch has not confirmed yet that it is
to be heard, so that its answer would be lost. Bounded, since hosts decide how much comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sdn.controller.events import PacketIn

MAX_SOUGHT, MAX_PER_SENDER = 256, 8
PATIENCE = 5.0
"""Seconds: longer than a quarantine lasts, and the daemon is busy, at the usual interval of probes."""


@dataclass(frozen=True, slots=True)
class _Packet:
    sender: str
    target: str
    event: PacketIn
    deadline: float


class Sought:
    """In the order in which they came. Names are those of the senders' ports."""

    def __init__(self) -> None:
        self._packets: list[_Packet] = []
        self._senders: Counter[str] = Counter()

    def put(self, sender: str, target: str, event: PacketIn, now: float) -> None:
        """Keep a packet to a MAC, unless there are too many."""
        if len(self._packets) < MAX_SOUGHT and self._senders[sender] < MAX_PER_SENDER:
            self._packets.append(_Packet(sender, target, event, now + PATIENCE))
            self._senders[sender] += 1

    def all(self) -> Iterator[PacketIn]:
        """What is kept."""
        return (packet.event for packet in self._packets)

    def found(self, target: str) -> list[PacketIn]:
        """Somebody has this MAC: the packets to it, which are not kept any more."""
        found = [packet.event for packet in self._packets if packet.target == target]
        self._keep([packet for packet in self._packets if packet.target != target])
        return found

    def forget(self, sender: str) -> None:
        """A port is gone."""
        self._keep([packet for packet in self._packets if packet.sender != sender])

    def expire(self, now: float) -> None:
        """Time passed."""
        if self._packets and self._packets[0].deadline <= now:
            self._keep([packet for packet in self._packets if packet.deadline > now])

    def _keep(self, packets: list[_Packet]) -> None:
        if len(packets) < len(self._packets):
            self._packets = packets
            self._senders = Counter(packet.sender for packet in packets)
