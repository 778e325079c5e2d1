"""Who has an address that several ports may use, as the ports themselves announce it (VRRP, keepalived).

Rules
- The last word counts. An announcement moves an address, and the MAC of its pair, to the port at once; the API's
  ``active``, given anew, moves it as well, and so says who has it until somebody announces it.
- Only a port that may use the address with this MAC is heard, and only from a switch where it is attached. An address
  of a port's own is never taken.
- What was heard is remembered over a restart, and while the port is away; it is forgotten when the port may not use the
  address any more.
- An address that is announced by one and another again and again is damped (RFC 2439): it stays where it is until it is
  quiet, and then goes to the last who announced it. Beyond ``MOVES_PER_SECOND`` in one network they wait their turn.
- Events are told in groups, at most one in ``QUIET`` seconds for each port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from sdn.controller.events import PacketIn
from sdn.controller.hosts.attachments import Attachments, packed_mac
from sdn.controller.hosts.heard import announced
from sdn.controller.reporter import Reporter
from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.intent import Address, Port
from sdn.model.status import SharedAddress
from sdn.pipeline import Compiler
from sdn.pipeline.layout import PUNT_ANNOUNCED, REASON, SOURCE, Table
from sdn.store import Store
from sdn.topology import DampingRule
from sdn.topology.damping import Damping

HOLDERS = "holders"
"""Bucket: key ``NETWORK|ADDRESS`` or ``NETWORK|MAC``, value [port, MAC, Unix time in seconds since when]."""
RULE = DampingRule(half_life=2.5, cutoff=8000.0, longest=20.0)
"""The ninth change in a row is held back, as are those that come faster than two a second for long, until there was
none for 8 to 20 seconds."""
MOVES_PER_SECOND, BURST = 20.0, 200.0
"""Of addresses and MACs of one network."""
QUIET = 1.0
ANNOUNCED = "Announced"
_REASON, _SOURCE = (int(field.name.removeprefix("reg")) for field in (REASON, SOURCE))

Key = tuple[int, bytes]
"""Network number, and packed address or MAC."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A port announces something, with this MAC (packed)."""

    port: str
    mac: bytes


