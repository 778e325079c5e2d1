"""Which attached port has an address or a MAC, in the networks where somebody asks.

Asked is by static routes, for next hops, and by ports with address pairs, for what they may use beside their own. A
port that has an address or MAC of its own has it before all others. Of those that may use it, the one that was last
heard to announce it has it; else the active one; if none is active, one that is alone has it, and of several none has
it. Ports of networks where nobody asks are not kept; a network is kept from the first question about it to the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sdn.pipeline.facts import Held, PairFacts, PortFacts

Key = tuple[int, bytes]
"""Network number, and packed address or MAC."""
Announced = tuple[str, bytes]
"""Name of a port, and the MAC (packed) with which it announced something."""


def own_values(port: PortFacts) -> tuple[bytes, ...]:
    """What a port has by itself: MAC and addresses."""
    return (port.mac, *port.v4, *port.v6)


def pair_values(port: PortFacts) -> dict[bytes, tuple[PairFacts, ...]]:
    """What a port may use by its pairs, MACs and single addresses; active ones first."""
    found: dict[bytes, tuple[PairFacts, ...]] = {}
    for pair in sorted(port.pairs, key=lambda pair: not pair.active):
        if pair.mac != port.mac:
            found[pair.mac] = (*found.get(pair.mac, ()), pair)
        if pair.single:
            found[pair.prefix] = (*found.get(pair.prefix, ()), pair)
    return found


class Holders:
    """attached: name and facts of the ports of a network."""

    def __init__(self, attached: Callable[[int], Iterable[tuple[str, PortFacts]]]) -> None:
        self._attached = attached
        self._asks: dict[str, frozenset[Key]] = {}
        self._askers: dict[Key, dict[str, None]] = {}
        self._questions: dict[int, int] = {}
        """By network: how many questions there are about it."""
        self._owners: dict[int, dict[bytes, str]] = {}
        self._users: dict[Key, dict[str, tuple[PairFacts, ...]]] = {}
        """Who may use an address or MAC that is not its own."""
        self._announced: dict[Key, Announced] = {}

    def ask(self, asker: str, keys: Iterable[Key]) -> None:
        """Somebody wants to know of these from now on, and of no others. O(ports of a new network)."""
        before, after = self._asks.pop(asker, frozenset()), frozenset(keys)
        for key in before - after:
            del self._askers[key][asker]
            if not self._askers[key]:
                del self._askers[key]
            self._forget(key[0])
        for key in sorted(after - before):
            self._askers.setdefault(key, {})[asker] = None
            self._learn(key[0])
        if after:
            self._asks[asker] = after

    def _learn(self, network: int) -> None:
        self._questions[network] = self._questions.get(network, 0) + 1
        if network not in self._owners:
            ports = self._attached(network)
            self._owners[network] = {value: name for name, port in ports for value in own_values(port)}

    def _forget(self, network: int) -> None:
        self._questions[network] -= 1
        if not self._questions[network]:
            del self._questions[network], self._owners[network]

    def moved(self, name: str, before: PortFacts | None, after: PortFacts | None) -> set[str]:
        """A port came, changed or went: answers the others who ask for what it has or had. O(its addresses)."""
        concerned = set(self._askers_about(before))
        if before is not None:
            for value in pair_values(before):
                users = self._users[before.network, value]
                del users[name]
                if not users:
                    del self._users[before.network, value]
            owners = self._owners.get(before.network, {})
            for value in own_values(before):
                if owners.get(value) == name:
                    del owners[value]
        values = pair_values(after) if after is not None else {}
        self.ask(name, ((after.network, value) for value in values) if after is not None else ())
        if after is not None:
            for value, pairs in values.items():
                self._users.setdefault((after.network, value), {})[name] = pairs
            if after.network in self._owners:
                self._owners[after.network].update(dict.fromkeys(own_values(after), name))
        concerned.update(self._askers_about(after))
        return concerned - {name}

    def announce(self, key: Key, by: Announced | None) -> set[str]:
        """A port is the last one that announced an address or MAC, None: nobody; answers who asks for it. O(they)."""
        if self._announced.get(key) == by:
            return set()
        if by is None:
            del self._announced[key]
        else:
            self._announced[key] = by
        return set(self._askers.get(key, ()))

    def _askers_about(self, port: PortFacts | None) -> Iterator[str]:
        if port is not None and port.network in self._owners:
            for value in (*own_values(port), *pair_values(port)):
                yield from self._askers.get((port.network, value), ())

    def of(self, key: Key) -> tuple[str, PairFacts | None] | None:
        """The port that has what somebody asks for, and the pair by which it does, None if it is its own."""
        owner = self._owners.get(key[0], {}).get(key[1])
        if owner is not None:
            return owner, None
        users = self._users.get(key, {})
        heard, mac = self._announced.get(key, ("", b""))
        for pair in users.get(heard, ()):
            if pair.mac == mac:
                return heard, pair
        active = [name for name, pairs in users.items() if pairs[0].active]
        chosen = active if active else list(users)
        return (chosen[0], users[chosen[0]][0]) if len(chosen) == 1 else None

    def held(self, name: str, port: PortFacts) -> Iterator[Held]:
        """What a port has by its pairs; of what is shared, its first user speaks for all."""
        for value in pair_values(port):
            key = port.network, value
            found = self.of(key)
            if found is not None and found[0] == name and found[1] is not None:
                yield Held(value, found[1].mac, found[1].service)
            elif found is None and len(value) != 6:
                users = self._users[key]
                if min(users, key=lambda user: users[user][0].service) == name:
                    yield Held(value, users[name][0].mac, users[name][0].service, shared=True)

    def shared(self, port: PortFacts) -> Iterator[bytes]:
        """What a port may use and several others too, with none active."""
        return (value for value in pair_values(port) if self.of((port.network, value)) is None)
