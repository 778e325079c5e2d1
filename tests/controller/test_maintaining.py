"""Drained links and switches: traffic and connections leave them without a loss, and what stays is told."""

from __future__ import annotations

import itertools
import random

import pytest
from moving_routes import MovingRoutes, T

from sdn.controller.effects import Effect, Maintained
from sdn.controller.events import Event, Maintain
from sdn.model.errors import InvalidInput, NotFound, Refused, SdnError
from sdn.model.intent import Connection
from sdn.model.maintenance import MaintenanceView, Target
from sdn.topology.maintenance import LinkWish

SPEC = "leaf-spine:spines=2,leaves=3,hosts=1"


class Sim(MovingRoutes):
    """With answers to operators."""

    def __init__(self, spec: str) -> None:
        self.told: dict[int, MaintenanceView | SdnError] = {}
        self.numbers = itertools.count(1)
        super().__init__(spec)

    def _carry_out(self, effect: Effect) -> list[Event]:
        if isinstance(effect, Maintained):
            self.told[effect.token] = effect.result
            return []
        return super()._carry_out(effect)

    def ask(
        self,
        target: Target,
        *,
        drained: bool | None = None,
        cost: int | None = None,
        oversubscription: float | None = None,
    ) -> MaintenanceView:
        token = next(self.numbers)
        self.turn(Maintain(token, target, drained, cost, oversubscription))
        result = self.told[token]
        if isinstance(result, SdnError):
            raise result
        return result

    def view(self, target: Target) -> MaintenanceView:
        return self.controller.maintaining.view(target)

    def passes(self, switch: str) -> bool:
        """Whether routes between others lead through a switch."""
        dpid = self.declared.switches[switch]
        peers = self.controller.parts.convergence._peers
        paths = self.controller.parts.paths
        return any(
            peers[other, port] == dpid
            for destination in paths.destinations
            for other in self.controller.compiler.programs
            if other != destination and dpid not in (destination, other)
            for port in paths.next_hops(other, destination).ports  # type: ignore[union-attr, arg-type]
        )


@pytest.fixture
def sim() -> Sim:
    sim = Sim(SPEC)
    sim.ready()
    return sim


def link(a: str, b: str) -> Target:
    return Target(a=(a, ""), b=(b, ""))


def test_a_drained_switch_is_left_without_a_loss_and_used_again_later(sim: Sim) -> None:
    sim.slow = sim.lossless = True
    rng = random.Random(1)
    assert sim.passes("spine1")
    found = sim.ask(Target("spine1"), drained=True)
    assert (found.drained, found.settled, found.needed_by, found.staying) == (True, False, (), ())
    sim.rest(rng)
    assert not sim.passes("spine1")
    assert sim.view(Target("spine1")).settled
    assert [state.drained for state in sim.controller.topology.link_states()].count(True) == 3
    sim.ask(Target("spine1"), drained=False)
    sim.rest(rng)
    assert sim.passes("spine1")
    assert [notice.reason for notice in sim.events() if "rained" in notice.reason] == ["Drained", "Undrained"]


def test_random_drains_and_costs_lose_nothing_in_any_order(sim: Sim) -> None:
    sim.slow = sim.lossless = True
    rng = random.Random(2)
    targets = [Target(name) for name in sim.devices] + [link(a, b) for a in ("leaf1", "leaf2") for b in ("spine1",)]
    for _ in range(15):
        target = rng.choice(targets)
        sim.ask(target, drained=rng.random() < 0.6)
        if target.a[0] and rng.random() < 0.5:
            sim.ask(target, cost=rng.randint(0, 30))
        for _ in range(rng.randrange(12)):
            if sim.waiting:
                sim.answer(rng.randrange(len(sim.waiting)))
    sim.rest(rng, 10)
    assert sim.controller.parts.convergence.settled
    assert sim.in_sync()


def test_what_has_no_other_way_stays_and_is_told(sim: Sim) -> None:
    sim.ask(link("leaf1", "spine1"), drained=True)
    found = sim.ask(link("leaf1", "spine2"), drained=True)
    assert found.needed_by == ("leaf1", "leaf2", "leaf3"), "both links of leaf1 are drained: they are used all the same"
    assert sim.ask(Target("leaf1"), drained=True).needed_by == (), "its own hosts it serves"


