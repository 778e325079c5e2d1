"""Which numbered packets went into which links, and in which color: captures at the sending ends of links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cloud_lab import CloudLab
from test_cloud_convergence import MARK

from sdn.lab.pcap import PcapTail
from sdn.model.topology import DeclaredLink

End = tuple[str, str]
"""(switch, interface)."""
_COLOR, _EPOCH = 0x30, 0x0C
"""Bits of the first octet of a label (docs/architecture.md)."""


@dataclass(frozen=True)
class Crossing:
    """One way over a link. end: where the packet was sent."""

    number: int
    end: End
    color: int


class LinkTaps:
    """Of a network whose links are pairs of dummy ports."""

    def __init__(self, lab: CloudLab) -> None:
        self._lab = lab
        self._files = count()
        self._tails: dict[PcapTail, End] = {}
        self.order: list[Crossing] = []
        """All that was seen; of one link in order."""
        self.epochs: set[int] = set()
        """Those of the labels that were seen."""

    def watch(self, links: Iterable[DeclaredLink]) -> None:
        """From now on; a link that was cut is watched no more."""
        for link in links:
            self._tap(link, lambda end, path: ("set", "interface", end[1], f"options:tx_pcap={path}"))

    def sever(self, link: DeclaredLink) -> None:
        """What is sent into a link is lost from now on, and no switch sees that; it is watched all the same."""
        self._tap(link, lambda end, path: ("set", "interface", end[1], f"options={{tx_pcap={path}}}"))

    def take_down(self, link: DeclaredLink) -> None:
        """Both switches see that their ports are dead; ``LabNetwork.cut`` then says the same, and forgets the tap."""
        for switch, interface in (link.a, link.b):
            self._lab.network.ovs_of(switch).appctl("netdev-dummy/set-admin-state", interface, "down")

    def _tap(self, link: DeclaredLink, command: Callable[[End, Path], Sequence[str]]) -> None:
        self.crossed()  # a file that is let go of is read to its end
        for end in (link.a, link.b):
            path = self._lab.network.directory / f"tap{next(self._files)}.pcap"
            self._tails[PcapTail(path)] = end
            self._lab.network.ovs_of(end[0]).vsctl(*command(end, path))

    def crossed(self) -> dict[int, list[Crossing]]:
        """All ways over links so far, by packet."""
        for tail, end in self._tails.items():
            for frame in tail.read():
                at = frame.find(MARK)
                if at >= 0:
                    number = int.from_bytes(frame[at + len(MARK) : at + len(MARK) + 8], "big")
                    self.epochs.add((frame[0] & _EPOCH) >> 2)
                    self.order.append(Crossing(number, end, frame[0] & _COLOR))
        found: dict[int, list[Crossing]] = {}
        for crossing in self.order:
            found.setdefault(crossing.number, []).append(crossing)
        return found

    def check(self) -> None:
        """No packet crossed a link twice in the same direction and color."""
        self.crossed()
        twice = [crossing for crossing, times in Counter(self.order).items() if times > 1]
        assert not twice, f"{len(twice)} of {len(self.order)}: {twice[:5]}"