class Announcements:
    """saved: the bucket as it was left. tell: takes names of objects of whose status there may be news."""

    def __init__(
        self,
        saved: Mapping[str, str],
        store: Store,
        compiler: Compiler,
        attachments: Attachments,
        reporter: Reporter,
        tell: Callable[..., None],
    ) -> None:
        self._saved = saved
        self._store, self._compiler, self._attachments = store, compiler, attachments
        self._reporter, self._tell = reporter, tell
        self._heard: dict[Key, tuple[Claim, float]] = {}
        """Who has it by its own word, and since when (Unix time in seconds)."""
        self._names: dict[Key, str] = {}
        """Of each of these the key of its record: the network may be gone when it is deleted."""
        self._waiting: dict[Key, Claim] = {}
        """Announcements that are held back."""
        self._damping: Damping[Key] = Damping(RULE)
        self._budgets: dict[int, tuple[float, float]] = {}
        """By network: moves left, and when that was."""
        self._news: dict[tuple[Callable[..., None], str, str], list[str]] = {}
        """What is to be told of which object, another one concerned: of which addresses and MACs."""
        self._told: dict[str, float] = {}
        self._puts: dict[str, str | None] = {}

    def load(self) -> None:
        """Take over what was heard in an earlier life; the objects of the store have been told of."""
        for text, record in self._saved.items():
            self._load(text, record)
        self._saved = {}

    # What happened

    def packet(self, event: PacketIn, now: float) -> bool:
        """Whether a packet is an announcement; it is taken."""
        if event.table != Table.PUNT or event.registers.get(_REASON) != PUNT_ANNOUNCED:
            return False
        name, _, mac = (self._store.numbers.key_of("service", event.registers.get(_SOURCE, 0)) or "").partition("|")
        facts, address = self._attachments.facts(name), announced(event.data)
        if facts is None or address is None or event.dpid not in facts.dpids:
            return True
        claim = Claim(name, packed_mac(mac))
        if any(pair.single and pair.prefix == address and pair.mac == claim.mac for pair in facts.pairs):
            self._claim((facts.network, address), claim, now)
            if claim.mac != facts.mac:
                self._claim((facts.network, claim.mac), claim, now)
        return True

    def port_written(self, old: Port | None, new: Port | None) -> None:
        """A port was created, updated or (None) deleted: what it may not use is forgotten, and ``active`` counts."""
        before, after = _pairs_of(old), _pairs_of(new)
        port = new or old
        number = self._store.numbers.get("network", port.network) if port is not None else None
        if port is None:
            return
        if number is None:  # it went with its network
            for key in [key for key, (claim, _) in self._heard.items() if claim.port == port.name]:
                self._forget(key)
            return
        for value in before.keys() | after.keys():
            key = number, value
            heard, waiting = self._heard.get(key), self._waiting.get(key)
            lost = before.get(value, {}).keys() - after.get(value, {}).keys()
            if waiting is not None and waiting.port == port.name and waiting.mac in lost:
                del self._waiting[key]
            if heard is not None and heard[0].port == port.name and heard[0].mac in lost:
                self._forget(key)
            if any(after.get(value, {}).values()) and not any(before.get(value, {}).values()):
                self._waiting.pop(key, None)
                self._forget(key)

    def tick(self, now: float) -> None:
        """Time passed. O(what was announced lately)."""
        for key in self._damping.expire(now):
            self._note(self._reporter.shared_settled, self._network(key), "", key)
        for key, claim in list(self._waiting.items()):
            if not self._damping.suppressed(key) and self._may_move(key[0], now):
                del self._waiting[key]
                if self._permitted(key, claim):
                    self._move(key, claim)
        self._tell_news(now)
        full = [key for key, (left, since) in self._budgets.items() if left + (now - since) * MOVES_PER_SECOND >= BURST]
        for number in full:
            del self._budgets[number]

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket since the last call."""
        puts, self._puts = self._puts, {}
        return puts

    # Questions

    def holders(self, port: Port) -> Iterator[SharedAddress]:
        """Who has what a port may use by its pairs, addresses before MACs. since: only of what was announced."""
        number = self._store.numbers.get("network", port.network)
        if number is not None:
            for value in sorted(_pairs_of(port), key=lambda value: (len(value) == 6, value)):
                yield self._holder(number, value)

    def announcer(self, network: str, address: Address) -> str:
        """The port that has an address of a network because it announced it, '' if none."""
        number = self._store.numbers.get("network", network)
        found = self._holder(number, address.packed) if number is not None else None
        return found.holder if found is not None and found.reason == ANNOUNCED else ""

    def _holder(self, network: int, value: bytes) -> SharedAddress:
        found, heard = self._compiler.holder(network, value), self._heard.get((network, value))
        if found is None:
            return SharedAddress(_text(value))
        name, pair = found
        if heard is not None and pair is not None and heard[0] == Claim(name, pair.mac):
            return SharedAddress(_text(value), name, ANNOUNCED, heard[1])
        return SharedAddress(_text(value), name, "Own" if pair is None else "Active" if pair.active else "Alone")

    # Inside

    def _load(self, text: str, record: str) -> None:
        """Take over a record. One that is damaged counts as none: it is announced again."""
        network, _, shown = text.rpartition("|")
        number = self._store.numbers.get("network", network)
        try:
            value, (claim, since) = _packed(shown), _read(record)
        except (SdnError, ValueError):
            value, claim, since = b"", Claim("", b""), 0.0
        if number is None or not self._permitted((number, value), claim):
            self._puts[text] = None
            return
        self._heard[number, value], self._names[number, value] = (claim, since), text
        self._tell(*self._compiler.set_announced(number, value, (claim.port, claim.mac)))

    def _permitted(self, key: Key, claim: Claim) -> bool:
        """Whether a port may use something with this MAC, attached or not."""
        port = self._store.objects.get(claim.port)
        if not isinstance(port, Port) or self._store.numbers.get("network", port.network) != key[0]:
            return False
        return claim.mac in _pairs_of(port).get(key[1], {})

    def _claim(self, key: Key, claim: Claim, now: float) -> None:
        holder = self._compiler.holder(*key)
        if holder is not None and holder[1] is None:
            return  # a port has it as its own
        last = self._waiting.get(key) or self._heard.get(key, (None, 0.0))[0]
        if last == claim:
            return
        self._waiting.pop(key, None)
        held = holder is not None and holder[1] is not None and Claim(holder[0], holder[1].mac) == claim
        if last is None and held:
            self._move(key, claim)  # it has it already, and keeps it when others come
            return
        if self._damping.lost(key, now):
            self._note(self._reporter.shared_fight, self._network(key), "", key)
        if self._damping.suppressed(key) or not self._may_move(key[0], now):
            self._waiting[key] = claim
        else:
            self._move(key, claim)

    def _may_move(self, network: int, now: float) -> bool:
        left, since = self._budgets.get(network, (BURST, now))
        left = min(BURST, left + (now - since) * MOVES_PER_SECOND)
        self._budgets[network] = (left - 1, now) if left >= 1 else (left, now)
        return left >= 1

    def _move(self, key: Key, claim: Claim) -> None:
        before = self._compiler.holder(*key)
        self._heard[key] = claim, self._reporter.wall
        self._names[key] = text = f"{self._network(key)}|{_text(key[1])}"
        self._puts[text] = codec.dumps([claim.port, claim.mac.hex(":"), self._reporter.wall])
        self._tell(claim.port, *self._compiler.set_announced(*key, (claim.port, claim.mac)))
        came_from = before[0] if before is not None else ""
        if came_from != claim.port:
            self._note(self._reporter.shared_moved, claim.port, came_from, key)

    def _forget(self, key: Key) -> None:
        if self._heard.pop(key, None) is not None:
            self._puts[self._names.pop(key)] = None
            self._tell(*self._compiler.set_announced(*key, None))

    def _note(self, tell: Callable[..., None], name: str, other: str, key: Key) -> None:
        self._news.setdefault((tell, name, other), []).append(_text(key[1]))

    def _tell_news(self, now: float) -> None:
        self._told = {name: when for name, when in self._told.items() if now - when < QUIET}
        due = [item for item in self._news if item[1] not in self._told]
        for tell, name, other in due:
            tell(name, other, self._news.pop((tell, name, other)))
            self._told[name] = now

    def _network(self, key: Key) -> str:
        return self._store.numbers.key_of("network", key[0]) or ""


def _pairs_of(port: Port | None) -> dict[bytes, dict[bytes, bool]]:
    """What a port may use beside its own, addresses and MACs: with which MAC (all packed), and whether it is active."""
    found: dict[bytes, dict[bytes, bool]] = {}
    for pair in port.allowed_address_pairs if port is not None else ():
        assert port is not None
        mac = packed_mac(pair.mac or port.mac)
        values = [mac] if mac != packed_mac(port.mac) else []
        if pair.prefix.prefixlen == pair.prefix.max_prefixlen:
            values.append(pair.prefix.network_address.packed)
        for value in values:
            macs = found.setdefault(value, {})
            macs[mac] = macs.get(mac, False) or pair.active
    return found


def _text(value: bytes) -> str:
    return value.hex(":") if len(value) == 6 else str(ip_address(value))


def _packed(text: str) -> bytes:
    return packed_mac(text) if text.count(":") == 5 and len(text) == 17 else ip_address(text).packed


def _read(record: str) -> tuple[Claim, float]:
    found = codec.loads(record)
    if isinstance(found, list) and len(found) == 3 and isinstance(found[2], int | float):
        return Claim(str(found[0]), packed_mac(str(found[1]))), float(found[2])
    raise ValueError("not a record of a holder")
