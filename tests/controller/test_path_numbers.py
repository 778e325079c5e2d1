"""When the numbers of paths are used up, requests are refused and the controller goes on."""

from __future__ import annotations

import pytest
from test_priorities import cut, full, network, spine, told, wish

from sdn.model.command import Create, Delete
from sdn.model.errors import Exhausted
from sdn.model.intent import Constraints
from sdn.model.status import State
from sdn.store.numbers import Numbers


def test_numbers_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = network()
    sim.put(wish("a", 1, 5, 0.1))
    numbers = sim.controller.store.numbers
    room = numbers.room("path")
    assert room == 65533 - 2
    before = spine(sim, "a")
    elsewhere = Constraints(exclude_switches=(before,))
    monkeypatch.setattr(Numbers, "room", lambda self, pool: 1)
    with pytest.raises(Exhausted, match="all 65533 path numbers"):
        sim.submit(Create(wish("b", 2, 6, 0.1, constraints=elsewhere)))
    sim.submit(Create(wish("b", 2, 6, 0.1)))
    assert told(sim, "b") == (State.PROGRAMMED, ""), "along the way of another none are needed"
    sim.submit(Delete(full("b")))
    sim.run(3)
    monkeypatch.setattr(Numbers, "room", lambda self, pool: 3 - len(list(self.items(pool))) + 2)
    sim.put(wish("a", 1, 5, 0.1, level=1))
    cut(sim, before)
    assert told(sim, "a") == (State.PROGRAMMED, ""), "the other path had the last two"
    sim.run(3)
    monkeypatch.setattr(Numbers, "room", lambda self, pool: 0)
    cut(sim, before, up=True)
    sim.run(3)
    cut(sim, spine(sim, "a"))
    assert told(sim, "a") == (State.DEGRADED, "NoPathNumbers")
    assert not dict(sim.controller.connections.ledger.items())
    monkeypatch.undo()
    cut(sim, before)
    cut(sim, before, up=True)
    sim.run(3)
    assert told(sim, "a") == (State.PROGRAMMED, "")
    sim.submit(Delete(full("a")))
    sim.run(3)
    assert not list(sim.controller.store.numbers.items("path"))
