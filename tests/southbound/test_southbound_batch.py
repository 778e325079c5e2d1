"""Batches without a socket: every entry is written once, in order, and an error names the right one."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from sdn.model.program import Batch, Group, Meter, cookie_of
from sdn.openflow import decode
from sdn.openflow.messages import BarrierReply, BundleReply, Error
from sdn.southbound.batch import SMALL, BatchRun, Stage
from sdn.southbound.rate import Rate

KEYS = st.tuples(st.integers(0, 99), st.integers(0, 65535), st.integers(0, 9)).map(
    lambda parts: struct.pack("!BHII", parts[0], parts[1], 0x80000004, parts[2])
)
BODIES = st.sampled_from([b"", bytes.fromhex("0001000804000000"), bytes.fromhex("00060008000000010001000804000000")])
NUMBERS = st.integers(1, 2**31)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    groups = st.tuples(NUMBERS, st.just(Group(0, b"")))
    meters = st.tuples(NUMBERS, st.just(Meter(5, 6)), st.booleans())
    return Batch(
        meters=tuple(draw(st.lists(meters, max_size=3))),
        groups=tuple(draw(st.lists(groups, max_size=3))),
        flows=tuple(draw(st.lists(st.tuples(KEYS, BODIES), max_size=6))) * draw(st.sampled_from([1, 1, 60])),
        deletes=tuple(draw(st.lists(KEYS, max_size=3))),
        group_deletes=tuple(draw(st.lists(NUMBERS, max_size=3))),
        meter_deletes=tuple(draw(st.lists(NUMBERS, max_size=3))),
    )


def split(data: bytes) -> list[bytes]:
    messages, at = [], 0
    while at < len(data):
        end = at + int.from_bytes(data[at + 2 : at + 4], "big")
        messages.append(data[at:end])
        at = end
    return messages


def entry_of(message: bytes) -> tuple[str, str, bytes | int] | None:
    """(what is done, kind, key) of a message that writes."""
    inner = message[24:] if message[1] == 4 and message[14:16] == struct.pack("!H", 2301) else message
    if inner[1] == 29:
        command, _, number = struct.unpack_from("!HHI", inner, 8)
        return ("delete" if command == 2 else "put"), "meter", number
    if inner[1] == 15:
        command, _, number = struct.unpack_from("!HHI", inner, 8)
        return ("delete" if command == 2 else "put"), "group", number
    if inner[1] == 14:
        length = int.from_bytes(inner[50:52], "big")
        key = inner[24:25] + inner[30:32] + inner[52 : 48 + length]
        body = inner[48 + (length + 7) // 8 * 8 :]
        if inner[25] == 0:
            assert int.from_bytes(inner[8:16], "big") == cookie_of(body)
        return ("delete" if inner[25] == 4 else "put"), "flow", key
    return None


def expected(batch: Batch) -> list[tuple[str, str, bytes | int]]:
    puts: list[tuple[str, str, bytes | int]] = [("put", "meter", number) for number, _, _ in batch.meters]
    puts += [("put", "group", number) for number, _ in batch.groups]
    puts += [("put", "flow", key) for key, _ in batch.flows]
    puts += [("delete", "flow", key) for key in batch.deletes]
    puts += [("delete", "group", number) for number in batch.group_deletes]
    return puts + [("delete", "meter", number) for number in batch.meter_deletes]


class Switch:
    """Answers a run; refuses one entry by its index, if any."""

    def __init__(self, run: BatchRun, *, refuse: int = -1) -> None:
        self.run = run
        self.refuse = refuse
        self.written: list[tuple[str, str, bytes | int]] = []
        self.xids: list[int] = []
        self.committed = False

    def play(self) -> None:
        waiting = [self.run.begin()]
        while waiting:
            for chunk in waiting.pop(0):
                for message in split(chunk):
                    waiting += [self.run.receive(reply) for reply in self.answers(message)]

    def answers(self, message: bytes) -> list[BarrierReply | BundleReply | Error]:
        xid = int.from_bytes(message[4:8], "big")
        assert self.run.owns(xid)
        self.xids.append(xid)
        entry = entry_of(message)
        if entry is not None:
            self.written.append(entry)
            refused = len(self.written) - 1 == self.refuse
            return [Error(xid, 4, 9, b"")] if refused else []
        if message[1] == 20:
            return [BarrierReply(xid)]
        control = decode(message)
        assert isinstance(control, BundleReply)
        self.committed |= control.action == 4
        return [BundleReply(xid, control.bundle, control.action + 1)]


@given(batch=batches(), xid=st.integers(1, 2**32 - 10_000))
def test_everything_is_written_once_and_in_order(batch: Batch, xid: int) -> None:
    run = BatchRun(batch, xid)
    switch = Switch(run)
    switch.play()
    assert run.stage is Stage.DONE
    assert run.failures == ()
    assert switch.written == expected(batch)
    assert len(set(switch.xids)) == len(switch.xids)
    assert all(xid <= used < xid + BatchRun.size(batch) for used in switch.xids)
    bundled = batch.groups or batch.flows or batch.deletes or batch.group_deletes
    assert switch.committed == bool(bundled)


@given(batch=batches(), data=st.data())
def test_what_is_refused_is_named_and_only_a_small_bundle_committed(batch: Batch, data: st.DataObject) -> None:
    entries = expected(batch)
    counted = len(entries) - len(batch.meter_deletes)
    if not counted:
        return
    at = data.draw(st.integers(0, counted - 1))
    run = BatchRun(batch, 1)
    switch = Switch(run, refuse=at)
    switch.play()
    assert run.stage is Stage.DONE
    (failure,) = run.failures
    assert (failure.kind, failure.key) == entries[at][1:]
    small = sum(kind != "meter" for _, kind, _ in entries) <= SMALL
    assert switch.committed == (small and at >= len(batch.meters))
    # A refused meter keeps the bundle back altogether, and no meter is deleted after a refusal.
    assert switch.written == entries[: len(batch.meters) if at < len(batch.meters) else counted]


def test_rate_lets_bursts_through_and_then_its_rate() -> None:
    rate = Rate(10)
    assert [rate.take(100.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [rate.take(100.15) for _ in range(2)] == [True, False]
    assert sum(rate.take(200.0) for _ in range(50)) == 10
