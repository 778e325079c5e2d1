"""Switches that are cut off for a while, session and links, and come back with the tables and the cache that they had.

Beyond what moving_routes.py judges, a switch takes labelled frames only at ports where what it acts upon says so. What
was on its way to a switch when it was cut off is carried out, or lost.
"""

from __future__ import annotations

import random

from moving_routes import MovingRoutes

Cable = tuple[str, str]
"""By its first end."""


class CutOff(MovingRoutes):
    """dark: switches without cables; cut: links that are broken for reasons of their own."""

    def __init__(self, spec: str, *, repair: bool = True) -> None:
        self.dark: set[str] = set()
        self.cut: set[Cable] = set()
        self.heads: dict[tuple[str, int], tuple[str, int] | None] = {}
        super().__init__(spec, repair=repair)

    # ---- what happens ----

    def cut_off(self, name: str, rng: random.Random) -> None:
        """All cables of a switch fail, the one to its controller among them."""
        device = self.devices[name]
        lost = [effect for other, effect in self.waiting if other is device]
        self.waiting = [item for item in self.waiting if item[0] is not device]
        for effect in lost:
            if rng.random() < 0.5:
                self.take(device, effect)
        session, device.session = device.session, 0
        self.dark.add(name)
        self.wire()
        device.session = session
        self.disconnect(name)

    def mend_cables(self, name: str) -> None:
        """The cables of a switch are there again, but to those that are cut off themselves."""
        self.dark.discard(name)
        self.wire()

    def wire(self) -> None:
        """Every cable is up unless something is wrong with it."""
        for link in self.declared.links:
            up = link.a not in self.cut and not {link.a[0], link.b[0]} & self.dark
            if self.devices[link.a[0]].ports[link.a[1]].up != up:
                self.set_link(link.a, up)
                self.judge()

    def set_link(self, a: Cable, up: bool) -> None:
        self.heads.clear()
        super().set_link(a, up)

    # ---- what packets meet ----

    def follow(self, held, destination, label, start, done) -> None:  # type: ignore[no-untyped-def]
        super().follow(held, destination, label, (*start, 0), done)

    def steps(self, held, destination: str, label: int, at):  # type: ignore[no-untyped-def]
        name, octet, port = at
        if name == destination:
            return iter(())
        found = {}
        for tables, _ in held[name]:
            action = tables.labels.get((octet, label))
            if action is not None and (not port or port in tables.listens):
                for ports, color in action.stages:
                    heads = [head for out in ports if (head := self.head(name, out))]
                    if heads:
                        found.update({(far, octet if color is None else color, into): None for far, into in heads})
                        break
        return iter(found)

    def head(self, name: str, port: int) -> tuple[str, int] | None:
        """Where frames arrive that leave a switch at a port: a switch and its port."""
        if not self.heads:
            for (near, interface), (far, into) in self.wires.items():
                ends = self.devices[near].ports[interface], self.devices[far].ports[into]
                self.heads[near, ends[0].number] = (far, ends[1].number) if ends[0].up and ends[1].up else None
        return self.heads.get((name, port))
