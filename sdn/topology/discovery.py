"""Links between switches, learned from probes that one port sends and another receives, and from port status.

Rules
- A link's ends are (datapath id, interface name): port numbers may change when a switch returns.
- A link is up when each end's probes were last heard at the other. A port has one peer: the newest verified probe
  wins, and what contradicts it is forgotten at once.
- A probe counts only with a valid tag and a nonce that was sent out of that very port within the last ``misses``
  intervals and has not been heard yet. So forged, old, replayed and reflected probes make no link.
- A bound port never takes part. (A port that sent tenant frames is to be marked as bound.)
- A port that goes down or away takes its link with it at once. Otherwise a link ends after ``misses`` probes in a row
  were sent over it and not heard. What counts is probes sent, not time that passed, so a controller that was busy for
  some seconds does not tear down the network.
- While a switch is away its probes cannot run: its links stay until it returns or a neighbour's port goes down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

from sdn.model.ids import Dpid, format_dpid
from sdn.model.topology import SwitchPort
from sdn.topology import lldp
from sdn.topology.adjacency import Adjacency, End
from sdn.topology.records import EndRecord, read, write

MAX_PORT = 0xFFFFFF00
"""OFPP_MAX (OpenFlow 1.3.5, section 7.2.1): higher numbers are not ports that a cable can be plugged into."""
_TOGETHER = 64
"""Neighbouring ports of a switch whose probes leave at the same time: one or two milliseconds of work."""
_GOLDEN = 0x9E3779B97F4A7C15
"""The golden ratio in 64 bits: its multiples spread evenly, however many there are (Knuth, volume 3, section 6.4)."""
_SOURCE = bytes.fromhex("0e0000000000")
"""Source MAC where a port does not tell its own."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A probe that was not believed.

    kind: foreign (other LLDP), malformed, forged (wrong tag), stale (not under way: replayed, too late, or of a port
    that is no more), unknown-port (came in where no port is up), bound-port (relayed by a host), reflected (to the very
    port it left), same-switch.
    """

    kind: str
    dpid: Dpid
    port: int
    message: str


@dataclass(slots=True)
class _Port:
    """A port of a connected or remembered switch. nonces: (nonce, when sent), oldest first."""

    port: SwitchPort
    due: float = 0.0
    sent: float = -inf
    unheard: int = 0
    nonces: list[tuple[bytes, float]] = field(default_factory=list)


@dataclass(slots=True)
class _Switch:
    connected: bool
    away_since: float | None
    ports: dict[str, _Port] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


class Discovery:
    """The observed switches, ports and links. ``revision`` grows whenever any of them may have changed.

    key: secret of the probes, at least 16 bytes. interval: seconds between probes of a port. All times ``now`` are
    seconds of one monotonic clock. Work: O(log P) per probe and O(1) per frame, P ports; the rest follows the event.
    """

    def __init__(self, key: bytes, interval: float = 1.0, misses: int = 3) -> None:
        if len(key) < 16 or interval <= 0 or misses < 1:
            raise ValueError("the key needs 16 bytes, the interval must be positive, misses at least 1")
        self._key = key
        self._interval = interval
        self._misses = misses
        self._ttl = min(0xFFFF, max(1, round(interval * (misses + 1))))
        self._switches: dict[Dpid, _Switch] = {}
        self._bound: set[End] = set()
        self._adjacency = Adjacency()
        self._suspects: set[End] = set()
        self._queue: list[tuple[float, End]] = []
        self._counter = 0
        self._touched: dict[End, None] = {}
        self.revision = 0
        self.rejects: Counter[str] = Counter()

    # Events

    def switch_up(self, dpid: Dpid, ports: Iterable[SwitchPort], now: float) -> None:
        """A switch connected with these ports. Links of ports that are gone or down end; the others go on."""
        old = self._switches.get(dpid)
        switch = self._switches[dpid] = _Switch(True, None)
        for port in sorted(ports, key=lambda p: p.number):
            if port.name not in switch.ports and port.number not in switch.names:
                switch.ports[port.name] = _Port(port)
                switch.names[port.number] = port.name
        for name in old.ports if old else ():
            self._touched[End(dpid, name)] = None
            new = switch.ports.get(name)
            if new is None or not new.port.up:
                self._forget(End(dpid, name))
        for name in switch.ports:
            self._touched[End(dpid, name)] = None
            self._schedule(End(dpid, name), now)
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
            switch.ports[port.name] = _Port(port)
            switch.names[port.number] = port.name
        else:
            known.port = port
        if not port.up:
            self._forget(End(dpid, port.name))
        elif came_up:
            self._schedule(End(dpid, port.name), now)
        self._touched[End(dpid, port.name)] = None
        self.revision += 1

    def port_removed(self, dpid: Dpid, number: int) -> None:
        """A port of a connected switch is gone, and with it its link."""
        switch = self._switches.get(dpid)
        name = switch.names.pop(number, None) if switch is not None and switch.connected else None
        if switch is not None and name is not None:
            del switch.ports[name]
            self._forget(End(dpid, name))
            self._touched[End(dpid, name)] = None
            self.revision += 1

    def set_bound(self, dpid: Dpid, port: int | str, bound: bool, now: float) -> None:
        """Whether a port belongs to a host, so that it never becomes a link; an existing link ends now.

        port: the interface name, also of a port or switch still to come, or the number of a known port (another number
        is ignored). The mark stays with the name until it is taken away.
        """
        switch = self._switches.get(dpid)
        name = port if isinstance(port, str) else (switch.names.get(port) if switch else None)
        if name is None:
            return
        end = End(dpid, name)
        if bound and end not in self._bound:
            self._bound.add(end)
            self._forget(end)
        elif not bound and end in self._bound:
            self._bound.remove(end)
            self._schedule(end, now)

    def receive(self, dpid: Dpid, in_port: int, frame: bytes, now: float) -> Reject | None:
        """An LLDP frame came in. Returns why it was not believed, also counted in ``rejects``; None if it was."""
        refusal = self._judge(dpid, in_port, frame, now)
        if refusal is None:
            return None
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
        while self._queue and self._queue[0][0] <= now:
            when, end = heappop(self._queue)
            port = self._port(end)
            if port is None or port.due != when or not self._probing(end):
                continue
            self._counter += 1
            nonce = self._counter.to_bytes(8, "big") + random_bytes(lldp.NONCE_SIZE - 8)
            self._remember(end, port, nonce, now)
            source = port.port.mac if len(port.port.mac) == 6 else _SOURCE
            due.append(
                (end.dpid, port.port.number, lldp.build(self._key, *end, source=source, nonce=nonce, ttl=self._ttl))
            )
            step = (end.dpid + port.port.number // _TOGETHER) * _GOLDEN & 0xFFFFFFFFFFFFFFFF
            phase = step / 2**64 * self._interval
            # Half an interval to one and a half from now, then exactly one each time.
            turns = (now + self._interval / 2 - phase) // self._interval + 1
            self._push(end, port, phase + turns * self._interval)
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

    def forget_switch(self, dpid: Dpid) -> None:
        """Drop a switch that is away for good, with its links. Nothing happens while it is connected."""
        switch = self._switches.get(dpid)
        if switch is not None and not switch.connected:
            for name in switch.ports:
                self._forget(End(dpid, name))
                self._touched[End(dpid, name)] = None
            del self._switches[dpid]
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
                switch = self._switches.setdefault(end.dpid, _Switch(False, away_since))
                switch.ports[end.interface] = _Port(SwitchPort(end.number, end.interface, b"", True, end.speed))
                switch.names[end.number] = end.interface
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

    def links(self) -> list[tuple[End, End]]:
        """The links that are up, each as (lower end, higher end), sorted by names. O(L log L)."""
        return self._adjacency.links()

    def link_at(self, end: End) -> tuple[End, End] | None:
        """The link at a port, if there is one that is up."""
        return self._adjacency.link_at(end)

    def take_touched(self) -> list[End]:
        """Ports, and with them those at their other ends, that may have changed since the last call."""
        touched, self._touched = self._touched, {}
        return list(touched)

    def one_way(self, before: float) -> list[tuple[End, End]]:
        """(sender, receiver) where probes have gone in one direction only since before that time."""
        return self._adjacency.one_way(before)

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

    def heard(self, end: End) -> bool:
        """Whether a probe of, or at, a port has been heard: it is part of a link, or of one direction of it."""
        return self._adjacency.knows(end)

    def hurry(self, end: End, now: float) -> None:
        """Probe a port twice per interval for once, because it is to be known soon what is there."""
        self._hurry(end, now)

    def bound(self, end: End) -> bool:
        """Whether the port is marked as belonging to a host."""
        return end in self._bound

    # Inside

    def _judge(self, dpid: Dpid, in_port: int, frame: bytes, now: float) -> tuple[str, str] | None:
        try:
            probe = lldp.parse(frame)
        except lldp.BadFrame as error:
            return ("foreign" if error.foreign else "malformed"), error.reason
        if not lldp.verify(self._key, probe):
            return "forged", f"the tag of a probe in the name of {format_dpid(probe.dpid)} is wrong"
        sender = End(probe.dpid, probe.interface)
        switch = self._switches.get(dpid)
        name = switch.names.get(in_port) if switch is not None and switch.connected else None
        known = self._port(sender)
        index = self._outstanding(known, probe.nonce, now)
        if known is None or index is None:
            return "stale", f"a probe of {sender} that is not under way"
        if name is None or switch is None or not switch.ports[name].port.up:
            return "unknown-port", f"a probe of {sender} at a port that is not up"
        receiver = End(dpid, name)
        if receiver in self._bound:
            return "bound-port", f"a probe of {sender} at the bound port {receiver}: somebody relays it"
        if receiver == sender:
            return "reflected", f"a probe of {sender} came back to it"
        if receiver.dpid == sender.dpid:
            return "same-switch", f"a probe of {sender} came back to {receiver}"
        # Older ones are void with it: no reordering on a cable.
        del known.nonces[: index + 1]
        known.unheard = 0
        if self._adjacency.join(sender, receiver, now):
            self._touched.update(dict.fromkeys((sender, receiver)))
            self.revision += 1
            if self._adjacency.receiver(receiver) is None:
                self._hurry(receiver, now)
        return None

    def _outstanding(self, port: _Port | None, nonce: bytes, now: float) -> int | None:
        if port is not None:
            for index, (known, sent) in enumerate(port.nonces):
                if known == nonce and now - sent <= self._misses * self._interval:
                    return index
        return None

    def _forget(self, end: End) -> None:
        """End both directions at a port, and believe no probe that left it before."""
        port = self._port(end)
        if port is not None:
            port.nonces.clear()
        if self._adjacency.cut(end):
            self._touched[end] = None
            self.revision += 1

    def _remember(self, end: End, port: _Port, nonce: bytes, now: float) -> None:
        """A probe goes out now. It counts as unheard only if somebody could hear it."""
        port.nonces = [*port.nonces[-self._misses :], (nonce, now)]
        port.sent = now
        receiver = self._adjacency.receiver(end)
        if receiver is not None and self.connected(receiver.dpid):
            port.unheard += 1
            if port.unheard >= self._misses:
                self._suspects.add(end)

    def _lost(self, sender: End, receiver: End, port: _Port, now: float) -> bool:
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

    def _probing(self, end: End) -> bool:
        switch = self._switches.get(end.dpid)
        port = switch.ports.get(end.interface) if switch is not None and switch.connected else None
        fits = 0 < len(end.interface.encode()) <= lldp.MAX_INTERFACE
        return port is not None and port.port.up and port.port.number <= MAX_PORT and end not in self._bound and fits

    def _schedule(self, end: End, now: float) -> None:
        port = self._port(end)
        if port is not None and self._probing(end):
            self._push(end, port, now)

    def _hurry(self, end: End, now: float) -> None:
        """Probe early, because the other direction is wanted; but never more often than twice per interval."""
        port = self._port(end)
        if port is not None and self._probing(end):
            when = max(now, port.sent + self._interval / 2)
            if when < port.due:
                self._push(end, port, when)

    def _push(self, end: End, port: _Port, when: float) -> None:
        port.due = when
        heappush(self._queue, (when, end))

    def _port(self, end: End) -> _Port | None:
        switch = self._switches.get(end.dpid)
        return None if switch is None else switch.ports.get(end.interface)

    def _record(self, end: End) -> EndRecord:
        port = self._port(end)
        assert port is not None, "links exist between known ports only"
        return EndRecord(end.dpid, end.interface, port.port.number, port.port.speed)
