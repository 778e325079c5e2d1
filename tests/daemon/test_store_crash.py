"""kill -9 of a real sdnd at many points of an Apply: a restart shows all of it or nothing, and everything acknowledged.

SDN_CRASH_POINTS=N makes a longer campaign of it.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path

import pytest
from store_daemon import Process, process

from sdn.client import ApiError, Client
from sdn.v1 import resources_pb2 as pb

POINTS = int(os.environ.get("SDN_CRASH_POINTS", "8"))
STEPS = 60
"""Statements and records of some Applies; a point beyond the end lets the client finish and is killed then."""

Seen = dict[str, str]
"""Name of every object, and its description."""


def objects(turn: int) -> list[pb.Tenant | pb.Network]:
    """Five tenants, renamed in every turn, and a network in each that comes and goes."""
    found: list[pb.Tenant | pb.Network] = []
    for number in range(5):
        name = f"tenants/t{number}"
        found.append(pb.Tenant(name=name, metadata=pb.Metadata(description=f"turn {turn}")))
        network = f"{name}/networks/n{turn}"
        found.append(pb.Network(name=network, metadata=pb.Metadata(description=f"turn {turn}")))
    return found


def expected(turn: int) -> Seen:
    return {item.name: item.metadata.description for item in objects(turn)} if turn else {}


def seen(client: Client) -> Seen:
    everything = [*client.tenants.list(), *client.networks.list()]
    return {item.name: item.metadata.description for item in everything}


def apply(client: Client, turn: int) -> None:
    gone = [f"tenants/t{number}/networks/n{turn - 1}" for number in range(5)] if turn > 1 else []
    client.apply(objects(turn), gone, request_id=f"turn-{turn}")


def turns(running: Process, turn: int, at: float | None) -> tuple[int, int]:
    """Applies until the daemon is gone; the last one acknowledged and the last one asked for.

    at: seconds into the third Apply at which it is killed from outside, None when it kills itself.
    """
    acknowledged = asked = turn
    with Client(running.address, timeout=20) as client, ThreadPoolExecutor(1) as pool:
        try:
            for step in range(1, 5):
                asked = turn + step
                call = pool.submit(apply, client, asked)
                if at is not None and step == 3:
                    wait_for([call], at)
                    running.process.kill()
                call.result()
                acknowledged = asked
        except ApiError as error:
            if error.code.name != "UNAVAILABLE":
                raise
    return acknowledged, asked


def test_kill_at_any_point_of_an_apply_leaves_all_or_nothing(tmp_path: Path) -> None:
    choose = random.Random(20)
    acknowledged = asked = cut_off = 0
    for point in range(POINTS + 1):
        inside = point % 3 != 2
        at = None if inside else choose.random() * 0.004
        # The first 20 steps are those of the start.
        with process(tmp_path, kill_at=choose.randrange(20, 3 * STEPS) if inside else 0) as running:
            with Client.connect(running.address, deadline=20) as client:
                found = seen(client)
            assert found in (expected(acknowledged), expected(asked)), (acknowledged, asked)
            turn = asked if found == expected(asked) else acknowledged
            acknowledged, asked = turns(running, turn, at) if point < POINTS else (turn, turn)
        cut_off += acknowledged != asked
    assert cut_off > POINTS // 3


@pytest.mark.parametrize("limit", [400_000])
def test_a_store_without_room_refuses_tells_and_recovers(limit: int, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: it can be set without root, and raised again."""
    import resource

    with process(tmp_path, limit=limit) as running, Client.connect(running.address, deadline=20) as client:
        stored: Seen = {}
        refusal: ApiError | None = None
        for number in range(100):
            crowd = [
                pb.Tenant(name=f"tenants/t{number}-{n}", metadata=pb.Metadata(description="x" * 1000))
                for n in range(50)
            ]
            try:
                client.apply(crowd)
            except ApiError as error:
                refusal = error
                break
            stored |= {item.name: item.metadata.description for item in crowd}
        assert refusal is not None
        assert refusal.code.name in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
        assert refusal.reason in ("StorageFull", "WriteRefused")
        assert "state.db" in str(refusal)
        assert "what was stored before is intact" in str(refusal)
        assert seen(client) == stored
        assert not client.healthy()
        status = client.status()
        assert not status.ready
        assert "the store refuses writes" in status.not_ready[0]
        assert client.backup()  # the moment at which one is wanted
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, unlimited)
        client.apply(crowd)
        stored |= {item.name: item.metadata.description for item in crowd}
        assert client.wait_ready(20).ready
        assert client.healthy()
        running.end()
    with process(tmp_path) as running, Client.connect(running.address, deadline=20) as client:
        assert seen(client) == stored
