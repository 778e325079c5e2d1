"""Probes on their way whose times are wanted: when they left, with which round trip, and when they arrived.

The controller's turns do not tell such times: what leaves is written behind them, and what comes has waited for them.
So the southbound notes both (events.PacketsSent, events.PacketIn).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from sdn.controller.effects import SendPacket
from sdn.controller.events import PacketIn, PacketsSent, Session
from sdn.model.ids import Dpid
from sdn.topology import End, TopologyState, lldp

_PATIENCE = 5.0
"""Seconds after which a probe and its echo are given up."""


@dataclass(slots=True)
class _Flight:
    """begun: in time of turns; sent, heard: of the southbound's clock, None while not known. trip: seconds."""

    sender: End
    begun: float
    sent: float | None = None
    trip: float = 0.0
    receiver: End | None = None
    heard: float | None = None


class Timing:
    """Feeds the latencies of a topology. What it remembers is bounded by the probes of five seconds."""

    def __init__(self, topology: TopologyState) -> None:
        self._topology = topology
        self._flights: dict[int, _Flight] = {}

    def packets(
        self, probes: Collection[tuple[Dpid, int, bytes]], session_of: Callable[[int], Session | None], now: float
    ) -> Iterator[SendPacket]:
        """The probes as effects, some of them to be timed."""
        for number in [number for number, flight in self._flights.items() if now - flight.begun > _PATIENCE]:
            del self._flights[number]
        chosen = self._choose(probes, now)
        for dpid, port, frame in probes:
            session = session_of(dpid)
            if session is None:
                continue
            token = 0
            if (dpid, port) in chosen:
                token = lldp.number_of(frame)
                self._flights[token] = _Flight(chosen[dpid, port], now)
            yield SendPacket(session, port, frame, token=token)

    def _choose(self, probes: Iterable[tuple[Dpid, int, bytes]], now: float) -> dict[tuple[Dpid, int], End]:
        """The probes to be timed, by switch and port number."""
        discovery, latencies = self._topology.discovery, self._topology.latencies
        due: dict[tuple[End, End], tuple[Dpid, int]] = {}
        for dpid, port, _ in probes:
            sender = End(dpid, discovery.interface(dpid, port) or "")
            link = discovery.link_at(sender) if latencies.wants(sender, now) else None
            if link is not None:
                due[sender, link[1] if link[0] == sender else link[0]] = dpid, port
        chosen = latencies.choose(due, now)
        return {place: sender for (sender, _), place in due.items() if sender in chosen}

    def sent(self, event: PacketsSent) -> None:
        """Timed probes have left, and the echo behind them was answered."""
        self._topology.latencies.round_trip(event.dpid, event.round_trip)
        for token in event.tokens:
            flight = self._flights.get(token)
            if flight is not None and flight.sender.dpid == event.dpid:
                flight.sent, flight.trip = event.at, event.round_trip
                self._land(token, flight)

    def heard(self, event: PacketIn) -> None:
        """A probe that was believed has arrived."""
        token = lldp.number_of(event.data)
        flight = self._flights.get(token)
        name = self._topology.discovery.interface(event.dpid, event.in_port)
        if flight is not None and name is not None and event.at:
            flight.receiver, flight.heard = End(event.dpid, name), event.at
            self._land(token, flight)

    def _land(self, token: int, flight: _Flight) -> None:
        if flight.sent is None or flight.heard is None or flight.receiver is None:
            return
        del self._flights[token]
        way = flight.heard - flight.sent
        if 0 <= way < _PATIENCE:
            self._topology.latencies.probe(flight.sender, flight.receiver, way, flight.trip)
