"""What is told to Prometheus of connections: their state, what they have reserved now, their probes; or nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from probed import Probed, T, ready, wish

from sdn.daemon.counting import Counting
from sdn.daemon.engine import Engine
from sdn.daemon.measuring import Measuring
from sdn.daemon.views import DaemonViews
from sdn.model.calendar import Calendar
from sdn.model.measures import Measures

SPEC = "leaf-spine:spines=2,leaves=2,hosts=2"


def measure(sim: Probed, **fields: bool) -> Measures:
    engine = cast(Engine, SimpleNamespace(queues=dict[str, int]))
    views, counting = DaemonViews(sim.controller, "1", 0.0), Counting(sim.controller, 0.0, lambda: sim.now)
    wanted: dict[str, Any] = {"per_port": True, "per_connection": True, **fields}
    return asyncio.run(Measuring(sim.controller, views, engine, counting, lambda: (0, 0), **wanted).measures())


def test_connections_are_told_with_state_reservation_and_probes() -> None:
    sim = ready(SPEC, 1.0)
    tonight = Calendar(start=int(sim.wall + 100), end=int(sim.wall + 200))
    sim.put(wish(sim, reverse=10**5), wish(sim, f"{T}/connections/later", calendar=tonight, a=f"{T}/ports/h2"))
    sim.run(5)
    now, later = measure(sim).connections
    assert (now.tenant, now.connection, now.state, now.reserved) == ("t", "c", "VERIFIED", (10**6, 10**5))
    assert now.probes is not None
    assert now.probes.sent >= 6
    assert now.probes.jitter_us is not None
    assert (later.connection, later.state, later.reserved, later.probes) == ("later", "ADMITTED", (0, 0), None)
    sim.now, sim.wall = sim.now + 100, sim.wall + 100
    sim.run(2)
    assert measure(sim).connections[1].reserved == (10**6, 10**6), "its time has come"


def test_they_are_left_out_where_that_is_wanted_and_counted() -> None:
    sim = ready(SPEC)
    sim.put(wish(sim))
    found = measure(sim, per_connection=False)
    assert (found.connections, found.connections_left_out) == ((), 1)
    assert measure(sim).connections_left_out == 0
