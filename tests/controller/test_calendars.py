"""Connections for a time: the room at that time is theirs, they begin and end by the clock, and clocks may jump."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from simulation import Simulation
from test_priorities import GIGA, cut, full, network, spine, told, wish

from sdn.controller.connections.calendars import PATIENCE, Calendars
from sdn.controller.questions.views import Views
from sdn.model.calendar import DAY, DAYS, Calendar
from sdn.model.command import Create, Delete
from sdn.model.errors import InvalidInput, Refused
from sdn.model.ids import Kind
from sdn.model.intent import Connection, Constraints, Protection
from sdn.model.route import Path
from sdn.model.status import State, Status
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing import Ledger

VIA = Constraints(via=("spine1",))
READY = (State.PROGRAMMED, "")
WAITING = (State.ADMITTED, "NotYet")


@pytest.fixture
def sim() -> Simulation:
    return network()


def calendar(sim: Simulation, start: float, end: float, **other: object) -> Calendar:
    """Seconds from now."""
    return Calendar(start=int(sim.wall + start), end=int(sim.wall + end), **other)  # type: ignore[arg-type]


def at(sim: Simulation, seconds: float) -> None:
    """Let so much time pass in a few turns."""
    sim.now += seconds
    sim.wall += seconds
    sim.run(3)


def status(sim: Simulation) -> Status:
    return sim.controller.statuses.of(sim.controller.store.objects[full("a")])


def test_it_waits_begins_and_ends(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 100, 200), constraints=VIA))
    assert told(sim, "a") == WAITING
    assert "It begins at 20" in status(sim).message
    assert [hop.switch for hop in status(sim).path] == ["leaf1", "spine1", "leaf2"]
    assert sim.controller.compiler.programs
    assert not list(sim.controller.store.numbers.items("path")), "nothing is in the switches yet"
    at(sim, 100)
    assert told(sim, "a") == READY
    assert list(sim.controller.store.numbers.items("path"))
    at(sim, 100)
    assert told(sim, "a") == (State.EXPIRED, "TimeOver")
    assert not list(sim.controller.store.numbers.items("path"))
    assert not dict(sim.controller.connections.ledger.items())
    history = Views(sim.controller, "1", 0.0).get(full("a"))[1].history
    states = [t.after for t in history if t.after is not State.PENDING and t.reason != "Programming"]
    assert states == [State.ADMITTED, State.PROGRAMMED, State.EXPIRED]
    assert sim.in_sync()


def test_at_its_end_it_is_told_on_its_path_until_the_switches_of_its_ends_have_confirmed(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 0, 100), constraints=VIA))
    sim.run(1)
    way = status(sim).realised_path
    assert [hop.switch for hop in way] == ["leaf1", "spine1", "leaf2"]
    sim.devices["leaf1"].silent = True
    at(sim, 100)
    assert (status(sim).state, status(sim).path, status(sim).realised_path) == (State.EXPIRED, (), way)
    sim.devices["leaf1"].silent = False
    sim.disconnect("leaf1")
    sim.connect("leaf1")
    sim.run(3)
    assert (status(sim).state, status(sim).realised_path) == (State.EXPIRED, ())


def test_the_room_of_a_time_to_come_is_taken_then_and_free_before_and_after(sim: Simulation) -> None:
    sim.put(wish("night", 1, 5, 0.6, calendar=calendar(sim, 1000, 2000), constraints=VIA))
    with pytest.raises(Refused):
        sim.submit(Create(wish("always", 2, 6, 0.6, constraints=VIA)))
    with pytest.raises(Refused):
        sim.submit(Create(wish("over", 2, 6, 0.6, calendar=calendar(sim, 1999, 3000), constraints=VIA)))
    sim.put(wish("before", 2, 6, 0.6, calendar=calendar(sim, 0, 1000), constraints=VIA))
    sim.put(wish("after", 2, 7, 0.6, calendar=calendar(sim, 2000, 3000), constraints=VIA))
    assert [told(sim, name) for name in ("before", "night", "after")] == [READY, WAITING, WAITING]
    at(sim, 1000)
    assert [told(sim, name)[0] for name in ("before", "night", "after")] == [
        State.EXPIRED,
        State.PROGRAMMED,
        State.ADMITTED,
    ]
    at(sim, 2000)
    sim.put(wish("always", 3, 8, 0.6, constraints=VIA))
    assert told(sim, "always") == READY


def test_what_is_there_always_bars_times_to_come(sim: Simulation) -> None:
    sim.put(wish("always", 1, 5, 0.6, constraints=VIA))
    with pytest.raises(Refused, match="bit/s free"):
        sim.submit(Create(wish("later", 2, 6, 0.6, calendar=calendar(sim, 1000, 2000), constraints=VIA)))
    sim.put(wish("later", 2, 6, 0.6, calendar=calendar(sim, 1000, 2000)))
    assert spine(sim, "later") == "spine2"


def test_it_recurs(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 10, 3 * DAY, duration=100), constraints=VIA))
    sim.put(wish("b", 2, 6, 0.6, calendar=calendar(sim, 500, 3 * DAY, duration=100), constraints=VIA))
    seen = []
    for _ in range(3):
        at(sim, 20)
        seen.append((told(sim, "a")[0], told(sim, "b")[0]))
        at(sim, 490)
        seen.append((told(sim, "a")[0], told(sim, "b")[0]))
        at(sim, DAY - 519)
    a, b = (State.PROGRAMMED, State.ADMITTED), (State.ADMITTED, State.PROGRAMMED)
    over = (State.EXPIRED, State.PROGRAMMED)
    assert seen == [a, b, a, b, a, over], "there is no further time"


def test_one_that_began_in_the_past_has_what_is_left(sim: Simulation) -> None:
    sim.put(wish("within", 1, 5, 0.6, calendar=calendar(sim, -DAY - 40, 3 * DAY, duration=100), constraints=VIA))
    sim.put(wish("between", 2, 6, 0.3, calendar=calendar(sim, -DAY - 400, 3 * DAY, duration=100), constraints=VIA))
    assert (told(sim, "within"), told(sim, "between")) == (READY, WAITING)
    at(sim, 60)
    assert told(sim, "within") == WAITING, "not longer for that"
    at(sim, DAY - 60 - 400)
    assert told(sim, "between") == READY
    with pytest.raises(InvalidInput, match="that time is over"):
        sim.submit(Create(wish("x", 3, 7, 0.1, calendar=calendar(sim, -DAY - 200, 10, duration=100))))


@pytest.mark.parametrize("phase", [50, 150])
def test_a_restart_keeps_the_path_and_the_time(sim: Simulation, phase: int) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 100, 100000), constraints=VIA))
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 100, 100000)))
    before = spine(sim, "a")
    at(sim, phase)
    state = told(sim, "a")
    sim.put(wish("hungry", 2, 6, 0.7, no_path="WAIT", constraints=Constraints(via=(before,))))
    assert told(sim, "hungry")[0] is State.PENDING
    sim.start()
    sim.connect()
    sim.run(12)
    assert (told(sim, "a"), spine(sim, "a")) == (state, before)
    assert told(sim, "hungry")[0] is State.PENDING
    sim.submit(Delete(full("a")))
    sim.run(3)
    assert told(sim, "hungry") == READY


def test_a_failure_before_its_time_gives_it_another_path(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 100, 200)))
    before = spine(sim, "a")
    cut(sim, before)
    assert told(sim, "a") == WAITING
    assert spine(sim, "a") not in ("", before)


def test_a_clock_that_jumps_does_no_harm(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 100, 200)))
    for jump in (10**6, -(10**6)):
        sim.wall += jump
        sim.run(5)
        assert told(sim, "a") == WAITING
        sim.wall -= jump
        sim.run(1)
    at(sim, 100)
    assert told(sim, "a") == READY
    sim.wall += 1000
    sim.run(PATIENCE - 5)
    assert told(sim, "a") == READY
    sim.run(10)
    assert told(sim, "a")[0] is State.EXPIRED, "it has lasted"


def test_a_clock() -> None:
    clock = Calendars()
    assert clock.advance(5.0, 0.0) == 0
    assert clock.advance(5.0, 1000.5) == 1000
    assert clock.advance(6.0, 1003.0) == 1003, "small steps are those of a clock that is set right"
    assert clock.advance(7.0, 5000.0) == 1004
    assert clock.advance(8.0, 1005.0) == 1005
    assert clock.advance(9.0, 5002.0) == 1006
    assert clock.advance(9.0 + PATIENCE, 5002.0 + PATIENCE) == 5062


def test_wrong_calendars(sim: Simulation) -> None:
    now = int(sim.wall)
    for wrong, field in (
        (Calendar(start=now + 5, end=now + 5), "calendar.end"),
        (Calendar(end=now - 5), "calendar.end"),
        (Calendar(start=now, end=now + DAY, days=("MONDAY",)), "calendar.duration"),
        (Calendar(start=now, end=now + DAY, duration=60, days=("SOMEDAY",)), "calendar.days[0]"),
        (Calendar(start=now, end=now + DAY, duration=DAY + 1), "calendar.duration"),
        (Calendar(start=now, duration=60), "calendar.end"),
        (Calendar(end=now + DAY, duration=60), "calendar.start"),
        (Calendar(start=now, end=now + 401 * DAY, duration=60), "calendar.end"),
        (Calendar(start=now, end=now + DAY, duration=60, days=(DAYS[(now // DAY + 5) % 7],)), "calendar.days"),
        (Calendar(start=now, end=now + 2**37, duration=60, days=("MONDAY",)), "calendar.end"),
    ):
        with pytest.raises(InvalidInput) as error:
            sim.submit(Create(wish("x", 1, 5, 0.1, calendar=wrong)))
        assert error.value.violations[0].field == field, wrong


@pytest.mark.parametrize("seed", range(5))
def test_no_more_than_there_is_at_any_time(seed: int) -> None:
    """Against a sum at every second."""
    chance = random.Random(seed)
    link = Link(LinkEnd(1, 1), LinkEnd(2, 1), capacity=10)  # type: ignore[arg-type]
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=(link,)))
    path = Path((1, 2), ((1, 1),))  # type: ignore[arg-type]
    held: dict[str, tuple[int, tuple[tuple[int, int], ...]]] = {}

    def used(second: int) -> int:
        return sum(b for b, windows in held.values() if not windows or any(s <= second < e for s, e in windows))

    for number in range(150):
        if held and chance.random() < 0.4:
            name = chance.choice(sorted(held))
            del held[name]
            ledger.release(name)
            continue
        edges = sorted(chance.sample(range(60), chance.choice((0, 2, 4, 6))))
        windows = tuple(zip(edges[::2], edges[1::2], strict=True))
        bandwidth = chance.randint(1, 6)
        seconds = [s for s in range(61) if not windows or any(b <= s < e for b, e in windows)]
        fits = max(map(used, seconds)) + bandwidth <= 10
        twin = ledger.during(windows) if windows else ledger
        assert (twin.free(link.a) >= bandwidth) == fits
        try:
            ledger.reserve(f"h{number}", path, bandwidth, windows=windows)
        except Refused:
            assert not fits
        else:
            assert fits
            held[f"h{number}"] = bandwidth, windows
        assert ledger.reserved(link.a) == max(map(used, range(61))) <= 10
        assert ledger.copy().reserved(link.b) == ledger.reserved(link.b)


def test_random_calendars_never_exceed(sim: Simulation) -> None:
    chance = random.Random(1)
    pairs = [(a, b) for a in range(1, 5) for b in range(5, 9)]
    chance.shuffle(pairs)
    for number, (a, b) in enumerate(pairs):
        start = chance.randrange(0, 400, 10)
        when = calendar(sim, start, start + chance.randrange(10, 300, 10)) if chance.random() < 0.8 else Calendar()
        with suppress(Refused):
            sim.put(wish(f"c{number}", a, b, chance.choice((0.2, 0.4, 0.6)), calendar=when))
    most = 0
    for step in range(80):
        at(sim, 7)
        if step in (20, 40):
            cut(sim, f"spine{step // 20}")
        if step in (30, 50):
            cut(sim, f"spine{step // 20}", up=True)
        ledger = sim.controller.connections.ledger
        for link in sim.controller.topology.links():
            assert max(ledger.reserved(link.a), ledger.reserved(link.b)) <= GIGA
        on = [c for c in sim.controller.store.objects.values() if isinstance(c, Connection)]
        per: dict[str, int] = {}
        for one in on:
            if sim.state(one.name) is State.PROGRAMMED:
                middle = spine(sim, one.name.rpartition("/")[2])
                per[middle] = per.get(middle, 0) + one.bandwidth
        assert all(total <= GIGA for total in per.values())
        most = max(most, *per.values(), 0)
    assert most > GIGA // 2
    assert all(sim.state(name) is not State.ADMITTED for name in sim.controller.store.names(Kind.CONNECTION))


def set_back(sim: Simulation, seconds: float) -> None:
    """The clock is other than it was, and stays so."""
    sim.wall -= seconds
    sim.run(PATIENCE + 1)


def test_when_the_clock_is_set_back_times_that_come_again_are_taken_where_there_is_room(sim: Simulation) -> None:
    midnight = int(sim.wall) // DAY * DAY
    days = DAYS[(midnight // DAY - 1 + 3) % 7]
    # Of b the day before is past, and the same day of the next week is left; a is wanted from that day on for three.
    weekly = Calendar(start=midnight - DAY, end=midnight + 8 * DAY, duration=DAY, days=(days,))
    sim.put(wish("b", 2, 6, 0.8, calendar=weekly, constraints=VIA))
    sim.put(wish("a", 1, 5, 0.8, calendar=Calendar(start=midnight - DAY, end=midnight + 2 * DAY), constraints=VIA))
    assert (told(sim, "a"), told(sim, "b")) == (READY, WAITING)
    set_back(sim, DAY)
    assert (told(sim, "a"), told(sim, "b")) == (READY, (State.DEGRADED, "NoCapacity"))
    ledger = sim.controller.connections.ledger
    assert all(ledger.free(end) >= 0 for link in sim.controller.topology.links() for end in (link.a, link.b))


def test_what_was_over_by_a_clock_that_was_wrong_is_not(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6, calendar=calendar(sim, 0, 1000), constraints=VIA))
    set_back(sim, -DAY)
    assert told(sim, "a") == (State.EXPIRED, "TimeOver")
    set_back(sim, DAY)
    sim.run(1)
    assert told(sim, "a") == READY
    sim.submit(Delete(full("a")))
    set_back(sim, DAY)
    assert not dict(sim.controller.connections.ledger.items())


def test_after_a_restart_nobody_takes_what_is_reserved_for_a_time(sim: Simulation) -> None:
    later = calendar(sim, 1000, 2000)
    sim.put(wish("k", 1, 5, 0.6, calendar=later, constraints=Constraints(via=("spine2",))))
    sim.put(wish("b", 3, 7, 0.6, protection=Protection(mode="PREFERRED", scope="SWITCH")))
    sim.run(1)
    alone = State.PROGRAMMED, "Unprotected"
    assert (told(sim, "k"), told(sim, "b")) == (WAITING, alone)
    sim.start()
    sim.connect()
    sim.run(12)
    assert (told(sim, "k"), spine(sim, "k")) == (WAITING, "spine2")
    assert told(sim, "b") == alone
