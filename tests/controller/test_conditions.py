"""Conditions: what they say, since when, and that nobody looks at objects that did not change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation
from test_controller import WEB, T, cloud, port
from test_restart import Life

from sdn.controller.conditions import Conditions, judge
from sdn.model.command import Delete
from sdn.model.intent import Binding, Connection, Network, Port, Resource, Router, Tenant
from sdn.model.status import PathHop, State, Status

HOP = (PathHop("leaf1", "a", "b"),)
C = Connection(name=f"{T}/connections/c", a="a", b="b", bandwidth=1)
R = Router(name=f"{T}/routers/r")
N = Network(name=f"{T}/networks/n")


@pytest.mark.parametrize(
    ("resource", "status", "expected"),
    [
        (N, Status(State.PROGRAMMED), "Programmed TRUE Confirmed"),
        (N, Status(State.PENDING, "Programming"), "Programmed FALSE Programming"),
        (N, Status(State.FAILED, "SwitchRefused"), "Programmed FALSE SwitchRefused"),
        (N, Status(State.PENDING, "Starting"), "Programmed UNKNOWN Starting"),
        (
            C,
            Status(State.PROGRAMMED, path=HOP),
            "Admitted TRUE PathReserved, Programmed TRUE Confirmed, "
            "Verified UNKNOWN NotProbed, Complete TRUE NothingMissing",
        ),
        (
            C,
            Status(State.VERIFIED, path=HOP, verified_path=HOP),
            "Admitted TRUE PathReserved, Programmed TRUE Confirmed, "
            "Verified TRUE ProbesCameBack, Complete TRUE NothingMissing",
        ),
        (
            C,
            Status(State.DEGRADED, "ProbeLost", path=HOP),
            "Admitted TRUE PathReserved, Programmed TRUE Confirmed, Verified FALSE ProbeLost, Complete FALSE ProbeLost",
        ),
        (
            C,
            Status(State.ADMITTED, "Programming", path=HOP),
            "Admitted TRUE PathReserved, Programmed FALSE Programming, "
            "Verified UNKNOWN NotProbed, Complete UNKNOWN Programming",
        ),
        (
            C,
            Status(State.PENDING, "Programming", path=HOP),
            "Admitted TRUE PathReserved, Programmed FALSE Programming, "
            "Verified UNKNOWN NotProbed, Complete UNKNOWN Programming",
        ),
        (
            C,
            Status(State.REJECTED, "NoCapacity"),
            "Admitted FALSE NoCapacity, Programmed FALSE NoCapacity, "
            "Verified UNKNOWN NotProbed, Complete FALSE NoCapacity",
        ),
        (
            C,
            Status(State.DEGRADED, "NoPath"),
            "Admitted FALSE NoPath, Programmed FALSE NoPath, Verified UNKNOWN NotProbed, Complete FALSE NoPath",
        ),
        (
            C,
            Status(State.DEGRADED, "Unprotected", path=HOP),
            "Admitted TRUE PathReserved, Programmed TRUE Confirmed, "
            "Verified UNKNOWN NotProbed, Complete FALSE Unprotected",
        ),
        (
            C,
            Status(State.PENDING, "EndNotAttached"),
            "Admitted UNKNOWN EndNotAttached, Programmed FALSE EndNotAttached, "
            "Verified UNKNOWN NotProbed, Complete UNKNOWN EndNotAttached",
        ),
        (R, Status(State.DEGRADED, "NextHopMissing"), "Programmed TRUE Confirmed, Complete FALSE NextHopMissing"),
    ],
)
def test_what_is_said_of_a_status(resource: Resource, status: Status, expected: str) -> None:
    assert ", ".join(" ".join(judgement[:3]) for judgement in judge(resource, status, None)) == expected


def told(sim: Simulation, name: str) -> dict[str, tuple[str, str, float]]:
    """Status, reason and time of each condition of an object."""
    status = sim.controller.statuses.of(sim.controller.store.objects[name])
    return {c.type: (c.status, c.reason, c.since) for c in status.conditions}


def test_times_are_those_of_the_transitions() -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=3")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    created = sim.wall
    name = f"{T}/ports/x"
    sim.put(Port(name=name, network=WEB, mac="", binding=None))
    assert told(sim, name) == {"Bound": ("FALSE", "Unbound", created), "Programmed": ("FALSE", "Unbound", created)}
    sim.run(5)
    wish = sim.controller.store.objects[name]
    assert isinstance(wish, Port)
    sim.put(Port(name=name, network=WEB, mac=wish.mac, binding=Binding(switch="leaf9", interface="x")))
    assert told(sim, name)["Bound"] == ("FALSE", "SwitchUnknown", created), "another reason, the same status"
    binding = Binding(switch="leaf1", interface=next(iter(sim.devices["leaf1"].ports)))
    sim.put(Port(name=name, network=WEB, mac=wish.mac, binding=binding))
    bound = sim.wall
    assert bound > created
    assert told(sim, name) == {"Bound": ("TRUE", "Attached", bound), "Programmed": ("TRUE", "Confirmed", bound)}
    sim.run(5)
    sim.put(Port(name=name, network=WEB, mac=wish.mac, binding=binding, description="same"))
    assert told(sim, name)["Bound"] == ("TRUE", "Attached", bound)


def test_a_start_begins_anew() -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=3")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(60)
    sim.start()
    sim.turn()
    started = sim.wall
    assert told(sim, WEB) == {"Programmed": ("UNKNOWN", "Starting", started)}
    sim.run(2)
    sim.connect()
    assert told(sim, WEB) == {"Programmed": ("TRUE", "Confirmed", sim.wall)}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_no_transition_is_missed(seed: int) -> None:
    """What was noted at news is what can be said of every object at any time."""
    life = Life(seed, "leaf-spine:spines=2,leaves=3,hosts=3")
    before: dict[str, dict[str, tuple[str, str, float]]] = {}
    for _ in range(30):
        life.step()
        controller = life.sim.controller
        noted = controller.statuses.conditions._since
        now = {name: told(life.sim, name) for name in controller.store.objects}
        assert noted.keys() == now.keys()
        for name, conditions in now.items():
            assert [status for status, _ in noted[name]] == [status for status, _, _ in conditions.values()], name
            for kind, (status, _, since) in conditions.items():
                old = before.get(name, {}).get(kind)
                assert since <= life.sim.wall
                assert old is None or (old[0] != status) or old[2] == since or since > old[2]
        before = now


def test_nobody_looks_at_objects_that_did_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=3")
    sim.connect()
    sim.run(3)
    *objects, spare = cloud(sim)
    sim.put(*objects, *(Tenant(name=f"tenants/t{n}") for n in range(200)))
    noted: list[str] = []
    note = Conditions.note

    def spy(self: Conditions, resource: Resource, *rest: object) -> None:
        noted.append(resource.name)
        note(self, resource, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Conditions, "note", spy)
    sim.run(5)
    assert noted == []
    sim.put(spare)
    sim.submit(Delete(spare.name))
    assert not [name for name in noted if name.startswith("tenants/t")]
    assert len(set(noted)) <= 12
    assert port("x", WEB, 1, "leaf1", "x").name not in noted
