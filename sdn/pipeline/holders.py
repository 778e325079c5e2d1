"""Which attached port has an address, in the networks where a router's static routes ask for one.

Ports of other networks are not kept, and a network is kept from the first question about it to the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sdn.pipeline.facts import PortFacts

Key = tuple[int, bytes]
"""Network number and packed address."""


class Holders:
    """attached: name and facts of the ports of a network."""

    def __init__(self, attached: Callable[[int], Iterable[tuple[str, PortFacts]]]) -> None:
        self._attached = attached
        self._asks: dict[str, frozenset[Key]] = {}
        self._askers: dict[Key, dict[str, None]] = {}
        self._questions: dict[int, int] = {}
        """By network: how many questions there are about it."""
        self._owners: dict[int, dict[bytes, str]] = {}

    def ask(self, asker: str, keys: Iterable[Key]) -> None:
        """Somebody wants to know of these addresses from now on, and of no others. O(ports of a new network)."""
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
            self._owners[network] = {address: name for name, port in ports for address in (*port.v4, *port.v6)}

    def _forget(self, network: int) -> None:
        self._questions[network] -= 1
        if not self._questions[network]:
            del self._questions[network], self._owners[network]

    def moved(self, name: str, before: PortFacts | None, after: PortFacts | None) -> Iterator[str]:
        """A port came, changed or went: answers who asks for an address that it has or had. O(its addresses)."""
        for facts, there in ((before, False), (after, True)):
            owners = self._owners.get(facts.network) if facts else None
            if facts is None or owners is None:
                continue
            for address in (*facts.v4, *facts.v6):
                if there:
                    owners[address] = name
                elif owners.get(address) == name:
                    del owners[address]
                yield from self._askers.get((facts.network, address), ())

    def of(self, key: Key) -> str | None:
        """The port that has an address somebody asks for."""
        return self._owners.get(key[0], {}).get(key[1])
