"""Probes of the data plane that are under way: sending them, knowing them again, and when they left and came.

A probe takes the entries that a tenant's packet takes and never reaches a host (docs/probes.md). Who sends one keeps
its ``Flight`` and looks at what was seen of it. What comes back counts only while its flight is open, so a probe that
is replayed tells nothing. Times are of the southbound's clock (events.PacketsSent, events.PacketIn), not of turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sdn.controller.effects import TABLE, Entrance, SendPacket
from sdn.controller.errands import Errand, Sighting
from sdn.controller.events import PacketIn, PacketsSent, Session
from sdn.model.ids import Dpid
from sdn.pipeline.layout import DESTINATION, PROBE, PROBE_MARK, Table
from sdn.topology import pathprobe
from sdn.topology.latency import Latencies

TIMEOUT = 1.0
"""Seconds after which a probe is lost."""
_PATIENCE = 2.0
"""Seconds for which a probe that comes after all is still known."""
_MAX_SIGHTINGS = 64
_TOKENS = 1 << 62
"""Tokens of these probes are above; those of LLDP probes are below."""
_PROBE, _DESTINATION = (int(register.name.removeprefix("reg")) for register in (PROBE, DESTINATION))
_CAME = (Table.FABRIC, Table.OUTPUT, Table.PUNT)


@dataclass(slots=True)
class Flight:
    """A probe under way. begun: in time of turns; sent: of the southbound's clock; trip: to its switch and back."""

    number: int
    dpid: Dpid
    begun: float
    sent: float | None = None
    trip: float = 0.0
    seen: list[Sighting] = field(default_factory=list)

    @property
    def arrival(self) -> Sighting | None:
        """Where it would have gone out to a host."""
        return next((sighting for sighting in self.seen if sighting.table == Table.OUTPUT), None)


class Prober:
    """Sends probes and takes them back. key: secret of the probes; session_of: of a connected switch.

    is_ready: whether a switch has confirmed its entries for probes. Memory follows the probes of two seconds.
    """

    def __init__(
        self,
        key: bytes,
        session_of: Callable[[int], Session | None],
        is_ready: Callable[[int], bool],
        latencies: Latencies,
    ) -> None:
        self._key = key
        self._session_of, self._is_ready, self._latencies = session_of, is_ready, latencies
        self._counter = 0
        self._flights: dict[int, Flight] = {}
        self.sent = self.forged = 0
        """Probes sent, and frames that claimed to be one of ours and were not, since the start."""

    def can(self, switches: Iterable[int]) -> bool:
        """Whether probes can be sent between these switches: all are connected, and take probes from hosts' ways."""
        return all(self._session_of(dpid) is not None and self._is_ready(dpid) for dpid in switches)

    def send(self, errand: Errand, now: float, random_bytes: Callable[[int], bytes]) -> tuple[Flight, SendPacket]:
        """A probe that leaves with this turn; its switch must be connected."""
        session = self._session_of(errand.dpid)
        assert session is not None
        self._counter += 1
        self.sent += 1
        flight = self._flights[self._counter] = Flight(self._counter, errand.dpid, now)
        registers = (*errand.registers, (_PROBE, PROBE_MARK | errand.watch))
        frame = errand.frame(pathprobe.seal(self._key, self._counter, random_bytes(8)))
        token = _TOKENS | self._counter
        if errand.out_port is not None:
            return flight, SendPacket(session, errand.out_port, frame, token)
        entrance = Entrance(errand.table, registers, errand.look_up)
        return flight, SendPacket(session, TABLE, frame, token, in_port=errand.in_port, entrance=entrance)

    def expire(self, now: float) -> None:
        """Forget probes that are lost. O(those)."""
        while self._flights:
            first = next(iter(self._flights.values()))
            if now - first.begun <= _PATIENCE:
                return
            del self._flights[first.number]

    def sent_at(self, event: PacketsSent) -> None:
        """Probes have left, and the echo behind them was answered."""
        for token in event.tokens:
            flight = self._flights.get(token ^ _TOKENS)
            if flight is not None and flight.dpid == event.dpid:
                flight.sent, flight.trip = event.at, event.round_trip

    def heard(self, event: PacketIn) -> bool:
        """A packet came in; whether it was a probe, or claimed to be one where only probes come from."""
        if event.table not in _CAME:
            return False
        number = pathprobe.number_in(self._key, event.data)
        if number is None:
            self.forged += pathprobe.looks_like(event.data)
            return event.table != Table.PUNT
        flight = self._flights.get(number)
        if flight is not None and len(flight.seen) < _MAX_SIGHTINGS:
            flight.seen.append(_sighting(event))
        return True

    def way(self, flight: Flight) -> tuple[float, float] | None:
        """Seconds one way to where a probe arrived; see ``after``."""
        return None if flight.arrival is None else self.after(flight, flight.arrival)

    def after(self, flight: Flight, sighting: Sighting) -> tuple[float, float] | None:
        """Seconds from when a probe left to when it was seen, and the error: half of the round trips to both switches.

        None while it is not known when it left, or how long the way to the switch where it was seen takes.
        """
        trip = self._latencies.trip(sighting.dpid)
        if trip is None or flight.sent is None or not sighting.at:
            return None
        return sighting.at - flight.sent - (flight.trip + trip) / 2, (flight.trip + trip) / 2


def _sighting(event: PacketIn) -> Sighting:
    registers = event.registers
    kept = registers.get(_PROBE, 0) & 0xFFFFFF
    kept = kept if kept >> 16 else 0  # in the switch where it entered there is no label, but which probe it is
    label = kept if event.table == Table.OUTPUT else int.from_bytes(event.data[:3], "big")
    receiver = registers.get(_DESTINATION, 0)
    return Sighting(event.dpid, event.table, event.in_port, label, receiver, event.at)
