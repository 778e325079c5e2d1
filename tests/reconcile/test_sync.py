"""SwitchSync: the difference, its order, and what is confirmed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.model.program import (
    GRACE,
    OUR_GROUPS_FROM,
    Batch,
    Entry,
    Group,
    Installed,
    Meter,
    WriteFailure,
    cookie_of,
)
from sdn.reconcile import SwitchSync


@dataclass
class Program:
    flows: dict[bytes, bytes] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    meters: dict[int, Meter] = field(default_factory=dict)


class FakeSwitch:
    """Holds flows by key, groups and meters, as a switch does; a flow of a deleted group vanishes with it."""

    def __init__(self) -> None:
        self.flows: dict[bytes, bytes] = {}
        self.groups: dict[int, Group] = {}
        self.meters: dict[int, Meter] = {}

    def write(self, batch: Batch) -> None:
        for number, meter, exists in batch.meters:
            assert (number in self.meters) == exists
            self.meters[number] = meter
        for number, group in batch.groups:
            self.groups[number] = group
        for key, body in batch.flows:
            self.flows[key] = body
        for key in batch.deletes:
            self.flows.pop(key, None)
        for number in batch.group_deletes:
            self.groups.pop(number, None)
        for number in batch.meter_deletes:
            self.meters.pop(number, None)

    def installed(self) -> Installed:
        cookies = {key: cookie_of(body) for key, body in self.flows.items()}
        return Installed(cookies, dict(self.groups), dict(self.meters))


def run(sync: SwitchSync, switch: FakeSwitch, limit: int = 5000) -> int:
    batches = 0
    while (batch := sync.next_batch(limit)) is not None:
        assert sync.next_batch(limit) is None, "one batch at a time"
        switch.write(batch)
        sync.done(())
        batches += 1
    return batches


def retire(sync: SwitchSync, generation: int) -> None:
    """Let groups rest for long enough."""
    sync.retire(0.0, generation)
    sync.retire(GRACE, generation)


def same(program: Program, switch: FakeSwitch) -> bool:
    return (program.flows, program.groups, program.meters) == (switch.flows, switch.groups, switch.meters)


def test_an_empty_switch_gets_everything_meters_and_groups_before_flows() -> None:
    group = OUR_GROUPS_FROM + 1
    program = Program({b"a": b"1"}, {group: Group(1, b"x")}, {7: Meter(50, 50)})
    sync = SwitchSync(program)
    sync.adopt(Installed({}, {}, {}), 1)
    order = []
    while (batch := sync.next_batch(1)) is not None:
        order.append("meter" if batch.meters else "group" if batch.groups else "flow")
        sync.done(())
    assert order == ["meter", "group", "flow"]
    assert sync.oldest is None


def test_adoption_of_a_right_switch_writes_nothing() -> None:
    program = Program({b"a": b"1"}, {OUR_GROUPS_FROM: Group(1, b"x")}, {7: Meter(50, 50)})
    sync = SwitchSync(program)
    adoption = sync.adopt(Installed({b"a": cookie_of(b"1")}, dict(program.groups), dict(program.meters)), 1)
    assert (adoption.differences, adoption.kept) == ((), 1)
    assert sync.next_batch() is None


def test_what_is_not_ours_is_counted_and_left_alone() -> None:
    sync = SwitchSync(Program())
    adoption = sync.adopt(Installed({b"x": 0, b"y": 5}, {3: Group(0, b"")}, {}), 1)
    assert adoption.alien == 2
    assert sync.next_batch() is None


def test_what_is_ours_and_not_wanted_goes_flows_first() -> None:
    sync = SwitchSync(Program())
    sync.adopt(Installed({b"x": cookie_of(b"1")}, {OUR_GROUPS_FROM: Group(0, b"")}, {1: None, 2: Meter(1, 1)}), 1)
    batches = []
    while (batch := sync.next_batch(1)) is not None:
        batches.append((batch.deletes, batch.group_deletes, batch.meter_deletes))
        sync.done(())
    assert batches == [((b"x",), (), ()), ((), (), (1,)), ((), (), (2,))]
    assert sync.oldest is None, "groups that rest are nothing that is waited for"
    retire(sync, 2)
    assert sync.next_batch() == Batch(group_deletes=(OUR_GROUPS_FROM,))


def test_a_group_goes_a_grace_after_its_flows_are_known_to_be_others() -> None:
    number = OUR_GROUPS_FROM + 1
    program, switch = Program({b"a": b"1"}, {number: Group(1, b"x")}), FakeSwitch()
    sync = SwitchSync(program)
    sync.adopt(switch.installed(), 1)
    run(sync, switch)
    program.flows[b"a"] = b"2"
    group = program.groups.pop(number)
    sync.touch([Entry("flow", b"a"), Entry("group", number)], 2)
    assert sync.retire(10.0, 2), "its flow is not written yet"
    run(sync, switch)
    assert sync.retire(11.0, 2)
    assert sync.retire(11.0 + GRACE - 0.01, 2)
    assert sync.next_batch() is None
    sync.begin_audit()
    assert sync.end_audit(switch.installed(), 2).differences == (), "it is no surprise"
    assert not sync.retire(11.0 + GRACE, 2)
    assert sync.oldest == 2
    run(sync, switch)
    assert same(program, switch)
    # One that is wanted again in the meantime stays, with what it is to hold by then.
    program.groups[number] = group
    sync.touch([Entry("group", number)], 3)
    run(sync, switch)
    del program.groups[number]
    sync.touch([Entry("group", number)], 4)
    program.groups[number] = Group(1, b"y")
    sync.touch([Entry("group", number)], 5)
    assert not sync.retire(20.0, 5)
    run(sync, switch)
    assert same(program, switch)


def test_what_is_spared_stays_with_its_groups_until_it_is_not_needed_any_more() -> None:
    held, other = b"a", b"b"
    spared = {held}
    program, switch = Program(), FakeSwitch()
    switch.flows = {held: b"1", other: b"1"}
    switch.groups = {OUR_GROUPS_FROM + 1: Group(1, b"x")}
    sync = SwitchSync(program, spared)
    assert [entry.key for entry in sync.adopt(switch.installed(), 1).extra] == [other]
    run(sync, switch)
    assert (list(switch.flows), list(switch.groups)) == ([held], [OUR_GROUPS_FROM + 1])
    sync.begin_audit()
    assert not sync.end_audit(switch.installed(), 2).extra
    spared.clear()
    sync.unspare(3)
    run(sync, switch)
    retire(sync, 3)
    run(sync, switch)
    assert (switch.flows, switch.groups) == ({}, {})


def test_a_group_to_which_a_spared_flow_may_lead_stays_when_the_program_has_no_use_for_it_any_more() -> None:
    number, held = OUR_GROUPS_FROM + 1, b"held"
    program, switch = Program({b"a": b"1"}, {number: Group(1, b"x")}), FakeSwitch()
    switch.flows, switch.groups = {b"a": b"1", held: b"1"}, dict(program.groups)
    spared = {held}
    sync = SwitchSync(program, spared)
    sync.adopt(switch.installed(), 1)
    program.groups.clear()
    sync.touch([Entry("group", number)], 2)
    retire(sync, 2)
    assert sync.next_batch() is None
    spared.clear()
    sync.unspare(3)
    retire(sync, 3)
    run(sync, switch)
    retire(sync, 3)
    run(sync, switch)
    assert same(program, switch)


def test_a_full_audit_finds_changed_instructions_under_a_right_cookie() -> None:
    sync = SwitchSync(Program({b"a": b"1"}))
    found = sync.adopt(Installed({b"a": cookie_of(b"1")}, {}, {}, {b"a": b"other"}), 1)
    assert found.differences == (Entry("flow", b"a"),)


def test_an_audit_judges_nothing_that_was_changing_since_it_began() -> None:
    program = Program({b"a": b"1", b"b": b"1", b"c": b"1"})
    switch = FakeSwitch()
    sync = SwitchSync(program)
    sync.adopt(switch.installed(), 1)
    run(sync, switch)
    program.flows[b"a"] = b"2"
    sync.touch([Entry("flow", b"a")], 2)
    sync.begin_audit()
    read = switch.installed()
    del read.flows[b"c"]
    read.flows[b"x"] = cookie_of(b"1")
    program.flows[b"b"] = b"2"
    sync.touch([Entry("flow", b"b")], 3)
    run(sync, switch)
    found = sync.end_audit(read, 3)
    assert found.missing == (Entry("flow", b"c"),)
    assert found.changed == ()
    assert found.extra == (Entry("flow", b"x"),)
    run(sync, switch)
    assert same(program, switch)


def test_deletions_wait_until_nothing_is_left_to_add() -> None:
    program = Program({b"new": b"1"})
    sync = SwitchSync(program)
    sync.adopt(Installed({b"old": cookie_of(b"1")}, {}, {}), 1)
    first = sync.next_batch()
    assert first is not None
    assert first.flows
    assert not first.deletes
    program.flows[b"newer"] = b"2"
    sync.touch([Entry("flow", b"newer")], 2)
    sync.done(())
    second = sync.next_batch()
    assert second is not None
    assert second.flows == ((b"newer", b"2"),)


def test_flows_of_another_layout_are_replaced_against_the_direction_of_packets_and_deleted_along_it() -> None:
    keys = [bytes([table, 0, 1]) for table in (0, 40, 20)]
    old = [bytes([table, 0, 2]) for table in (40, 0, 20)]
    sync = SwitchSync(Program(dict.fromkeys(keys, b"1")))
    older = cookie_of(b"1") ^ 1 << 40
    found = sync.adopt(Installed({keys[0]: older, **dict.fromkeys(old, older)}, {}, {}), 1)
    assert (found.older, found.kept, found.alien) == (4, 4, 0)
    assert len(found.differences) == 6
    order = []
    while (batch := sync.next_batch(1)) is not None:
        order += [("put", key[0]) for key, _ in batch.flows] + [("delete", key[0]) for key in batch.deletes]
        sync.done(())
    assert order == [("put", 40), ("put", 20), ("put", 0), ("delete", 0), ("delete", 20), ("delete", 40)]
    assert sync.oldest is None


def test_a_single_change_is_one_batch_that_adds_before_it_deletes() -> None:
    program = Program({b"new": b"1"}, {}, {1: Meter(1, 1)})
    sync = SwitchSync(program)
    sync.adopt(Installed({b"old": cookie_of(b"1")}, {}, {1: Meter(2, 2), 2: Meter(1, 1)}), 1)
    batch = sync.next_batch(together=4)
    assert batch == Batch(
        meters=((1, Meter(1, 1), True),), flows=((b"new", b"1"),), deletes=(b"old",), meter_deletes=(2,)
    )
    sync.done(())
    assert (sync.next_batch(together=4), sync.oldest, sync.pending) == (None, None, 0)
    program.meters[2] = Meter(3, 3)
    sync.touch([Entry("meter", 2)], 2)
    again = sync.next_batch(together=4)
    assert again is not None
    assert again.meters == ((2, Meter(3, 3), False),)


def test_a_larger_change_adds_everything_before_it_deletes() -> None:
    sync = SwitchSync(Program({b"new": b"1", b"newer": b"1"}))
    sync.adopt(Installed({b"old": cookie_of(b"1")}, {}, {}), 1)
    batch = sync.next_batch(together=2)
    assert batch == Batch(flows=((b"new", b"1"), (b"newer", b"1")))
    sync.done(())
    assert sync.next_batch(together=2) == Batch(deletes=(b"old",))


def test_an_entry_that_changes_while_on_its_way_is_sent_again_and_confirmed_only_then() -> None:
    program = Program({b"a": b"1"})
    sync = SwitchSync(program)
    sync.adopt(Installed({}, {}, {}), 1)
    sync.next_batch()
    program.flows[b"a"] = b"2"
    sync.touch([Entry("flow", b"a")], 2)
    sync.done(())
    assert sync.oldest == 2
    batch = sync.next_batch()
    assert batch is not None
    assert batch.flows == ((b"a", b"2"),)
    sync.done(())
    assert sync.oldest is None


def test_after_a_refusal_the_rest_is_sent_again() -> None:
    program = Program({b"good": b"1", b"bad": b"2"})
    sync = SwitchSync(program)
    sync.adopt(Installed({}, {}, {}), 1)
    sync.next_batch()
    del program.flows[b"bad"]
    sync.done([WriteFailure("flow", b"bad", 4, 9, "")])
    sync.touch([Entry("flow", b"bad")], 2)
    batch = sync.next_batch()
    assert batch is not None
    assert batch.flows == ((b"good", b"1"),)


def test_what_nobody_owns_is_given_up() -> None:
    sync = SwitchSync(Program())
    sync.adopt(Installed({b"x": cookie_of(b"1")}, {}, {}), 1)
    sync.next_batch()
    sync.done([WriteFailure("flow", b"x", 1, 1, "")])
    sync.give_up(Entry("flow", b"x"))
    assert sync.next_batch() is None
    assert sync.oldest is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(0, 7))
def test_any_sequence_of_changes_refusals_and_reconnects_ends_in_the_program(
    seed: int, limit: int, together: int
) -> None:
    chance = random.Random(seed)
    program, switch = Program(), FakeSwitch()
    sync = SwitchSync(program)
    sync.adopt(switch.installed(), 0)
    for generation in range(1, 40):
        touched = []
        for _ in range(chance.randrange(4)):
            kind = chance.choice(("flow", "group", "meter"))
            number = chance.randrange(4)
            key: bytes | int = bytes([number]) if kind == "flow" else OUR_GROUPS_FROM + number
            table: dict = {"flow": program.flows, "group": program.groups, "meter": program.meters}[kind]  # type: ignore[type-arg]
            if chance.random() < 0.4:
                table.pop(key, None)
            else:
                content = bytes([chance.randrange(3)])
                table[key] = {"flow": content, "group": Group(1, content), "meter": Meter(content[0], 1)}[kind]
            touched.append(Entry(kind, key))
        sync.touch(touched, generation)
        sync.retire(generation * chance.random(), generation)
        what = chance.random()
        if what < 0.15:
            sync.adopt(switch.installed(), generation)
        elif (batch := sync.next_batch(limit, together)) is not None:
            if what < 0.3:
                switch.write(Batch(meters=batch.meters))  # these go before the bundle
                sync.done([WriteFailure("flow", b"", 0, 0, "")])
            else:
                switch.write(batch)
                sync.done(())
    run(sync, switch, limit)
    sync.retire(100.0, 40)
    sync.retire(100.0 + GRACE, 40)
    run(sync, switch, limit)
    assert same(program, switch)
    assert sync.oldest is None
    assert sync.pending == 0


def test_a_batch_holds_what_fits_meters_before_groups_before_flows() -> None:
    program = Program({b"a": b"1", b"b": b"1"}, {OUR_GROUPS_FROM: Group(0, b"")}, {1: Meter(1, 1), 2: Meter(1, 1)})
    sync = SwitchSync(program)
    sync.adopt(Installed({}, {}, {}), 1)
    sizes = []
    while (batch := sync.next_batch(2)) is not None:
        sizes.append((len(batch.meters), len(batch.groups), len(batch.flows)))
        assert sync.pending == 5 - sum(sum(size) for size in sizes[:-1])
        assert sync.oldest == 1
        sync.done(())
    assert sizes == [(2, 0, 0), (0, 1, 1), (0, 0, 1)]
    assert (sync.oldest, sync.pending) == (None, 0)
