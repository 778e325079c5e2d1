"""What is written when a learned port has been heard: one port and MAC, several addresses, and who had them before.

Rules
- A port has one MAC. Another one on the same port takes its place, and the addresses of the first are forgotten.
- A host heard elsewhere has moved: its MAC and addresses go with it, and the old port falls silent.
- What belongs to a port that somebody declared, or to a gateway, is never taken away.
- The same MAC or address moves, and the same port changes, at most once in ``PAUSE`` seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from sdn.controller.hosts.attachments import is_learned
from sdn.controller.hosts.heard import Heard
from sdn.model.command import Command, Update
from sdn.model.errors import SdnError
from sdn.model.intent import LEARNED, Address, Binding, Port
from sdn.store import Store
from sdn.store.forms import RESERVED, check_free_address

MAX_ADDRESSES = 16
"""Learned addresses of one port."""
PAUSE = 1.0
SILENT, KNOWN = "silent", "true"
"""Values of the label: nobody has been heard yet; the MAC is that of a host."""
_FIELDS = frozenset({"mac", "addresses", "labels"})
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is learned. reason: of the event; message: for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """commands: none where nothing is new. moved: names of ports that lose something to this one."""

    commands: tuple[Command, ...] = ()
    moved: tuple[str, ...] = ()


def silent_mac(binding: Binding) -> str:
    """The MAC of a port where nobody has been heard: locally administered, made from the place."""
    digest = blake2b(f"{binding.switch}/{binding.interface}".encode(), digest_size=5).digest()
    return (b"\x0a" + digest).hex(":")


def is_silent(port: Port) -> bool:
    """Whether nobody has been heard at a learned port."""
    return (LEARNED, SILENT) in port.labels


def labelled(labels: Iterable[tuple[str, str]], value: str) -> tuple[tuple[str, str], ...]:
    """Labels with this value of the label of learned ports."""
    return tuple(sorted({**dict(labels), LEARNED: value}.items()))


class Pauses:
    """Lets the same thing happen once in PAUSE seconds. Bounded: when too much is remembered, all is forgotten."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}

    def over(self, what: str, key: str, now: float) -> bool:
        """Whether it may happen now."""
        return now - self._last.get((what, key), now - PAUSE) >= PAUSE

    def note(self, what: str, key: str, now: float) -> None:
        """It happens now."""
        if len(self._last) >= _REMEMBERED:
            self._last.clear()
        self._last[what, key] = now


class Teacher:
    """Compares what is heard with the store. network: the one that learns."""

    def __init__(self, store: Store, network: str) -> None:
        self._store = store
        self._network = network
        self._pauses = Pauses()

    def lesson(self, port: Port, heard: Heard, now: float) -> Lesson | Refusal | None:
        """What a packet of a learned port teaches; None for what has to be ignored for the time being."""
        address = _learnable(heard.address)
        for prefix, users in RESERVED.items():
            if heard.mac.startswith(prefix):
                return Refusal("HostRefused", f"{heard.mac} is reserved for {users}")
        losers: dict[str, Port] = {}
        if heard.mac == port.mac:
            addresses = port.addresses
        else:
            found = self._new_mac(port, heard.mac, losers, now)
            if not isinstance(found, tuple):
                return found
            addresses = found
        if address is not None and address not in addresses:
            trouble = self._new_address(port, address, len(addresses), losers, now)
            if trouble is not True:
                return trouble or None
            addresses = (*addresses, address)
        if heard.mac == port.mac and addresses == port.addresses:
            return Lesson()
        after = replace(port, mac=heard.mac, addresses=addresses, labels=labelled(port.labels, KNOWN))
        commands = tuple(Update(item, _FIELDS) for item in (*losers.values(), after))
        return Lesson(commands, tuple(losers))

    def _new_mac(
        self, port: Port, mac: str, losers: dict[str, Port], now: float
    ) -> tuple[Address, ...] | Refusal | None:
        """The addresses that come with a MAC that is new at a port."""
        if not is_silent(port) and not self._pauses.over("port", port.name, now):
            return None
        holder = self._store.objects.get(self._store.port_by_mac(self._network, mac) or "")
        if isinstance(holder, Port):
            if not is_learned(holder, self._network):
                return Refusal("HostRefused", f"the MAC {mac} belongs to {holder.name}, which is declared")
            if not self._pauses.over("mac", mac, now):
                return None
            assert holder.binding is not None, "what has no binding is not learned"
            losers[holder.name] = replace(
                holder, mac=silent_mac(holder.binding), addresses=(), labels=labelled(holder.labels, SILENT)
            )
        self._pauses.note("mac", mac, now)
        self._pauses.note("port", port.name, now)
        return holder.addresses if isinstance(holder, Port) else ()

    def _new_address(
        self, port: Port, address: Address, count: int, losers: dict[str, Port], now: float
    ) -> bool | Refusal:
        """True if an address may be added to those of a port; False if not now."""
        name = self._store.holder_of_address(self._network, address)
        if name is not None and name not in losers and name != port.name:
            holder = self._store.objects[name]
            if not isinstance(holder, Port) or not is_learned(holder, self._network):
                return Refusal("HostRefused", f"the address {address} belongs to {name}, which is declared")
            if not self._pauses.over("address", str(address), now):
                return False
            losers[name] = replace(holder, addresses=tuple(a for a in holder.addresses if a != address))
        others = [user for user in self._store.users_of_address(self._network, address) if user != port.name]
        if others:
            return Refusal("HostRefused", f"the address {address} may be used by {min(others)}, which is declared")
        if count >= MAX_ADDRESSES:
            return Refusal("HostRefused", f"it has {MAX_ADDRESSES} addresses already; {address} is one too many")
        self._pauses.note("address", str(address), now)
        return True


def _learnable(address: Address | None) -> Address | None:
    """The address if a port may have it."""
    try:
        if address is not None:
            check_free_address("address", address)
    except SdnError:
        return None
    return address
