"""Connections along the same way share its numbers and its entries, whatever is asked, moved, removed or restarted.

What is shared is read from where it outlives the daemon (the records of paths) and from the switches. ``Watched`` looks
after every single write whether everything that is sent along a path finds the path whole.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from simulation import Simulation
from test_steering import SPEC, T, Watched, backup, cut, path, ready, wish

from sdn.controller.connections.pathnumbers import PathNumbers, _Shared, former_keys
from sdn.controller.questions.views import Views
from sdn.model.command import Delete
from sdn.model.errors import SdnError
from sdn.model.intent import Connection, Constraints, Protection
from sdn.model.program import GRACE, Batch, WriteFailure
from sdn.model.route import Path
from sdn.model.status import State
from sdn.pipeline.facts import Way
from sdn.pipeline.layout import KIND_PATH, Table, octet0

C, D, E = (f"{T}/connections/{name}" for name in "cde")
SETTLED = 2 * GRACE + 2
Steps = tuple[tuple[str, str, str], ...]
Kept = tuple[Steps, tuple[int, int]]
"""A path as a record says it, and its numbers."""


def kept(sim: Simulation) -> dict[str, list[Kept]]:
    """The ways of all connections."""
    found = {}
    for name, text in sim.records.get("paths", {}).items():
        record = json.loads(text)
        found[name] = [
            (tuple(map(tuple, record["slots"][slot])), (pair[0], pair[1])) for slot, pair in record["numbers"].items()
        ]
    return found


def upright(way: Kept) -> Kept:
    """The same for both who take a way from its two ends."""
    steps, (forward, backward) = way
    if steps[0][0] <= steps[-1][0]:
        return way
    nodes = [dpid for dpid, _, _ in reversed(steps)]
    links = [(into, out) for _, out, into in reversed(steps[:-1])]
    back = tuple((dpid, out, into) for dpid, (out, into) in zip(nodes, [*links, ("", "")], strict=True))
    return back, (backward, forward)


def labels(sim: Simulation) -> Counter[str]:
    """How many labels of paths each switch has entries for."""
    label = bytes([octet0(KIND_PATH)])
    return Counter(
        name
        for name, device in sim.devices.items()
        for key in device.flows
        if key[0] == Table.FABRIC and key[7:8] == label
    )


def check(sim: Simulation) -> int:
    """Two share numbers iff they go the same way; nothing is missing, and nothing is left. Answers how many share."""
    ways = [(name, upright(way)) for name, found in kept(sim).items() for way in found]
    for (_, (steps, numbers)), (_, (others, other)) in combinations(ways, 2):
        assert (steps == others) == (numbers == other) == bool({*numbers} & {*other}), (steps, others, numbers, other)
    distinct = dict(way for _, way in ways)
    expected: Counter[str] = Counter()
    for steps in distinct:
        expected.update(sim.by_dpid[int(dpid, 16)] for dpid, _, _ in steps if len(steps) > 1)  # type: ignore[index]
    assert labels(sim) == Counter({name: 2 * count for name, count in expected.items()})
    held = sorted(number for _, number in sim.controller.store.numbers.items("path"))
    assert held == sorted(number for numbers in distinct.values() for number in numbers)
    stored = sorted(int(text) for key, text in sim.records.get("numbers", {}).items() if key.startswith("path/"))
    assert stored == held
    assert sim.in_sync()
    return len(ways) - len(distinct)


def between(sim: Simulation, name: str, a: int, b: int, **values: object) -> Connection:
    hosts = sim.declared.hosts
    ends = {"a": f"{T}/ports/{hosts[a].name}", "b": f"{T}/ports/{hosts[b].name}"}
    return wish(sim, name, **ends, **values)


@pytest.fixture
def sim() -> Watched:
    return ready(SPEC)


def test_one_more_along_a_way_is_written_at_its_ends_alone(sim: Watched) -> None:
    sim.put(between(sim, C, 0, 4))
    before, spine = labels(sim), path(sim)[1]
    sim.writes()
    sim.put(between(sim, D, 5, 1))
    assert path(sim, D) == path(sim, C)[::-1]
    assert sim.state(D) is State.PROGRAMMED
    assert labels(sim) == before
    assert [name for name, device in sim.devices.items() if device.writes] == [path(sim)[0], path(sim)[2]]
    assert sim.writes() == 4, "STEER and PATH at both ends, at once with the path"
    assert len(list(sim.steered())) == 4
    shown = [entry for entry in Views(sim.controller, "1", 0.0).flows(spine) if entry.feature == "connection"]
    assert {(entry.owner, entry.sharers) for entry in shown} == {(f"{C} and 1 more", (C, D))}
    # The first goes elsewhere, and the other stays.
    sim.put(between(sim, C, 0, 4, constraints=Constraints(exclude_switches=(spine,))))
    sim.run(SETTLED)
    assert path(sim, C)[1] != path(sim, D)[1] == spine
    assert check(sim) == 0
    assert labels(sim)[spine] == 2
    sim.submit(Delete(D))
    assert labels(sim)[spine] == 2, "its last packets may be on their way"
    sim.run(SETTLED)
    assert labels(sim)[spine] == 0
    assert check(sim) == 0


def test_a_backup_path_may_be_the_path_of_another(sim: Watched) -> None:
    guarded = Protection(mode="REQUIRED", scope="SWITCH")
    sim.put(between(sim, C, 0, 4, protection=guarded))
    sim.put(between(sim, D, 1, 5, constraints=Constraints(via=(backup(sim)[1],))))
    assert path(sim, D) == backup(sim, C)
    assert check(sim) == 1
    cut(sim, path(sim)[0], path(sim)[1])
    assert path(sim, C) == path(sim, D)
    sim.run(SETTLED)
    assert sim.state(C) is State.PROGRAMMED
    assert check(sim) == 1
    sim.submit(Delete(D))
    sim.run(SETTLED)
    assert sim.state(C) is State.PROGRAMMED
    assert check(sim) == 0


def test_a_way_that_no_switch_has_confirmed_is_not_taken_by_another_either(sim: Watched) -> None:
    (spine,) = (name for name in sim.devices if name == "spine2")
    sim.devices[spine].silent = True
    via = Constraints(via=(spine,))
    for name, a, b in ((C, 0, 4), (D, 1, 5)):
        sim.put(between(sim, name, a, b, constraints=via))
        sim.run(1)
        assert (sim.state(name), sim.reason(name)) == (State.ADMITTED, "Programming")
    # Both were asked for at once, too.
    sim.put(between(sim, E, 0, 5, constraints=via))
    assert not list(sim.steered())
    sim.devices[spine].silent = False
    sim.disconnect(spine)
    assert sim.reason(D) == "SwitchAway"
    sim.connect(spine)
    sim.run(1)
    assert [sim.state(name) for name in (C, D, E)] == [State.PROGRAMMED] * 3
    assert len(list(sim.steered())) == 6
    assert check(sim) == 2


def test_a_switch_that_is_away_is_waited_for_also_where_others_have_the_way(sim: Watched) -> None:
    sim.put(between(sim, C, 0, 4))
    spine = path(sim)[1]
    sim.disconnect(spine)
    sim.put(between(sim, D, 1, 5, constraints=Constraints(via=(spine,))))
    sim.run(1)
    assert sim.state(C) is State.PROGRAMMED
    assert (sim.state(D), sim.reason(D)) == (State.ADMITTED, "SwitchAway")
    assert len(list(sim.steered())) == 2
    sim.devices[spine].flows.clear()
    sim.devices[spine].groups.clear()
    sim.connect(spine)
    sim.run(2)
    assert [sim.state(name) for name in (C, D)] == [State.PROGRAMMED] * 2
    assert check(sim) == 1


def test_what_a_switch_refuses_fails_all_who_share_it(sim: Watched) -> None:
    device = sim.devices["spine1"]
    write, label = device.write, bytes([octet0(KIND_PATH)])

    def refusing(batch: Batch) -> tuple[WriteFailure, ...]:
        bad = (key for key, _ in batch.flows if key[0] == Table.FABRIC and key[7:8] == label)
        return tuple(WriteFailure("flow", key, 4, 9, "no room") for key in bad) or write(batch)

    device.write = refusing  # type: ignore[method-assign]
    via = Constraints(via=("spine1",))
    sim.put(between(sim, C, 0, 4, constraints=via), between(sim, D, 1, 5, constraints=via))
    sim.put(between(sim, E, 0, 5, constraints=via))
    for name in (C, D, E):
        assert (sim.state(name), sim.reason(name)) == (State.FAILED, "SwitchRefused")
    device.write = write  # type: ignore[method-assign]
    sim.disconnect("spine1")
    sim.connect("spine1")
    sim.run(SETTLED)
    assert [sim.state(name) for name in (C, D, E)] == [State.PROGRAMMED] * 3
    assert check(sim) == 2


def test_an_entry_that_is_lost_is_missed_by_all_who_share_it(sim: Watched) -> None:
    sim.put(between(sim, C, 0, 4), between(sim, D, 1, 5, constraints=Constraints(affine_to=(C,))))
    device = sim.devices[path(sim)[1]]
    for key in [key for key in device.flows if key[0] == Table.FABRIC and key[7:8] == bytes([octet0(KIND_PATH)])]:
        del device.flows[key]
    device.silent = True
    sim.audit(path(sim)[1])
    for name in (C, D):
        assert sim.reason(name) == "Repairing"


def alone(numbers: PathNumbers, way: Path, user: str) -> Way:
    """As earlier versions gave numbers: two for each connection, under its name."""
    pool = numbers._numbers
    found = Way(way, *(pool.allocate("path", key) for key in former_keys(user, 0)))
    numbers._ways[found.forward, found.backward] = _Shared(found, {user: 1})
    return found


@pytest.mark.parametrize("listed", [False, True])
def test_records_of_earlier_versions(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    with monkeypatch.context() as old:
        old.setattr(PathNumbers, "take", alone)
        sim = ready(SPEC)
        via = Constraints(via=("spine2",))
        for name, a, b in ((C, 0, 4), (D, 5, 1), (E, 0, 5)):
            sim.put(between(sim, name, a, b, constraints=via))
        assert len(list(sim.controller.store.numbers.items("path"))) == 6
        assert labels(sim)["spine2"] == 6
    for name, text in sim.records["paths"].items():
        record = json.loads(text)
        del record["numbers"]
        sim.records["paths"][name] = json.dumps(record["slots"]["0"] if listed else record)
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(12)
    # They come together without losing a packet: Watched looks.
    assert sim.checked
    assert [sim.state(name) for name in (C, D, E)] == [State.PROGRAMMED] * 3
    assert check(sim) == 2
    assert labels(sim)["spine2"] == 2
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(12)
    assert sim.writes() == 0


def test_records_that_cannot_be(sim: Watched) -> None:
    sim.put(between(sim, C, 0, 4), between(sim, D, 1, 4, constraints=Constraints(affine_to=(C,))))
    (_, numbers), *_ = kept(sim)[C]
    for name, bad in ((C, [numbers[0], 77]), (D, [numbers[1], numbers[1]])):
        record = json.loads(sim.records["paths"][name])
        record["numbers"]["0"] = bad
        sim.records["paths"][name] = json.dumps(record)
    sim.check = lambda: None  # type: ignore[method-assign]  # what switches hold is not what is known of it
    sim.start()
    sim.connect()
    sim.run(12)
    assert [sim.state(name) for name in (C, D)] == [State.PROGRAMMED] * 2
    assert check(sim) == 1


def connections(sim: Simulation) -> list[str]:
    """All that were asked for."""
    found = sim.controller.store.objects.items()
    return sorted(name for name, item in found if isinstance(item, Connection) and not item.leg_of)


PAIRS = [pair[:: 1 - 2 * (number % 2)] for number, pair in enumerate(combinations(range(6), 2))]
HOSTS = "leaf-spine:spines=2,leaves=3,hosts=2,capacity=1G"


@pytest.mark.parametrize("seed", range(8))
def test_random_sequences(seed: int) -> None:
    chance = random.Random(seed)
    sim = ready(HOSTS)
    down: set[tuple[str, str]] = set()
    shared = 0
    for _ in range(50):
        match chance.randrange(8):
            case 0 | 1 | 2 | 3:
                number = chance.randrange(len(PAIRS))
                mode = chance.choice(["NONE", "NONE", "PREFERRED"])
                avoid = chance.choice([(), ("spine1",), ("spine2",)])
                values: dict[str, object] = {
                    "protection": Protection(mode=mode),
                    "constraints": Constraints(exclude_switches=avoid),
                }
                # Resized now and then, and displaced by others.
                values |= {"bandwidth": chance.choice([10**6, 6 * 10**8]), "priority": chance.randrange(3)}
                wanted = between(sim, f"{T}/connections/c{number}", *PAIRS[number], **values)
                if number == 0:  # one with legs
                    targets = [f"{T}/ports/{host.name}" for host in chance.sample(sim.declared.hosts[2:], 3)]
                    wanted = replace(wanted, b="", targets=tuple(targets))
                try:
                    sim.put(wanted)
                except SdnError:
                    continue
            case 4:
                if names := connections(sim):
                    sim.submit(Delete(chance.choice(names)))
            case 5:
                end = chance.choice(sorted(sim.wires if len(down) < 2 else down))
                sim.set_link(end, up=end in down)
                down ^= {end}
            case 6:
                sim.run(chance.choice([0.3, SETTLED]))
            case 7:
                sim.start()
                sim.connect()
                sim.run(chance.choice([0.3, 12]))
        if chance.random() < 0.3:
            sim.run(12)
            shared += check(sim)
    for end in sorted(down):
        sim.set_link(end, up=True)
    sim.run(12)
    shared += check(sim)
    sim.check()
    assert shared, "nothing was tried"
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(12)
    assert sim.writes() == 0
    for name in connections(sim):
        assert sim.state(name) is State.PROGRAMMED or sim.reason(name) in ("Preempted", "NoCapacity", "Unprotected")
        sim.submit(Delete(name))
    sim.run(SETTLED)
    assert not kept(sim)
    assert check(sim) == 0
