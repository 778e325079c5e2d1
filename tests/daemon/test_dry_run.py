"""Dry runs of a real sdnd: beside everything else that it does, and without a trace."""

from __future__ import annotations

import threading
from pathlib import Path

from store_daemon import Process, process

from sdn.client import Client
from sdn.persist import snapshot
from sdn.v1 import resources_pb2 as pb

RED = "tenants/red"


def children(running: Process) -> list[str]:
    """Processes that the daemon has started and that are still there, dead ones included."""
    pid = running.process.pid
    found = (Path(f"/proc/{pid}/task/{thread.name}/children") for thread in Path(f"/proc/{pid}/task").iterdir())
    return [child for file in found for child in file.read_text().split()]


def test_dry_runs_beside_writes_and_watches_leave_nothing_behind(tmp_path: Path) -> None:
    wish = [pb.Tenant(name=RED, quota=pb.Quota(ports=5)), pb.Network(name=f"{RED}/networks/n")]
    wish += [pb.Port(name=f"{RED}/ports/p{n}", network="n") for n in range(5)]
    with process(tmp_path) as running, Client.connect(running.address, deadline=20) as client:
        before = snapshot.read(snapshot.take(tmp_path / "state.db"))
        with client.tenants.watch() as watch:
            answers = []

            def dry() -> None:
                answers.extend(client.apply(wish, dry_run=True) for _ in range(5))

            threads = [threading.Thread(target=dry) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert len(answers) == 20
            for answer in answers:
                assert [(c.name, c.type) for c in answer.changes] == [(o.name, 1) for o in wish]
                assert (list(answer.switches), answer.switches_unknown) == ([], "")
            assert snapshot.read(snapshot.take(tmp_path / "state.db")) == before
            client.apply(wish)
            assert next(watch).resource.name == RED
        assert not client.apply(wish, dry_run=True).changes
        first = client.ports.get(f"{RED}/ports/p0")
        assert first.mac == "02:00:00:00:00:01", "no number was used up"
        assert children(running) == []
