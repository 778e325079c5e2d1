"""A restart in the middle of a move: nothing is sent along a path that switches may not have, and none is taken away
from those who still send along it."""

from __future__ import annotations

import pytest
from test_steering import NAME, SPEC, Watched, path, ports, wish

from sdn.controller.effects import Effect, SendBatch
from sdn.controller.events import Event
from sdn.model.intent import Constraints, Network, Tenant
from sdn.model.program import GRACE
from sdn.model.status import State
from sdn.pipeline.layout import Table

VIA1, VIA2 = (Constraints(via=(spine,)) for spine in ("spine1", "spine2"))
T = "tenants/t"


class Midway(Watched):
    """deaf: switches where what leads traffic to paths is lost on the way, so that it stays where it is."""

    deaf: frozenset[str] = frozenset()

    def _carry_out(self, effect: Effect) -> list[Event]:
        if isinstance(effect, SendBatch) and any(key[0] == Table.PATH for key, _ in effect.batch.flows):
            device = self._of_session(effect.session)
            if device is not None and self.by_dpid[device.dpid] in self.deaf:
                return []
        return super()._carry_out(effect)

    def restart(self, *away: str) -> None:
        self.deaf = frozenset()
        self.start()
        self.connect(*(name for name in self.devices if name not in away))
        self.run(12)
        assert self.controller.started

    def sent_along(self, at: str) -> list[int]:
        return [number for name, number in self.steered() if name == at]


@pytest.fixture
def sim() -> Midway:
    sim = Midway(SPEC)
    sim.connect()
    sim.run(3)
    sim.put(Tenant(name=T), Network(name=f"{T}/networks/n"), *ports(sim))
    sim.run(1)
    return sim


def test_a_path_that_was_never_confirmed_is_not_taken(sim: Midway) -> None:
    sim.disconnect("spine1")
    sim.put(wish(sim, constraints=VIA1))
    sim.run(1)
    sim.restart("spine1")
    assert not list(sim.steered())
    assert (sim.state(NAME), sim.reason(NAME)) == (State.ADMITTED, "SwitchAway")
    sim.connect("spine1")
    sim.run(1)
    assert len(list(sim.steered())) == 2
    assert sim.state(NAME) is State.PROGRAMMED


def test_traffic_stays_on_the_old_path_until_the_new_one_is_confirmed(sim: Midway) -> None:
    sim.put(wish(sim, constraints=VIA1))
    old = sorted(sim.steered())
    sim.disconnect("spine2")
    sim.put(wish(sim, constraints=VIA2))
    sim.restart("spine2")
    assert sorted(sim.steered()) == old
    sim.connect("spine2")
    sim.run(GRACE + 2)
    assert path(sim)[1] == "spine2"
    assert sim.state(NAME) is State.PROGRAMMED
    assert not {*old} & {*sim.steered()}
    assert sim.in_sync()


def test_a_path_stays_until_both_ends_are_known_to_send_elsewhere(sim: Midway) -> None:
    sim.put(wish(sim, constraints=VIA1))
    old = sim.sent_along("leaf1")
    sim.deaf = frozenset({"leaf1"})
    sim.put(wish(sim, constraints=VIA2))
    assert sim.sent_along("leaf1") == old != sim.sent_along("leaf3")
    sim.restart("leaf1")
    assert sim.sent_along("leaf1") == old
    sim.check()
    sim.connect("leaf1")
    sim.run(GRACE + 2)
    assert sim.sent_along("leaf1") != old
    assert sim.in_sync()
    assert len(sim.records["paths"]) == 1
    assert len(list(sim.controller.store.numbers.items("path"))) == 2


def test_so_it_does_where_there_is_no_path_any_more(sim: Midway) -> None:
    sim.put(wish(sim, constraints=VIA1))
    sim.deaf = frozenset({"leaf1"})
    sim.put(wish(sim, constraints=Constraints(max_hops=1), no_path="WAIT"))
    assert sim.state(NAME) is State.DEGRADED or sim.state(NAME) is State.PENDING
    sim.restart()
    assert not list(sim.steered())
    sim.run(GRACE + 2)
    assert sim.in_sync()
    assert not list(sim.controller.store.numbers.items("path"))
