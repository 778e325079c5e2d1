"""Who reaches whom, with real packets: each pair sends a packet of its own, marked, and the receiver says what it got.

Addresses alone would not tell: with two tenants of identical addresses a ping to the other's address is answered by the
own tenant's host that has it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .agents import Agents
from .intent import Endpoint, Pair

Protocol = Literal["ping", "udp", "tcp"]
_PATIENCE, _MOST_PATIENCE = 0.5, 8.0
"""Seconds that each round waits for answers of those who must not or do not answer. Twice as long for those who are
tried again, since on a slow machine all of a round may come too late."""
_TOGETHER = 1000
"""Pairs that are tried at once: the first packet of each is handled apart by every switch on its way."""
_runs = itertools.count(1)


@dataclass(slots=True)
class Reachability:
    """What happened. tried: pairs that sent; arrived: whose packet came; answered: who also got the answer.

    strayed: (sender, host) where a host got a packet that was sent to another, as one with the same address may.
    """

    order: tuple[str, ...]
    expected: frozenset[Pair]
    tried: set[Pair] = field(default_factory=set)
    arrived: set[Pair] = field(default_factory=set)
    answered: set[Pair] = field(default_factory=set)
    strayed: set[Pair] = field(default_factory=set)

    @property
    def missing(self) -> set[Pair]:
        """Must reach each other, there and back, but do not."""
        return (self.tried & self.expected) - (self.arrived & self.answered)

    @property
    def leaks(self) -> set[Pair]:
        """Must not reach each other, but a packet arrived.

        What a host sends to another that has its own address never leaves it, and is no leak.
        """
        return {(a, b) for a, b in (self.arrived | self.strayed) - self.expected if a != b}

    @property
    def right(self) -> bool:
        """Whether all is as expected."""
        return not self.missing and not self.leaks

    def table(self) -> str:
        """Senders in rows, receivers in columns: '+' reaches, '.' does not and must not, '-' should, '!' must not."""
        width = max((len(name) for name in self.order), default=1)
        lines = [" " * width + " " + " ".join(name.rjust(width) for name in self.order)]
        for a in self.order:
            marks = (self.mark((a, b)).rjust(width) for b in self.order)
            lines.append(f"{a.ljust(width)} {' '.join(marks)}")
        return "\n".join(lines)

    def explain(self) -> str:
        """One line for each difference; empty when there is none."""
        lines = [f"{a} does not reach {b}" for a, b in sorted(self.missing)]
        lines += [f"{a} reaches {b}, but must not" for a, b in sorted(self.leaks)]
        return "\n".join(lines)

    def mark(self, pair: Pair) -> str:
        """How the table shows a pair; a blank where it was not tried."""
        if pair not in self.tried:
            return " "
        if pair in self.leaks:
            return "!"
        if pair in self.missing:
            return "-"
        return "+" if pair in self.expected else "."


def measure(
    agents: Agents,
    endpoints: Sequence[Endpoint],
    expected: Collection[Pair],
    version: int = 4,
    protocol: Protocol = "ping",
    timeout: float = 20.0,
) -> Reachability:
    """Try every ordered pair; those that must reach each other again until they do, at most ``timeout`` seconds."""
    ends = [e for e in endpoints if e.address(version) is not None]
    result = Reachability(tuple(e.host for e in ends), frozenset(expected))
    # Neighbours in this order have different senders and receivers, so that no host is asked by all at once.
    everybody = [(a, ends[(i + d) % len(ends)]) for d in range(1, len(ends)) for i, a in enumerate(ends)]
    deadline = time.monotonic() + timeout
    todo, patience = everybody, _PATIENCE
    while True:
        for start in range(0, len(todo), _TOGETHER):
            _round(agents, todo[start : start + _TOGETHER], version, protocol, patience, result)
        todo = [(a, b) for a, b in everybody if (a.host, b.host) in result.missing]
        if not todo or time.monotonic() > deadline:
            return result
        patience = min(2 * patience, _MOST_PATIENCE)


def _round(
    agents: Agents,
    pairs: Sequence[tuple[Endpoint, Endpoint]],
    version: int,
    protocol: Protocol,
    patience: float,
    result: Reachability,
) -> None:
    run = next(_runs)
    tags: dict[str, Pair] = {}
    targets: dict[str, list[list[str]]] = {}
    for number, (a, b) in enumerate(pairs):
        address = b.address(version)
        assert address is not None  # those without were left out
        tags[f"{run}.{number}"] = (a.host, b.host)
        targets.setdefault(a.host, []).append([f"{run}.{number}", str(address.interface.ip)])
    agents.ask({h: {"op": "seen"} for h in result.order})
    commands = {host: {"op": protocol, "targets": t, "timeout": patience} for host, t in targets.items()}
    for answer in agents.ask(commands, patience).values():
        for tag, who in answer["answered"].items():
            # A ping does not say who answered; whether the packet came to the right one, that one says below.
            if who in ("", tags[tag][1]):
                result.answered.add(tags[tag])
    for host, answer in agents.ask({h: {"op": "seen"} for h in result.order}).items():
        for pair in (tags[tag] for tag in answer["tags"] if tag in tags):
            (result.arrived if pair[1] == host else result.strayed).add((pair[0], host))
    result.tried |= set(tags.values())
