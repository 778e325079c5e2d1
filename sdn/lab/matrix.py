"""Who reaches whom: every ordered pair of hosts sends one marked packet, and what arrives is collected. Needs scapy.

A sender does what a host's kernel does: it asks ARP or ND for the next hop and uses the MAC that is answered. Where
nobody answers it sends all the same, to the MAC that the destination really has, as one who knows it could: isolation
that rests on unanswered ARP alone would be none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sdn.lab.host import Address, Host, answer_of

Pair = tuple[str, str]
"""(sender's name, receiver's name)."""
_MARK = b"sdn-lab:"
_SIZE = len(_MARK) + 8
_POLL_SECONDS = 0.005
Protocols = Literal["udp", "tcp", "icmp"]


class Wire(Protocol):
    """What the matrix needs of a network; LabNetwork has it."""

    def send_all(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Send (host, frame) pairs."""
        ...

    def received(self, host: str) -> list[bytes]:
        """Frames that came to a host since the last call."""
        ...

    def settle(self) -> None:
        """Return when no frame is on its way any more."""
        ...


@dataclass(slots=True)
class Matrix:
    """What happened to the packets of a run.

    tried: pairs for which a packet was sent. receivers: pair → hosts that got its packet, one entry for each copy.
    unresolved: (sender, address) for which nobody answered ARP or ND.
    """

    tried: set[Pair] = field(default_factory=set)
    receivers: dict[Pair, list[str]] = field(default_factory=dict)
    unresolved: set[tuple[str, Address]] = field(default_factory=set)

    @property
    def reached(self) -> set[Pair]:
        """Pairs whose packet came where it should."""
        return {pair for pair, got in self.receivers.items() if pair[1] in got}

    @property
    def strays(self) -> set[tuple[Pair, str]]:
        """(pair, host) where a host got a packet that was meant for another."""
        return {(pair, host) for pair, got in self.receivers.items() for host in got if host != pair[1]}

    @property
    def duplicates(self) -> dict[Pair, int]:
        """Pairs whose packet came more than once to its receiver, with the number of copies."""
        counts = {pair: got.count(pair[1]) for pair, got in self.receivers.items()}
        return {pair: count for pair, count in counts.items() if count > 1}

    def explain(self, expected: Collection[Pair]) -> str:
        """One line for each way in which this differs from what was expected; empty when it does not.

        A packet that also came to a host which its sender may reach anyway is no difference: switches may flood.
        """
        wanted = set(expected) & self.tried
        wrong = sorted((pair, host) for pair, host in self.strays if (pair[0], host) not in set(expected))
        lines = [f"{a} does not reach {b}" for a, b in sorted(wanted - self.reached)]
        lines += [f"{a} reaches {b}, but must not" for a, b in sorted(self.reached - wanted)]
        lines += [f"{host} gets what {a} sends to {b}, but must not" for (a, b), host in wrong]
        lines += [f"{b} got {n} copies of a packet from {a}" for (a, b), n in sorted(self.duplicates.items())]
        return "\n".join(lines)


def reachability(
    network: Wire,
    hosts: Sequence[Host],
    *,
    version: Literal[4, 6] = 4,
    protocol: Protocols = "udp",
    expected: Collection[Pair] = (),
    pairs: Collection[Pair] | None = None,
    timeout: float = 10.0,
    now: Callable[[], float] = time.monotonic,
) -> Matrix:
    """Send one marked packet per ordered pair and return who got it.

    expected: pairs that should reach each other; their packets are waited for, at most ``timeout`` seconds each for
    resolution and for delivery, and all others only until no frame is on its way in the switches. pairs: those to try,
    every one if None. Hosts without an address of this IP version take no part.
    """
    run = _Run(network, [h for h in hosts if h.address(version) is not None], version, protocol, now)
    chosen = [(a, b) for a, b in _rounds(run.hosts) if pairs is None or (a.name, b.name) in pairs]
    run.drop_old_frames()
    run.resolve(chosen, set(expected), timeout)
    run.deliver(chosen, set(expected), timeout)
    return run.matrix


