"""How much of a link connections may reserve: of all, and of one alone."""

from __future__ import annotations

import itertools

import pytest
from simulation import Simulation
from test_priorities import GIGA, network, spine, told, wish

from sdn.controller.effects import Effect, Maintained
from sdn.controller.events import Event, Maintain
from sdn.model.command import Create
from sdn.model.errors import InvalidInput, Refused, SdnError
from sdn.model.maintenance import MaintenanceView, Target
from sdn.model.status import State

READY = (State.PROGRAMMED, "")
UPLINK = Target(a=("leaf1", ""), b=("spine1", ""))


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """One spine; of every link as much as it carries may be reserved."""
    answers: list[MaintenanceView | SdnError] = []
    carry_out = Simulation._carry_out

    def keep(self: Simulation, effect: Effect) -> list[Event]:
        if isinstance(effect, Maintained):
            answers.append(effect.result)
            return []
        return carry_out(self, effect)

    monkeypatch.setattr(Simulation, "_carry_out", keep)
    sim = network("leaf-spine:spines=1,leaves=2,hosts=4,capacity=1G")
    sim.answers = answers  # type: ignore[attr-defined]
    return sim


tokens = itertools.count(1)


def share(sim: Simulation, times: float, target: Target = UPLINK) -> MaintenanceView:
    sim.turn(Maintain(next(tokens), target, oversubscription=times))
    found = sim.answers.pop()  # type: ignore[attr-defined]
    if isinstance(found, SdnError):
        raise found
    assert isinstance(found, MaintenanceView)
    return found


def test_more_of_one_link_and_less_again(sim: Simulation) -> None:
    sim.put(wish("first", 1, 5, 0.9))
    with pytest.raises(Refused, match="limited by spine1:spine1-eth1 - leaf1"):
        sim.submit(Create(wish("second", 2, 6, 0.5)))
    assert share(sim, 1.5).oversubscription == 1.5
    with pytest.raises(Refused, match="limited by spine1:spine1-eth2 - leaf2"):
        sim.submit(Create(wish("second", 2, 6, 0.5)))
    share(sim, 2, Target(a=("spine1", ""), b=("leaf2", "")))
    sim.put(wish("second", 2, 6, 0.5, level=1))
    assert (told(sim, "first"), told(sim, "second")) == (READY, READY)
    (limit,) = {link.oversubscription for link in sim.controller.topology.links()} - {2.0}
    assert limit == 1.5

    sim.start()  # what is said is kept
    sim.connect()
    sim.run(12)
    assert (told(sim, "first"), told(sim, "second")) == (READY, READY)

    assert share(sim, 0).oversubscription == 0
    sim.run(1)
    assert told(sim, "second") == READY, "the higher service level comes first"
    assert told(sim, "first") == (State.DEGRADED, "NoCapacity")
    ledger = sim.controller.connections.ledger
    uplink = next(link for link in sim.controller.topology.links() if not link.oversubscription)
    assert ledger.reserved(uplink.a) == GIGA / 2
    assert [n.reason for n in sim.events() if "Over" in n.reason] == ["LinkOversubscriptionSet"]
    share(sim, 1.5)
    sim.run(1)
    assert (told(sim, "first"), spine(sim, "first")) == (READY, "spine1")


def test_less_than_the_capacity(sim: Simulation) -> None:
    share(sim, 0.3)
    with pytest.raises(Refused, match="Ask for at most 300000000 bit/s"):
        sim.submit(Create(wish("c", 1, 5, 0.5)))
    sim.put(wish("c", 1, 5, 0.3))


@pytest.mark.parametrize("times", [-1.0, 0.001, 1001.0, float("nan"), float("inf")])
def test_what_is_out_of_range_is_refused(sim: Simulation, times: float) -> None:
    with pytest.raises(InvalidInput, match=r"Give 0\.01 to 1000, or 0") as caught:
        share(sim, times)
    assert caught.value.violations[0].field == "oversubscription"
    with pytest.raises(InvalidInput, match="a switch has no oversubscription"):
        share(sim, 1.0, Target("leaf1"))
