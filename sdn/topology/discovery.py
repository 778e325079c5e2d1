"""Links between switches, learned from probes that one port sends and another receives, and from port status.

Rules
- A link's ends are (datapath id, interface name): port numbers may change when a switch returns.
- A link is up when each end's probes were last heard at the other. A port has one peer.
- A link whose probes are heard does not move: a probe that would give one of its ports another peer is not believed.
  Between ports that have no such link the newest verified probe wins, and what contradicts it is forgotten at once.
- A probe counts only if it is proved to be under way (``flights``), so forged, old, replayed and reflected probes make
  no link.
- A port of a host never takes part: one that is bound, or was (``set_bound``), or sent tenant frames (``host_seen``).
- A port that is up and not live (BFD found its cable silent) keeps what was heard at it, and is probed; its link is
  not usable meanwhile.
- A port that goes down or away takes its link with it at once. Otherwise a link ends after ``misses`` probes in a row
  were sent over it and not heard. What counts is probes sent, not time that passed, so a controller that was busy for
  some seconds does not tear down the network.
- While a switch is away its probes cannot run: its links stay until it returns, a neighbour's port goes down, or one
  is verified to have another peer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.model.topology import SwitchPort
from sdn.topology.adjacency import End
from sdn.topology.flights import Flights, Unproved
from sdn.topology.inventory import PortState, SwitchState
from sdn.topology.links import Links
from sdn.topology.records import read, write
from sdn.topology.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Reject:
    """A probe that was not believed.

    kind: foreign (other LLDP), malformed, forged (wrong tag), stale (not under way: replayed, too late, or of a port
    that is no more), unknown-port (came in where no port is up), bound-port, host-port (relayed by a host), reflected
    (to the very port it left), same-switch, taken (one of the two ports has a link that is heard, to another port).
    """

    kind: str
    dpid: Dpid
    port: int
    message: str


class Discovery(Links):
    """The observed switches, ports and links. ``revision`` grows whenever any of them may have changed.

    key: secret of the probes, at least 16 bytes. interval: seconds between probes of a port. All times ``now`` are
    seconds of one monotonic clock. Work: O(log P) per probe and O(1) per frame, P ports; the rest follows the event.
    """

    def __init__(self, key: bytes, interval: float = 1.0, misses: int = 3) -> None:
        if len(key) < 16 or interval <= 0 or misses < 1:
            raise ValueError("the key needs 16 bytes, the interval must be positive, misses at least 1")
        super().__init__(misses)
        self._interval = interval
        self._flights = Flights(key, interval, misses)
        self._suspects: set[End] = set()
        self._schedule = Schedule(interval)
        self._touched: dict[End, None] = {}
        self.revision = 0
        self.rejects: Counter[str] = Counter()

    # Events

    def switch_up(self, dpid: Dpid, ports: Iterable[SwitchPort], now: float) -> None:
        """A switch connected with these ports. Links of ports that are gone or down end; the others go on."""
        old = self._switches.get(dpid)
        switch = self._switches[dpid] = SwitchState(True, None)
        for port in sorted(ports, key=lambda p: p.number):
            if port.name not in switch.ports and port.number not in switch.names:
                switch.add(port)
        for name in old.ports if old else ():
            self._touched[End(dpid, name)] = None
            new = switch.ports.get(name)
            if new is None or not new.port.up:
                self._unplugged(End(dpid, name))
        for name in switch.ports:
            self._touched[End(dpid, name)] = None
            self._start(End(dpid, name), now)
        self._restart_counting(dpid)
        self.revision += 1

    def switch_down(self, dpid: Dpid, now: float) -> None:
        """The session of a switch ended; its links stay as they are."""
        switch = self._switches.get(dpid)
        if switch is not None and switch.connected:
            switch.connected = False
            switch.away_since = now
            for port in switch.ports.values():
                port.nonces.clear()
            self.revision += 1

    def forget_switch(self, dpid: Dpid) -> None:
        """A switch that is away is gone for good, with its ports, their links and what is known of hosts there.

        Ports that are bound there stay so, as those of a switch still to come.
        """
        for name in self._switches.pop(dpid, SwitchState(False, None)).ports:
            self._unplugged(End(dpid, name))
        self.hosts.forget_switch(dpid)
        self._wired -= {end for end in self._wired if end.dpid == dpid}
        self.revision += 1

    def port_changed(self, dpid: Dpid, port: SwitchPort, now: float) -> None:
        """A port of a connected switch was added or changed; when it is down its link ends now."""
        switch = self._switches.get(dpid)
        if switch is None or not switch.connected:
            return
        if switch.names.get(port.number, port.name) != port.name:
            self.port_removed(dpid, port.number)
        known = switch.ports.get(port.name)
        if known is not None and known.port.number != port.number:
            self.port_removed(dpid, known.port.number)
            known = None
        came_up = port.up and (known is None or not known.port.up)
        if known is None:
            switch.add(port)
        else:
            known.port = port
            switch.tells_live = switch.tells_live or (port.up and port.live)
        if not port.up:
            self._unplugged(End(dpid, port.name))
        elif came_up:
            self._start(End(dpid, port.name), now)
        self._touched[End(dpid, port.name)] = None
        self.revision += 1

    def port_removed(self, dpid: Dpid, number: int) -> None:
        """A port of a connected switch is gone, and with it its link."""
        switch = self._switches.get(dpid)
        name = switch.names.pop(number, None) if switch is not None and switch.connected else None
        if switch is not None and name is not None:
            del switch.ports[name]
            self._unplugged(End(dpid, name))
            self._touched[End(dpid, name)] = None
            self.revision += 1

    def set_bound(self, dpid: Dpid, port: int | str, bound: bool, now: float, *, host: bool = False) -> None:
        """Whether a port belongs to a host, so that it never becomes a link; an existing link ends now.

        port: the interface name, also of a port or switch still to come, or the number of a known port (another number
        is ignored). The mark stays with the name until it is taken away. host: of one that is not bound any more,
        whether a host is taken to be there still, until its cable is pulled: not if there was a link before it was
        bound, if a switch was heard there, or if it was bound for less time than that takes.
        """
        name = self._name(dpid, port)
        if name is None:
            return
        end = End(dpid, name)
        if bound and end not in self._bound:
            self._bound[end] = now
            if self.heard(end):
                self._wired.add(end)
            self._forget(end)
        elif not bound and end in self._bound:
            since = self._bound.pop(end)
            known = self._port(end)
            kept = host and end not in self._wired and now - since >= self._misses * self._interval
            self._wired.discard(end)
            if kept and known is not None and known.port.up:
                self.hosts.add(end)
            self._start(end, now)

    def host_seen(self, dpid: Dpid, port: int | str) -> bool:
        """A port sent frames that only a host sends: until its cable is pulled it is no link and is not probed.

        For who knows that it did, as of a bound port whose frames passed its port security.

        port: as for ``set_bound``, but known. Not believed (False) of a port with a link: what is proved by probes of
        both ends is not undone by a frame that anything on the way may have sent.
        """
        name = self._name(dpid, port)
        end = End(dpid, name or "")
        known = self._port(end)
        if known is None or not known.port.up or self.link_at(end) is not None:
            return False
        self.hosts.add(end)
        self._forget(end)
        return True

    def receive(self, dpid: Dpid, in_port: int, frame: bytes, now: float) -> Reject | None:
        """An LLDP frame came in. Returns why it was not believed, also counted in ``rejects``; None if it was."""
        refusal = self._judge(dpid, in_port, frame, now)
        if refusal is None:
            return None
        if refusal[0] == "bound-port":
            self._wired.add(End(dpid, self.interface(dpid, in_port) or ""))
        reject = Reject(refusal[0], dpid, in_port, refusal[1])
        self.rejects[reject.kind] += 1
        return reject

    def probes(self, now: float, random_bytes: Callable[[int], bytes]) -> list[tuple[Dpid, int, bytes]]:
        """(switch, out port, frame) of the probes due now: of each port that is up and not bound, once per interval.

        The first one goes at once when a port comes up, later ones are spread over the interval by switches, because
        each time that a switch wakes up costs it a look at all its ports; a port that has just been reached for the
        first time answers within half an interval.
        random_bytes: gives so many unpredictable bytes.
        """
        due = []
        self._flights.expire(now)
        for when, end in self._schedule.due(now):
            port = self._port(end)
            if port is None or port.due != when or not self._probing(end):
                continue
            self._count(end, port)
            due.append((end.dpid, port.port.number, self._flights.send(end, port, now, random_bytes)))
            self._schedule.push_next(end, port, now)
        return due

    def expire(self, now: float) -> None:
        """End the links over which too many probes in a row were not heard. O(ports whose probes are unheard)."""
        for sender in list(self._suspects):
            receiver = self._adjacency.receiver(sender)
            port = self._port(sender)
            if receiver is None or port is None or port.unheard < self._misses:
                self._suspects.remove(sender)
            elif self._lost(sender, receiver, port, now):
                self._suspects.remove(sender)
                self._adjacency.cut_direction(sender)
                self._touched[sender] = None
                self.revision += 1

    # Restart

    def load(self, links: Mapping[str, str], away_since: float) -> None:
        """Take over links of an earlier life, before any switch has connected; raises InvalidInput.

        They are up until their switches have returned and their probes go unheard. away_since: of these switches.
        """
        for pair in read(links):
            a, b = (End(end.dpid, end.interface) for end in pair)
            if a == b or any(self._adjacency.knows(end) or end in self._bound for end in (a, b)):
                continue
            for end in pair:
                switch = self._switches.setdefault(end.dpid, SwitchState(False, away_since))
                switch.add(SwitchPort(end.number, end.interface, b"", True, end.speed))
            self._adjacency.join(a, b, away_since)
            self._adjacency.join(b, a, away_since)
            self._touched.update(dict.fromkeys((a, b)))
        self.revision += 1

    def records(self) -> dict[str, str]:
        """The links as key → JSON text, for ``load``. O(links)."""
        return dict(write(self._record(a), self._record(b)) for a, b in self.links())

    def record(self, link: tuple[End, End]) -> tuple[str, str]:
        """Key and text of one link that is up."""
        return write(*map(self._record, link))

    # Questions

    def take_touched(self) -> list[End]:
        """Ports, and with them those at their other ends, that may have changed since the last call."""
        touched, self._touched = self._touched, {}
        return list(touched)

    def hurry(self, end: End, now: float) -> None:
        """Probe a port twice per interval for once, because it is to be known soon what is there."""
        port = self._port(end)
        if port is not None and self._probing(end):
            self._schedule.hurry(end, port, now)

    # Inside

    def _judge(self, dpid: Dpid, in_port: int, frame: bytes, now: float) -> tuple[str, str] | None:
        try:
            sender, nonce = self._flights.origin(frame)
        except Unproved as error:
            return error.kind, error.message
        switch = self._switches.get(dpid)
        name = switch.names.get(in_port) if switch is not None and switch.connected else None
        known = self._port(sender)
        index = self._flights.outstanding(known, nonce, now)
        if known is None or index is None:
            return "stale", f"a probe of {sender} that is not under way"
        if name is None or switch is None or not switch.ports[name].port.up:
            return "unknown-port", f"a probe of {sender} at a port that is not up"
        receiver = End(dpid, name)
        refusal = self._refuse(sender, receiver)
        if refusal is None:
            # Older ones are void with it: no reordering on a cable.
            del known.nonces[: index + 1]
            known.unheard = 0
            self._join(sender, receiver, now)
        return refusal

    def _join(self, sender: End, receiver: End, now: float) -> None:
        if self._adjacency.join(sender, receiver, now):
            self._touched.update(dict.fromkeys((sender, receiver)))
            self.revision += 1
            back = self._port(receiver)
            if self._adjacency.receiver(receiver) is None and back is not None and self._probing(receiver):
                self._schedule.hurry(receiver, back, now)

    def _forget(self, end: End) -> None:
        """End both directions at a port, and believe no probe that left it before."""
        port = self._port(end)
        if port is not None:
            port.nonces.clear()
        if self._adjacency.cut(end):
            self._touched[end] = None
            self.revision += 1

    def _unplugged(self, end: End) -> None:
        """A port is down or gone: whatever is plugged in next may be something else."""
        self.hosts.discard(end)
        self._wired.discard(end)
        self._forget(end)

    def _count(self, end: End, port: PortState) -> None:
        """A probe goes out now. It counts as unheard only if somebody could hear it."""
        receiver = self._adjacency.receiver(end)
        if receiver is not None and self.connected(receiver.dpid):
            port.unheard += 1
            if port.unheard >= self._misses:
                self._suspects.add(end)

    def _lost(self, sender: End, receiver: End, port: PortState, now: float) -> bool:
        """Whether the last probes were not heard, although both switches are there. The newest may be on its way."""
        on_its_way = now - port.sent < self._interval / 2
        both = self.connected(sender.dpid) and self.connected(receiver.dpid)
        return both and port.unheard - on_its_way >= self._misses

    def _restart_counting(self, dpid: Dpid) -> None:
        """A switch is back: probes to and from it that nobody could hear do not count."""
        for sender, receiver in self._adjacency.directions():
            if dpid in (sender.dpid, receiver.dpid):
                port = self._port(sender)
                if port is not None:
                    port.unheard = 0

    def _start(self, end: End, now: float) -> None:
        port = self._port(end)
        if port is not None and self._probing(end):
            self._schedule.push(end, port, now)
