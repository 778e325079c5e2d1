"""The interpreter on small programs made by hand: every way a packet may end, and what is never guessed."""

from __future__ import annotations

import pytest

from sdn.model.oxm import ETH_DST, ETH_SRC, ETH_TYPE, IN_PORT, IP_TTL, IPV4_DST, REG
from sdn.model.program import Group
from sdn.pipeline.shapes import (
    DEC_TTL,
    IN_PORT_REPLY,
    Action,
    Body,
    Bucket,
    Match,
    group,
    load,
    move,
    output,
    resubmit,
    set_field,
    to_controller,
)
from sdn.trace import CONTROLLER, Delivery, Doing, Limits, Switch, Trace, Why, extract, trace
from sdn.trace.fields import shown

A, B = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
ALL, SELECT, INDIRECT, FAST_FAILOVER = range(4)
IP = bytes.fromhex("4500001c 00000000 4011 0000 0a000001 0a000002 00010002 00080000".replace(" ", ""))
FRAME = B + A + b"\x08\x00" + IP
ANY = Match(0, 1)()


def switch(flows: dict[bytes, bytes], groups: dict[int, Group] | None = None, **more: object) -> Switch:
    ports = {1: True, 2: True, 3: True, 4: False}
    return Switch(flows, groups or {}, ports, more.get("links", {}))  # type: ignore[arg-type]


def run(flows: dict[bytes, bytes], groups: dict[int, Group] | None = None, frame: bytes = FRAME) -> Trace:
    """One switch, the frame comes in by port 1."""
    return trace({1: switch(flows, groups)}.get, (1, 1), frame)


def ends(found: Trace) -> list[Why]:
    return [step.why for step in found.steps if step.why]


def delivered(found: Trace) -> set[tuple[Delivery, ...]]:
    outcomes = found.outcomes()
    assert outcomes.sure
    return set(outcomes.ways)


def test_priority_and_masks_choose_the_flow() -> None:
    flows = {
        Match(0, 10, (IPV4_DST, 0x0A000000, 0xFF000000))(): Body([output(2)])(),
        Match(0, 20, (IPV4_DST, 0x0A000000, 0xFFFFFF00))(): Body([output(3)])(),
        Match(0, 30, (ETH_DST, A))(): Body([output(4)])(),
    }
    assert delivered(run(flows)) == {(Delivery(1, 3, FRAME),)}
    far = FRAME[:30] + bytes([10, 9, 0, 2]) + FRAME[34:]
    assert delivered(run(flows, frame=far)) == {(Delivery(1, 2, far),)}
    outside = FRAME[:30] + bytes([11, 9, 0, 2]) + FRAME[34:]
    assert ends(run(flows, frame=outside)) == [Why.NO_MATCH]


def test_what_tables_change_is_matched_by_later_ones_and_leaves_with_right_checksums() -> None:
    flows = {
        ANY: Body([set_field(REG[0], 7), load(ETH_DST, 0, 40, 0x0102030405), DEC_TTL], goto=5)(),
        Match(5, 1, (IP_TTL, 63), (REG[0], 7))(): Body([move(ETH_SRC, ETH_DST, 16, 0, 8), output(2)])(),
    }
    found = run(flows)
    ((only,),) = delivered(found)
    assert only.frame[:6].hex() == "020102000105"
    assert only.frame[22] == 63
    assert only.frame[24:26] == b"\x01\x00", "zero, adjusted for a TTL one less (RFC 1624)"
    assert only.frame[26:] == FRAME[26:]
    table = next(step for step in found.steps if step.table == 5)
    assert [(c.field, shown(c.field, c.before), shown(c.field, c.after)) for c in table.changes] == [
        ("dl_dst", "02:01:02:03:04:05", "02:01:02:00:01:05")
    ]
    first = next(step for step in found.steps if step.doing is Doing.TABLE)
    assert {change.field for change in first.changes} == {"reg0", "dl_dst", "nw_ttl"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (Body()(), Why.DROPPED),
        (Body([set_field(REG[0], 1)])(), Why.NO_OUTPUT),
        (Body([output(1)])(), Why.INGRESS),
        (Body([output(4)])(), Why.PORT_DOWN),
        (Body([output(9)])(), Why.NO_PORT),
        (Body([group(77)])(), Why.NO_GROUP),
        (Body(goto=9)(), Why.NO_MATCH),
        (Body([resubmit(9)])(), Why.NO_MATCH),
        (Body([set_field(IP_TTL, 1), DEC_TTL, output(2)])(), Why.TTL),
        (Body([to_controller(256)])(), Why.CONTROLLER),
        (Body([IN_PORT_REPLY])(), Why.DELIVERED),
    ],
)
def test_every_way_to_end_is_named(body: bytes, why: Why) -> None:
    found = run({ANY: body})
    assert ends(found) == [why]
    assert found.sure


