"""What is known of switches whose sessions end and begin again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sdn.controller.events import BatchDone, SwitchDown, SwitchUp
from sdn.controller.switches.fleet import Fleet, Switch
from sdn.model.program import Entry, Installed

EMPTY = Installed({}, {}, {})


def connect(fleet: Fleet, session: int, generation: int) -> Switch:
    fleet.up(SwitchUp(session, 1, "", (), EMPTY))
    switch = fleet.get(1)
    assert switch is not None
    fleet.adopt(switch, generation)
    return switch


def test_a_change_that_was_on_its_way_when_the_session_ended_is_not_taken_for_confirmed_by_a_later_one() -> None:
    programs: Any = {1: SimpleNamespace(flows={}, groups={}, meters={})}
    fleet = Fleet(programs)
    switch = connect(fleet, 1, 3)
    assert fleet.confirmed(1, 3)
    programs[1].flows[b"\x24key"] = b"body"
    switch.sync.touch([Entry("flow", b"\x24key")], 5)
    assert len(list(fleet.batches(0.0, 5))) == 1
    fleet.down(SwitchDown(1, 1, "gone"))
    connect(fleet, 2, 8)  # all that was asked for was asked for again by 8
    assert not fleet.confirmed(1, 5)
    (batch,) = fleet.batches(0.0, 9)
    fleet.down(SwitchDown(2, 1, "gone"))
    connect(fleet, 3, 9)
    assert not fleet.confirmed(1, 5), "also when it goes once more"
    (batch,) = fleet.batches(0.0, 9)
    fleet.done(BatchDone(3, 1, batch.batch_id, ()))
    assert fleet.confirmed(1, 9)
