"""Links of a lab network, which can be cut and mended.

A link is a pair of dummy ports joined by a Unix socket, or a pair of patch ports. With sockets a link fails as a cable
does: both ends see LINK_DOWN, and since a dummy port goes on carrying frames when it is down, the socket is taken away
too. Each frame costs two turns of ovs-vswitchd's main loop per link, one for its length and one for its bytes. With
patch ports a frame crosses the whole network in one turn, and a cut removes both ports.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sdn.lab.ovs import PrivateOvs
from sdn.lab.wiring import Command
from sdn.model.topology import DeclaredLink

End = tuple[str, str]
"""(switch, interface)."""
Place = Callable[[str], tuple[PrivateOvs, str]]
"""Switch name → its Open vSwitch instance and bridge."""


class Cabling(ABC):
    """How links are made. place: where switches are."""

    def __init__(self, place: Place, directory: Path) -> None:
        self._place = place
        self._directory = directory

    @abstractmethod
    def build(self, switch: str, links: Iterable[DeclaredLink]) -> Iterator[Command]:
        """Commands for the ports of a new switch; they lead nowhere until ``join``."""

    @abstractmethod
    def join(self, links: Sequence[DeclaredLink]) -> None:
        """Let these links work; the switches at both ends run."""

    @abstractmethod
    def part(self, links: Sequence[DeclaredLink], running: Callable[[str], bool]) -> None:
        """Take these links down at the ends whose switches run."""

    def _batch(self, commands: Iterable[tuple[str, Command]]) -> None:
        """Run (switch, command) pairs, in one call per Open vSwitch instance."""
        by_ovs: dict[PrivateOvs, list[Command]] = {}
        for switch, command in commands:
            by_ovs.setdefault(self._place(switch)[0], []).append(command)
        for ovs, batch in by_ovs.items():
            ovs.vsctl_batch(batch)


class SocketCabling(Cabling):
    """Pairs of dummy ports joined by sockets."""

    def __init__(self, place: Place, directory: Path) -> None:
        super().__init__(place, directory)
        self._count = 0

    def build(self, switch: str, links: Iterable[DeclaredLink]) -> Iterator[Command]:
        """A dummy port for each end."""
        bridge = self._place(switch)[1]
        for _, interface in _ends(links, lambda name: name == switch):
            yield ("add-port", bridge, interface)
            yield ("set", "interface", interface, "type=dummy")

    def join(self, links: Sequence[DeclaredLink]) -> None:
        """All listeners first: a dummy port whose peer does not listen yet waits a second before it tries again."""
        paths = {}
        for link in links:
            self._count += 1
            paths[link] = f"{self._directory}/l{self._count}.sock"
        listen = ((link.a, f"options:pstream=punix:{path}") for link, path in paths.items())
        self._batch((switch, ("set", "interface", name, option)) for (switch, name), option in listen)
        connect = ((link.b, f"options:stream=unix:{path}") for link, path in paths.items())
        self._batch((switch, ("set", "interface", name, option)) for (switch, name), option in connect)
        self._admin(_ends(links, lambda _: True), "up")

    def part(self, links: Sequence[DeclaredLink], running: Callable[[str], bool]) -> None:
        """Down first, so that a switch hears of it before frames get lost, as with most cables."""
        ends = list(_ends(links, running))
        self._admin(ends, "down")
        self._batch((switch, ("clear", "interface", name, "options")) for switch, name in ends)

    def _admin(self, ends: Iterable[End], state: str) -> None:
        by_ovs: dict[PrivateOvs, list[Command]] = {}
        for switch, name in ends:
            by_ovs.setdefault(self._place(switch)[0], []).append(("netdev-dummy/set-admin-state", name, state))
        for ovs, batch in by_ovs.items():
            ovs.appctl_batch(batch)


class PatchCabling(Cabling):
    """Pairs of patch ports, within one Open vSwitch instance."""

    def build(self, switch: str, links: Iterable[DeclaredLink]) -> Iterator[Command]:
        """Nothing: a patch port exists while its link works."""
        yield from ()

    def join(self, links: Sequence[DeclaredLink]) -> None:
        """Add the ports."""
        pairs = [pair for link in links for pair in ((link.a, link.b), (link.b, link.a))]
        self._batch(
            (switch, command)
            for (switch, name), (_, peer) in pairs
            for command in (
                ("add-port", self._place(switch)[1], name),
                ("set", "interface", name, "type=patch", f"options:peer={peer}"),
            )
        )

    def part(self, links: Sequence[DeclaredLink], running: Callable[[str], bool]) -> None:
        """Remove the ports."""
        self._batch(
            (switch, ("--if-exists", "del-port", self._place(switch)[1], name))
            for switch, name in _ends(links, running)
        )


def _ends(links: Iterable[DeclaredLink], chosen: Callable[[str], bool]) -> Iterator[End]:
    """The ends at chosen switches; both of a link may be at the same one."""
    return (end for link in links for end in (link.a, link.b) if chosen(end[0]))