def test_it_holds_over_a_restart(sim: Sim) -> None:
    sim.ask(Target("spine1"), drained=True)
    sim.ask(link("leaf1", "spine2"), cost=33)
    sim.run(3)
    sim.judged = False
    sim.start()
    sim.connect()
    sim.run(3)
    assert not sim.passes("spine1")
    assert sim.view(Target("spine1")).drained
    assert sim.view(link("leaf1", "spine2")).cost == 33
    sim.ask(Target("spine1"), drained=False)
    sim.ask(link("leaf1", "spine2"), cost=0)
    assert not sim.records["maintenance"]


def test_connections_move_or_say_why_they_stay(sim: Sim) -> None:
    name = f"{T}/connections/c"
    sim.put(Connection(name=name, a=f"{T}/ports/h1", b=f"{T}/ports/h2", bandwidth=10**8))
    sim.run(2)
    (middle,) = [hop.switch for hop in sim.controller.statuses.of(sim.controller.store.objects[name]).path][1:-1]
    sim.ask(Target(middle), drained=True)
    sim.run(4)
    other = "spine2" if middle == "spine1" else "spine1"
    path = [hop.switch for hop in sim.controller.statuses.of(sim.controller.store.objects[name]).path]
    assert path == ["leaf1", other, "leaf2"]
    assert sim.view(Target(middle)).staying == ()
    found = sim.ask(Target(other), drained=True)
    assert [held for held, _ in found.staying] == [name]
    assert found.staying[0][1], "a reason is given"
    assert not found.settled
    sim.run(4)
    assert sim.view(Target(other)).settled


def test_wrong_targets_are_told(sim: Sim) -> None:
    for target, error in (
        (Target("leaf9"), NotFound),
        (link("leaf1", "leaf2"), NotFound),
        (Target(a=("leaf1", "nowhere"), b=("spine1", "")), NotFound),
    ):
        with pytest.raises(error):
            sim.ask(target, drained=True)
    with pytest.raises(InvalidInput):
        sim.ask(Target("leaf1"), cost=5)
    with pytest.raises(InvalidInput):
        sim.ask(link("leaf1", "spine1"), cost=70_000)


def test_parallel_links_are_told_apart_by_their_interfaces() -> None:
    sim = Sim("linear:switches=2,hosts=1")
    for name in ("s1", "s2"):
        sim.devices[name].add_port(f"{name}-second")
    sim.wires["s1", "s1-second"], sim.wires["s2", "s2-second"] = ("s2", "s2-second"), ("s1", "s1-second")
    sim.ready()
    with pytest.raises(Refused, match="2 links"):
        sim.ask(link("s1", "s2"), drained=True)
    assert sim.ask(Target(a=("s1", "s1-second"), b=("s2", "")), drained=True).target.b == ("s2", "s2-second")


def test_a_damaged_record_is_told() -> None:
    sim = Sim("linear:switches=2")
    for damaged in ({"0000000000000001": "[]"}, {"x": "true"}, {"0000000000000001/a 0000000000000002/b": "[true]"}):
        sim.records["maintenance"] = damaged
        with pytest.raises(SdnError, match="damaged"):
            sim.start()


def test_what_is_said_about_a_link_that_is_down_holds_when_it_is_back(sim: Sim) -> None:
    end = next(end for end in sim.wires if end[0] == "leaf1")
    far = sim.wires[end]
    sim.ask(Target(a=end, b=far), drained=True)
    sim.judged = False
    sim.set_link(end, False)
    sim.run(3)
    assert sim.view(Target(a=end, b=far)).drained
    assert not sim.ask(Target(a=end, b=far), drained=False).drained
    with pytest.raises(NotFound):
        sim.ask(Target(a=end, b=far), drained=True)
    sim.set_link(end, True)
    sim.run(4)
    sim.ask(Target(a=end, b=far), drained=True)
    sim.set_link(end, False)
    sim.run(1)
    sim.set_link(end, True)
    sim.run(4)
    state = next(s for s in sim.controller.topology.link_states() if end in (s.a, s.b))
    assert state.drained
    assert LinkWish(drained=True) == sim.controller.topology.maintenance.of(
        next(
            pair
            for pair in sim.controller.topology.known_pairs()
            if sim.controller.topology.maintenance.of(pair).drained
        )
    )