class _Run:
    def __init__(
        self, network: Wire, hosts: Sequence[Host], version: int, protocol: Protocols, now: Callable[[], float]
    ) -> None:
        self.hosts = hosts
        self.matrix = Matrix()
        self._network = network
        self._version = version
        self._protocol = protocol
        self._now = now
        self._macs: dict[tuple[str, Address], str] = {}
        self._numbers: dict[int, Pair] = {}

    def drop_old_frames(self) -> None:
        self._network.settle()
        for host in self.hosts:
            self._network.received(host.name)

    def resolve(self, pairs: Sequence[tuple[Host, Host]], expected: set[Pair], timeout: float) -> None:
        """Ask for the MAC of every next hop; unanswered questions are asked once more, as a kernel would."""
        questions: dict[tuple[str, Address], Host] = {}
        needed: set[tuple[str, Address]] = set()
        for a, b in pairs:
            hop = a.next_hop(self._address(b))
            if hop is not None:
                questions[a.name, hop] = a
                if (a.name, b.name) in expected:
                    needed.add((a.name, hop))
        for _ in range(2):
            rest = {key: host for key, host in questions.items() if key not in self._macs}
            self._network.send_all((host.name, host.ask(hop)) for (_, hop), host in rest.items())
            self._collect(lambda: needed <= self._macs.keys(), timeout / 2, self._take_answer)
        self.matrix.unresolved = questions.keys() - self._macs.keys()

    def deliver(self, pairs: Sequence[tuple[Host, Host]], expected: set[Pair], timeout: float) -> None:
        """Send the marked packets and collect them."""
        self.matrix.tried = {(a.name, b.name) for a, b in pairs}
        wanted = expected & self.matrix.tried
        self._network.send_all((a.name, self._packet(a, b)) for a, b in pairs)
        self._collect(lambda: wanted <= self.matrix.reached, timeout, self._take_packet)

    def _packet(self, a: Host, b: Host) -> bytes:
        target = self._address(b)
        hop = a.next_hop(target)
        mac = self._macs.get((a.name, hop), b.mac) if hop is not None else b.mac
        number = len(self._numbers)
        self._numbers[number] = (a.name, b.name)
        payload = _MARK + number.to_bytes(8, "big")
        if self._protocol == "udp":
            return a.udp(target, mac, payload)
        if self._protocol == "tcp":
            return a.tcp_syn(target, mac, payload)
        return a.echo(target, mac, payload)

    def _collect(self, done: Callable[[], bool], timeout: float, take: Callable[[str, bytes], None]) -> None:
        """Read what arrives until ``done`` and nothing is on its way any more, or the time is over."""
        end = self._now() + timeout
        while True:
            complete = done()
            if complete:
                self._network.settle()
            for host in self.hosts:
                for frame in self._network.received(host.name):
                    take(host.name, frame)
            if complete or self._now() > end:
                return
            time.sleep(_POLL_SECONDS)

    def _take_answer(self, name: str, frame: bytes) -> None:
        answer = answer_of(frame)
        if answer is not None:
            self._macs[name, answer[0]] = answer[1]

    def _take_packet(self, name: str, frame: bytes) -> None:
        at = frame.find(_MARK)
        if at < 0 or len(frame) < at + _SIZE:
            return
        pair = self._numbers.get(int.from_bytes(frame[at + len(_MARK) : at + _SIZE], "big"))
        if pair is not None:
            self.matrix.receivers.setdefault(pair, []).append(name)

    def _address(self, host: Host) -> Address:
        address = host.address(self._version)
        assert address is not None  # hosts without one were left out
        return address


def _rounds(hosts: Sequence[Host]) -> Iterator[tuple[Host, Host]]:
    """Every ordered pair, such that neighbours in the sequence have different senders and different receivers."""
    for distance in range(1, len(hosts)):
        for index, host in enumerate(hosts):
            yield host, hosts[(index + distance) % len(hosts)]