def test_output_to_the_ingress_port_works_when_the_port_it_came_from_was_changed() -> None:
    """As fast reroute does (ovs-actions(7): load of NXM_OF_IN_PORT)."""
    cleared = Action(bytes.fromhex("ffff0018000023200007000f00000002000000000000ffff"), 24)
    assert delivered(run({ANY: Body([cleared, output(1)])()})) == {(Delivery(1, 1, FRAME),)}


@pytest.mark.parametrize(
    "body",
    [
        Body([Action(b"\xff\xff\x00\x10\x00\x00\x23\x20\x00\x2a" + bytes(6), 16)])(),
        Body([Action(b"\x00\x12\x00\x08\x00\x00\x00\x00", 8)])(),
        b"\x00\x03\x00\x08" + bytes(4),
        Body([output(0xFFFFFFFB)])(),
        Body([Action(b"\x00\x19\x00\x10\x80\x00\x02\x04" + bytes(8), 16)])(),
    ],
    ids=["nicira", "pop vlan", "write actions", "FLOOD", "set_field of a field not known"],
)
def test_what_is_not_known_is_said_and_not_guessed(body: bytes) -> None:
    found = run({ANY: body})
    assert ends(found) == [Why.UNKNOWN]
    assert not found.sure
    assert not found.outcomes().sure


def test_a_flow_with_an_unknown_field_is_not_passed_over() -> None:
    strange = b"\x00\x00\x09" + (0x7FFF << 16 | 5 << 9 | 4).to_bytes(4, "big") + bytes(4)
    assert ends(run({ANY: Body([output(2)])(), strange: Body()()})) == [Why.UNKNOWN]
    known = Match(0, 9, (ETH_TYPE, 0x0806))() + strange[3:]
    assert ends(run({ANY: Body([output(2)])(), known: Body()()})) == [Why.DELIVERED], "it cannot match this packet"


def test_two_flows_that_match_alike_and_differ_are_not_chosen_between() -> None:
    first, second = Match(0, 5, (ETH_DST, B))(), Match(0, 5, (IN_PORT, 1))()
    assert ends(run({first: Body([output(2)])(), second: Body([output(3)])()})) == [Why.UNKNOWN]
    assert ends(run({first: Body([output(2)])(), second: Body([output(2)])()})) == [Why.DELIVERED]


def test_groups_copy_choose_and_fail_over() -> None:
    to = {port: Bucket([output(port)], port, 1)() for port in (2, 3, 4)}
    copy = {port: Bucket([output(port)])() for port in (1, 2, 3)}
    send = {ANY: Body([group(1)])()}
    both = (Delivery(1, 2, FRAME), Delivery(1, 3, FRAME))
    assert delivered(run(send, {1: Group(ALL, copy[1] + copy[2] + copy[3])})) == {both}
    chosen = run(send, {1: Group(SELECT, to[2] + to[3] + to[2] + to[4])})
    assert delivered(chosen) == {(one,) for one in both}
    assert [step.share for step in chosen.steps if step.doing is Doing.BUCKET] == [(2, 3), (1, 3)]
    assert delivered(run(send, {1: Group(FAST_FAILOVER, to[4] + to[3] + to[2])})) == {both[1:]}
    assert delivered(run(send, {1: Group(INDIRECT, copy[2])})) == {both[:1]}
    for nobody in (Group(SELECT, to[4]), Group(FAST_FAILOVER, to[4]), Group(ALL, b""), Group(SELECT, copy[2])):
        assert ends(run(send, {1: nobody})) == [Why.NO_BUCKET]


def test_a_bucket_may_watch_a_group() -> None:
    dead = Group(FAST_FAILOVER, Bucket([output(4)], 4)())
    alive = Group(INDIRECT, Bucket([])())
    first = Group(FAST_FAILOVER, Bucket([output(2)], watch_group=2)() + Bucket([output(3)], watch_group=3)())
    assert delivered(run({ANY: Body([group(1)])()}, {1: first, 2: dead, 3: alive})) == {(Delivery(1, 3, FRAME),)}
    circle = Group(FAST_FAILOVER, Bucket([output(2)], watch_group=1)())
    assert ends(run({ANY: Body([group(1)])()}, {1: circle})) == [Why.UNKNOWN]


