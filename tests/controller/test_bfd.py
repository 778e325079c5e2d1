"""What is set at which interface so that BFD watches links, from links and what databases tell. No switch, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from sdn.controller.effects import SetWatching
from sdn.controller.switches.bfd import AGAIN, CHECK, KEEP, Bfd
from sdn.controller.switches.bfdrule import OURS, OWNER, POINTS, BfdRule
from sdn.model.ids import Dpid
from sdn.model.plugs import Bridge, Watching
from sdn.topology import End

A, B = End(Dpid(1), "a"), End(Dpid(2), "b")
LINK = (A, B)


class World:
    """Databases that do as they are told, and links as a test wishes. BFD is up where both ends have it."""

    def __init__(self, mode: str = "auto") -> None:
        self.now = 0.0
        self.links: list[tuple[End, End]] = [LINK]
        self.hosts: set[End] = set()
        self.told: list[str] = []
        self.watched: dict[End, Watching] = {}
        self.databases = {A.dpid, B.dpid}
        self.patches: frozenset[str] = frozenset()
        self.heeds = True
        self.discovery = SimpleNamespace(
            revision=0,
            is_host=lambda end: end in self.hosts,
            link_at=lambda end: next((pair for pair in self.links if end in pair), None),
        )
        topology: Any = SimpleNamespace(
            discovery=self.discovery, fabric=lambda: self.links, name_of=lambda dpid: f"s{dpid}"
        )
        plugs: Any = SimpleNamespace(
            revision=0, bridge=self.bridge, manager=int, bridges=lambda: map(self.bridge, sorted(self.databases))
        )
        reporter: Any = SimpleNamespace(bfd=lambda severity, reason, end, message: self.told.append(reason))
        self.bfd = Bfd(BfdRule(mode), topology, plugs, reporter, lambda dpid: True)

    def bridge(self, dpid: Dpid) -> Bridge | None:
        if dpid not in self.databases:
            return None
        watched = {end.interface: watching for end, watching in self.watched.items() if end.dpid == dpid}
        return Bridge(dpid, f"s{dpid}", watched=watched, patches=self.patches)

    def tick(self, seconds: float = CHECK) -> list[SetWatching]:
        """What is written, and done unless they do not heed it."""
        self.now += seconds
        self.discovery.revision += 1
        effects = self.bfd.tick(self.now)
        for effect in effects if self.heeds else ():
            assert effect.manager == effect.dpid
            self.watched[End(effect.dpid, effect.interface)] = effect.wanted
        return effects

    def come_up(self) -> None:
        self.watched = {end: Watching(at.bfd, at.cfm, up=True) for end, at in self.watched.items()}

    def running(self) -> World:
        """Watched, as after a while."""
        self.tick()
        self.come_up()
        self.tick()
        return self

    def settings(self) -> Mapping[End, Mapping[str, str]]:
        return {end: at.bfd for end, at in self.watched.items() if at.bfd}


def test_both_ends_get_it_with_cfm_beside_until_both_are_up() -> None:
    world = World()
    effects = world.tick()
    assert [(effect.dpid, effect.interface, effect.wanted.cfm) for effect in effects] == [
        (1, "a", POINTS[0]),
        (2, "b", POINTS[1]),
    ]
    assert all(effect.wanted.bfd[OWNER] == OURS and effect.wanted.bfd["enable"] == "true" for effect in effects)
    world.watched[A] = Watching(world.watched[A].bfd, world.watched[A].cfm, up=True)
    assert world.tick() == []
    world.come_up()
    assert [effect.wanted.cfm for effect in world.tick()] == [None, None]
    assert world.tick() == []


@pytest.mark.parametrize("why", ["no database", "patch port", "off"])
def test_where_it_cannot_be_at_both_ends_it_is_at_none(why: str) -> None:
    world = World("off" if why == "off" else "on")
    if why == "no database":
        world.databases.remove(B.dpid)
    elif why == "patch port":
        world.patches = frozenset("b")
    assert world.tick() + world.tick() == []
    assert world.told == ([] if why == "off" else ["LinkWithoutBfd"])


@pytest.mark.parametrize("foreign", [Watching({"enable": "false"}), Watching({"enable": "true"}), Watching({}, 5)])
def test_an_operators_settings_are_left_alone_and_told_once(foreign: Watching) -> None:
    world = World()
    world.watched[B] = foreign
    assert world.tick() + world.tick() == []
    assert world.told == ["BfdNotOurs"]


def test_it_stays_while_a_link_is_silent_and_goes_when_it_is_none_any_more() -> None:
    world = World().running()
    world.links = []
    assert world.tick() + world.tick(KEEP - 2) == []
    assert {End(effect.dpid, effect.interface) for effect in world.tick(2)} == {A, B}
    assert world.settings() == {}


def test_a_host_and_a_peer_without_it_end_it_at_once() -> None:
    world = World().running()
    world.links, world.hosts = [], {A}
    assert [effect.interface for effect in world.tick()] == ["a"]
    world.links = [(A, B)]
    world.hosts = set()
    world.patches = frozenset("a")
    assert [effect.interface for effect in world.tick()] == ["b"]


def test_a_database_that_is_away_ends_nothing() -> None:
    world = World().running()
    world.databases.remove(B.dpid)
    assert world.tick() + world.tick(KEEP) + world.tick(KEEP) == []
    assert len(world.settings()) == 2


def test_other_values_are_written_and_off_takes_all_away() -> None:
    world = World().running()
    world.bfd._rule = BfdRule(interval=100)
    assert [effect.wanted.bfd["min_tx"] for effect in world.tick()] == ["100", "100"]
    world.bfd._rule = BfdRule("off")
    world.tick()
    assert world.settings() == {}


def test_what_has_no_effect_is_tried_again_later() -> None:
    world = World()
    world.heeds = False
    assert len(world.tick()) == 2
    assert world.tick(AGAIN / 2) == []
    assert len(world.tick(AGAIN)) == 2
