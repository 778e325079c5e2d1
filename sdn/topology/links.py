"""Who hears whom and which ports are hosts': what is known of links, and which ones a probe may not make.

Belongs here: questions, and the rules for a probe that is genuine. Must not know: what happens, in which order, and
when probes go.
"""

from __future__ import annotations

from sdn.topology import lldp
from sdn.topology.adjacency import Adjacency, End
from sdn.topology.hosts import HostPorts
from sdn.topology.inventory import MAX_PORT, Inventory
from sdn.topology.records import EndRecord


class Links(Inventory):
    """Links between the ports of the inventory. misses: probes in a row that may go unheard."""

    def __init__(self, misses: int) -> None:
        super().__init__()
        self._misses = misses
        self._adjacency = Adjacency()
        self._bound: dict[End, float] = {}
        """Since when."""
        self.hosts = HostPorts()
        self._wired: set[End] = set()
        """Bound ports where a link was, or a genuine probe was heard: they may be bound by mistake."""

    def links(self) -> list[tuple[End, End]]:
        """The links that are up, each as (lower end, higher end), sorted by names. O(L log L)."""
        return self._adjacency.links()

    def link_at(self, end: End) -> tuple[End, End] | None:
        """The link at a port, if there is one that is up."""
        return self._adjacency.link_at(end)

    def usable(self, link: tuple[End, End]) -> bool:
        """Whether a link is up, and no end's switch says that the cable carries nothing."""
        return self.link_at(link[0]) == link and not any(map(self.silent, link))

    def silent_links(self) -> list[tuple[End, End]]:
        """Links whose probes are, or were a moment ago, heard at both ends, and that carry nothing. O(L log L)."""
        return [link for link in self.links() if not self.usable(link)]

    def one_way(self, before: float) -> list[tuple[End, End]]:
        """(sender, receiver) where probes have gone in one direction only since before that time."""
        return self._adjacency.one_way(before)

    def heard(self, end: End) -> bool:
        """Whether a probe of, or at, a port has been heard: it is part of a link, or of one direction of it."""
        return self._adjacency.knows(end)

    def bound(self, end: End) -> bool:
        """Whether the port is marked as belonging to a host."""
        return end in self._bound

    def is_host(self, end: End) -> bool:
        """Whether the port belongs to a host, because it is bound or by what it sent."""
        return end in self._bound or end in self.hosts

    def _refuse(self, sender: End, receiver: End) -> tuple[str, str] | None:
        """Why a genuine probe makes no link between these two ports."""
        if receiver in self._bound:
            why = "it is wired to a switch, or somebody relays it"
            return "bound-port", f"a probe of {sender} at the bound port {receiver}: {why}"
        if receiver in self.hosts:
            return "host-port", f"a probe of {sender} at {receiver}, where a host is: somebody relays it"
        if receiver == sender:
            return "reflected", f"a probe of {sender} came back to it"
        if receiver.dpid == sender.dpid:
            return "same-switch", f"a probe of {sender} came back to {receiver}"
        if self._adjacency.receiver(sender) == receiver:
            return None  # as ever; a port has one peer, so neither has another
        for end, other in ((sender, receiver), (receiver, sender)):
            peer = self._live_peer(end)
            if peer not in (None, other):
                return "taken", f"a probe of {sender} at {receiver}, but {end} has a link to {peer}"
        return None

    def _live_peer(self, end: End) -> End | None:
        """The other end of a link that is heard in both directions; None also where a switch is away."""
        peer = self._adjacency.receiver(end)
        if peer is None or self._adjacency.receiver(peer) != end:
            return None
        ports = self._port(end), self._port(peer)
        heard = all(port is not None and port.unheard < self._misses for port in ports)
        return peer if heard and self.connected(end.dpid) and self.connected(peer.dpid) else None

    def _probing(self, end: End) -> bool:
        switch = self._switches.get(end.dpid)
        port = switch.ports.get(end.interface) if switch is not None and switch.connected else None
        fits = 0 < len(end.interface.encode()) <= lldp.MAX_INTERFACE
        return port is not None and port.port.up and port.port.number <= MAX_PORT and not self.is_host(end) and fits

    def _record(self, end: End) -> EndRecord:
        port = self._port(end)
        assert port is not None, "links exist between known ports only"
        return EndRecord(end.dpid, end.interface, port.port.number, port.port.speed)