def test_a_bucket_changes_its_own_copy_alone() -> None:
    buckets = Bucket([set_field(ETH_SRC, B), output(2)])() + Bucket([output(3)])()
    found = run({ANY: Body([group(1), IN_PORT_REPLY])()}, {1: Group(ALL, buckets)})
    changed = FRAME[:6] + B + FRAME[12:]
    assert delivered(found) == {(Delivery(1, 1, FRAME), Delivery(1, 2, changed), Delivery(1, 3, FRAME))}


def test_endless_resubmits_drop_everything_as_in_open_vswitch() -> None:
    assert ends(run({ANY: Body([output(2), resubmit(0)])()})) == [Why.TOO_DEEP]
    wide = Group(ALL, Bucket([resubmit(1)])() * 5000)
    found = run({ANY: Body([output(2), group(1)])(), Match(1, 1)(): Body([output(3)])()}, {1: wide})
    assert ends(found) == [Why.TOO_DEEP]
    assert delivered(found) == {()}


def line(length: int, body: bytes) -> dict[int, Switch]:
    """Switches 1, 2, …; port 2 leads to port 1 of the next one, the last one's to a host."""
    ports = {1: True, 2: True}
    return {
        dpid: Switch({ANY: body}, {}, ports, {2: (dpid + 1, 1)} if dpid < length else {})
        for dpid in range(1, length + 1)
    }


def test_from_switch_to_switch() -> None:
    found = trace(line(300, Body([output(2)])()).get, (1, 1), FRAME)
    assert delivered(found) == {(Delivery(300, 2, FRAME),)}
    assert [step.dpid for step in found.steps if step.doing is Doing.ARRIVE] == list(range(1, 301))


def test_a_frame_that_goes_round_is_told_as_a_loop() -> None:
    ring = line(3, Body([output(2)])())
    ring[3] = Switch(ring[3].flows, {}, ring[3].ports, {2: (1, 1)})
    found = trace(ring.get, (1, 1), FRAME)
    assert ends(found) == [Why.LOOP]
    assert delivered(found) == {()}
    counting = line(3, Body([DEC_TTL, output(2)])())
    counting[3] = Switch(counting[3].flows, {}, counting[3].ports, {2: (1, 1)})
    assert ends(trace(counting.get, (1, 1), FRAME)) == [Why.TTL], "63 hops and no loop"


def test_a_switch_that_is_not_there_and_a_trace_that_is_too_long() -> None:
    world = line(2, Body([output(2)])())
    del world[2]
    assert ends(trace(world.get, (1, 1), FRAME)) == [Why.NO_SWITCH]
    cut = trace(line(300, Body([output(2)])()).get, (1, 1), FRAME, Limits(50))
    assert len(cut.steps) == 50
    assert ends(cut)[-1] is Why.TOO_LONG
    assert not cut.sure


def test_ways_that_meet_are_followed_once() -> None:
    """Two choices at each of 40 switches are 2^40 ways."""
    spread = Group(SELECT, Bucket([output(2)], 2, 1)() + Bucket([output(3)], 3, 1)())
    world = {
        dpid: Switch(
            {ANY: Body([group(1)])()},
            {1: spread},
            {1: True, 2: True, 3: True},
            {2: (dpid + 1, 1), 3: (dpid + 1, 1)} if dpid < 40 else {},
        )
        for dpid in range(1, 41)
    }
    found = trace(world.get, (1, 1), FRAME)
    assert delivered(found) == {(Delivery(40, 2, FRAME),), (Delivery(40, 3, FRAME),)}
    assert len(found.steps) < 300
    goes = [lambda step, port=port: step.why is Why.DELIVERED and step.port == port for port in (2, 3)]
    assert [found.may(goal) for goal in goes] == [True, True]
    assert [found.must(goal) for goal in goes] == [False, False]
    assert found.must(lambda step: step.why is Why.DELIVERED)
    assert not found.must(lambda step: step.port == CONTROLLER)


def test_a_frame_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="13 bytes"):
        extract(bytes(13))


@pytest.mark.parametrize("length", range(14, len(FRAME)))
def test_headers_that_are_cut_off_leave_no_fields(length: int) -> None:
    fields = extract(FRAME[:length]).fields
    assert fields["dl_type"] == 0x0800
    assert "nw_dst" not in fields


def test_an_ipv4_packet_of_another_version_is_one_to_open_vswitch() -> None:
    """Found on random frames: the EtherType decides, and the version in the header is not looked at."""
    assert extract(FRAME[:14] + b"\x85" + FRAME[15:]).fields["nw_dst"] == 0x0A000002
