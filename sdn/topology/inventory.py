"""Which switches and ports there are: what is known of them, and questions about it.

Belongs here: bookkeeping of names and numbers. Must not know: what becomes a link, and when probes go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from sdn.model.ids import Dpid
from sdn.model.topology import SwitchPort
from sdn.topology.adjacency import End

MAX_PORT = 0xFFFFFF00
"""OFPP_MAX (OpenFlow 1.3.5, section 7.2.1): higher numbers are not ports that a cable can be plugged into."""


@dataclass(slots=True)
class PortState:
    """A port of a connected or remembered switch. nonces: (nonce, when sent), oldest first.

    due: when the next probe goes; sent: when the last one went; unheard: probes in a row that nobody heard.
    """

    port: SwitchPort
    due: float = 0.0
    sent: float = -inf
    unheard: int = 0
    nonces: list[tuple[bytes, float]] = field(default_factory=list)


@dataclass(slots=True)
class SwitchState:
    """ports: by interface name; names: of the ports by number. away_since: None while it is connected.

    tells_live: it has called a port live, so that one which it does not is not (a switch need not tell).
    """

    connected: bool
    away_since: float | None
    ports: dict[str, PortState] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    tells_live: bool = False

    def add(self, port: SwitchPort) -> None:
        """A port that is not there yet."""
        self.tells_live = self.tells_live or (port.up and port.live)
        self.ports[port.name] = PortState(port)
        self.names[port.number] = port.name


class Inventory:
    """Switches by datapath id, each with its ports. Every question is O(1) but for the lists."""

    def __init__(self) -> None:
        self._switches: dict[Dpid, SwitchState] = {}

    def switches(self) -> list[Dpid]:
        """All switches that are connected or known from links, sorted."""
        return sorted(self._switches)

    def connected(self, dpid: Dpid) -> bool:
        """Whether the switch has a session."""
        switch = self._switches.get(dpid)
        return switch is not None and switch.connected

    def away_since(self, dpid: Dpid) -> float | None:
        """When the session of a known switch ended; None while it is connected."""
        switch = self._switches.get(dpid)
        return None if switch is None else switch.away_since

    def interface(self, dpid: Dpid, number: int) -> str | None:
        """The name of a port given by its number."""
        switch = self._switches.get(dpid)
        return None if switch is None else switch.names.get(number)

    def ports(self, dpid: Dpid) -> tuple[SwitchPort, ...]:
        """The ports of a switch by number; of one that is away, those it had last (or those of its loaded links)."""
        switch = self._switches.get(dpid)
        return tuple(sorted((p.port for p in switch.ports.values()), key=lambda p: p.number)) if switch else ()

    def port(self, end: End) -> SwitchPort | None:
        """A port by its name."""
        found = self._port(end)
        return None if found is None else found.port

    def silent(self, end: End) -> bool:
        """Whether the port is up and the switch says that it carries nothing (not live), as BFD finds out."""
        found = self._port(end)
        return found is not None and found.port.up and not found.port.live and self._switches[end.dpid].tells_live

    def _port(self, end: End) -> PortState | None:
        switch = self._switches.get(end.dpid)
        return None if switch is None else switch.ports.get(end.interface)

    def _name(self, dpid: Dpid, port: int | str) -> str | None:
        """The name of a port given by name, known or not, or by the number of a known one."""
        return port if isinstance(port, str) else self.interface(dpid, port)
