"""Connections are VERIFIED by probes along their paths, and DEGRADED when these are lost; nothing flaps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from probed import NAME, Probed, T, ready, wish

from sdn.controller.probes.judgement import BACK_AFTER, LOST_AFTER, Judgement, Verdict
from sdn.controller.probes.verification import HOLD, PROBES_PER_SECOND, jitter
from sdn.model.command import Delete
from sdn.model.ids import Dpid
from sdn.model.intent import Connection, Constraints
from sdn.model.status import State, Status
from sdn.pipeline.layout import KIND_PATH, Table, octet0
from sdn.pipeline.shapes import Body

SPEC = "leaf-spine:spines=3,leaves=3,hosts=2"


@pytest.fixture
def sim() -> Probed:
    return ready(SPEC)


def status(sim: Probed, name: str = NAME) -> Status:
    return sim.controller.statuses.of(sim.controller.store.objects[name])


def states(sim: Probed, name: str = NAME) -> list[State]:
    """As watchers were told, repetitions left out."""
    told = [item.status.state for item in sim.published if item.resource.name == name]
    return [state for index, state in enumerate(told) if not index or told[index - 1] is not state]


def test_a_connection_is_verified_as_soon_as_its_path_is_there(sim: Probed) -> None:
    sim.put(wish(sim))
    assert status(sim).state is State.PROGRAMMED, "its probes have not left yet"
    sim.run(0.2)
    now = status(sim)
    assert now.state is State.VERIFIED
    assert now.path == now.realised_path == now.verified_path != ()
    assert states(sim) == [State.ADMITTED, State.PROGRAMMED, State.VERIFIED]
    sim.run(1)
    probes = status(sim).probes
    assert probes is not None
    assert (probes.sent, probes.lost, probes.loss, probes.verified_at > 0) == (2, 0, 0.0, True)
    assert sim.at_hosts == []


def test_a_connection_within_one_switch_is_verified(sim: Probed) -> None:
    first, second, *_ = sim.declared.hosts
    assert first.switch == second.switch
    sim.put(wish(sim, a=f"{T}/ports/{first.name}", b=f"{T}/ports/{second.name}"))
    sim.run(0.5)
    assert status(sim).state is State.VERIFIED


def test_probes_are_repeated_at_the_interval(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(60)
    probes = status(sim).probes
    assert probes is not None
    assert 10 <= probes.sent <= 16


@pytest.mark.parametrize("back", [False, True])
def test_a_link_that_loses_silently_is_left_and_the_new_path_verified(sim: Probed, back: bool) -> None:
    sim.put(wish(sim))
    sim.run(1)
    a, b, c = sim.path()
    sim.lose(*((c, b) if back else (a, b)))
    sim.run(12 + LOST_AFTER)
    told = next(item.status for item in sim.published if item.status.state is State.DEGRADED)
    assert told.reason == "ProbeLost"
    assert told.message.endswith(f"are lost between {c if back else a} and {b}.")
    assert told.verified_path == ()
    sim.run(6)
    assert sim.path()[1] != b
    assert status(sim).state is State.VERIFIED
    assert states(sim)[-2:] == [State.DEGRADED, State.VERIFIED]
    sim.run(4 * HOLD)
    assert sim.path()[1] != b, "it does not go back"
    assert states(sim).count(State.DEGRADED) == 1
    assert sim.at_hosts == []


def test_without_another_path_it_stays_and_is_degraded_until_probes_come_back() -> None:
    sim = ready("linear:switches=3,hosts=1")
    sim.put(wish(sim))
    sim.run(1)
    before = sim.path()
    sim.lose(before[1], before[2])
    sim.run(60)
    assert status(sim).state is State.DEGRADED
    assert status(sim).reason == "ProbeLost"
    assert sim.path() == before
    assert status(sim).realised_path == status(sim).path
    probes = status(sim).probes
    assert probes is not None
    assert probes.loss == pytest.approx(0.5, abs=0.2), "one of two directions"
    sim.lossy.clear()
    sent = probes.sent
    while status(sim).state is State.DEGRADED:
        sim.run(0.1)
    assert status(sim).probes.sent - sent >= 2 * BACK_AFTER, "one good round is not enough"  # type: ignore[union-attr]
    assert status(sim).state is State.VERIFIED
    assert states(sim)[-2:] == [State.DEGRADED, State.VERIFIED]


def test_a_single_lost_round_changes_nothing(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    a, b, _ = sim.path()
    sim.lose(a, b)
    while status(sim).probes.lost == 0:  # type: ignore[union-attr]
        sim.run(0.1)
    sim.lossy.clear()
    sim.run(30)
    assert sim.path()[1] == b
    assert State.DEGRADED not in states(sim)


def test_an_entry_that_was_deleted_on_the_way_is_found_and_written_again(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    _, spine, _ = sim.path()
    device = sim.devices[spine]
    label = bytes([octet0(KIND_PATH)])
    gone = [key for key in device.flows if key[0] == Table.FABRIC and label in key]
    assert len(gone) == 2
    for key in gone:
        del device.flows[key]
    sim.run(20)
    assert states(sim)[-2:] == [State.DEGRADED, State.VERIFIED]
    assert sim.in_sync(), "the switch was read back although no audit was due"
    assert [notice for notice in sim.events() if notice.reason == "AuditFoundDifferences"]


def test_an_end_that_does_not_steer_is_told_as_a_detour(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    leaf = sim.path()[0]
    device = sim.devices[leaf]
    steered = [key for key in device.flows if key[0] == Table.PATH]
    assert steered
    for key in steered:
        device.flows[key] = Body(goto=Table.STAMP)()
    sim.run(12 + LOST_AFTER)
    told = next(item.status for item in sim.published if item.status.state is State.DEGRADED)
    assert told.reason == "ProbeDetoured"
    sim.run(10)
    assert status(sim).state is State.VERIFIED
    assert sim.in_sync()


def test_a_switch_that_is_away_ends_what_was_verified(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    leaf = sim.path()[0]
    sim.disconnect(leaf)
    sim.run(15)
    assert status(sim).state is State.VERIFIED, "as before: the switch forwards without the controller"
    sim.run(30)
    assert status(sim).state is State.PROGRAMMED, "but nobody knows any more"
    sim.connect(leaf)
    sim.run(15)
    assert status(sim).state is State.VERIFIED


def test_a_connection_that_moves_is_verified_anew(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    spine = sim.path()[1]
    sim.put(wish(sim, constraints=Constraints(exclude_switches=(spine,))))
    assert status(sim).state is State.PROGRAMMED
    sim.run(0.5)
    assert status(sim).state is State.VERIFIED
    assert status(sim).verified_path[1].switch != spine


def test_all_connections_together_send_no_more_than_they_may_and_each_has_its_turn() -> None:
    sim = ready(SPEC, 0.1)
    hosts = [f"{T}/ports/{host.name}" for host in sim.declared.hosts]
    pairs = [(a, b) for index, a in enumerate(hosts) for b in hosts[index + 1 :]]
    names = [f"{T}/connections/c{number}" for number in range(len(pairs))]
    sim.put(*(Connection(name=name, a=a, b=b, bandwidth=1) for name, (a, b) in zip(names, pairs, strict=True)))
    sim.frames.clear()
    sim.run(10)
    assert 8 * PROBES_PER_SECOND <= len(sim.frames) <= 11 * PROBES_PER_SECOND
    shares = [counts.sent for name in names if (counts := status(sim, name).probes) is not None]
    assert len(shares) == len(names)
    assert max(shares) <= 1.5 * min(shares)


def test_nothing_is_left_of_a_connection_that_ended(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    sim.submit(Delete(NAME))
    sim.run(15)
    assert list(sim.controller.parts.verification.names()) == []
    sim.frames.clear()
    sim.run(30)
    assert sim.frames == []


def test_a_probe_that_nobody_sent_is_not_one(sim: Probed) -> None:
    sim.put(wish(sim))
    sim.run(1)
    prober = sim.controller.parts.prober
    (real,) = (event for event in sim.seen[:1])
    forged = real.data.replace(real.data[30:38], b"\0" * 8)
    device = sim.devices[sim.by_dpid[Dpid(real.dpid)]]
    for data in (forged, b"\0" * 60, real.data):
        sim.turn(replace(real, session=device.session, data=data))
    sent = status(sim).probes
    assert sent is not None
    assert (sent.sent, sent.lost) == (2, 0)
    assert prober.forged == 1, "the replayed one is ours, and counts for nothing"


def test_no_switch_is_used_that_does_not_hold_its_entries_for_probes(sim: Probed) -> None:
    for device in sim.devices.values():
        device.refuses = {body: "no" for key, body in device.flows.items() if key[0] == Table.OUTPUT}
    leaf = sim.declared.hosts[0].switch
    sim.disconnect(leaf)
    sim.devices[leaf].flows.clear()
    sim.connect(leaf)
    sim.put(wish(sim))
    sim.run(30)
    assert sim.frames == []


def test_jitter_is_how_much_one_probe_differs_from_the_one_before() -> None:
    assert jitter(([], [])) is None
    assert jitter(([0.001, 0.002], [0.001])) is None, "of one direction nothing is known"
    assert jitter(([0.001, 0.002, 0.002], [0.004, 0.001])) == 1750
    assert jitter(([0.5, 0.5], [0.1, 0.1])) == 0


class TestJudgement:
    def test_a_path_is_proved_by_one_good_round_and_lost_by_several_bad_ones(self) -> None:
        judgement = Judgement()
        judgement.round(False, False)
        assert judgement.verdict is Verdict.PROVED
        for _ in range(LOST_AFTER - 1):
            judgement.round(True, False)
            assert judgement.verdict is Verdict.PROVED
        judgement.round(False, True)
        assert judgement.verdict is Verdict.LOST

    def test_half_of_all_probes_are_too_many(self) -> None:
        judgement = Judgement()
        for _ in range(50):
            judgement.round(True, True)
            judgement.round(False, False)
        assert judgement.verdict is not Verdict.PROVED or judgement.loss < 0.5

    def test_what_is_lost_comes_back_slowly(self) -> None:
        judgement = Judgement(verdict=Verdict.LOST)
        for _ in range(20):
            judgement.round(False, False)
            judgement.round(True, False)
            assert judgement.verdict is Verdict.LOST
        for _ in range(BACK_AFTER):
            judgement.round(False, False)
        assert judgement.verdict is Verdict.PROVED
        assert judgement.loss == 0
