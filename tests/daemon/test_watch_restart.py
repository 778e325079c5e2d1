"""Watches of a real sdnd: status changes are changes, and nothing is lost over a kill and a start."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from store_daemon import process

from sdn.client import ApiError, Client
from sdn.v1 import resources_pb2 as pb

RED = "tenants/red"


def test_a_revision_of_before_a_kill_is_refused_and_a_new_list_has_everything(tmp_path: Path) -> None:
    with process(tmp_path) as running, Client.connect(running.address, deadline=20) as client:
        client.tenants.create(pb.Tenant(name=RED))
        client.tenants.create(pb.Tenant(name="tenants/blue"))
        with client.tenants.watch(synced=True) as watch:
            assert [next(watch).type for _ in range(3)] == ["ADDED", "ADDED", "SYNCED"]
            before = watch.revision
        client.tenants.delete("tenants/blue")
        with client.tenants.watch(from_revision=before) as watch:
            assert (next(watch).type, watch.revision) == ("DELETED", before + 1)
    with process(tmp_path) as running, Client.connect(running.address, deadline=20) as client:
        for revision in (1, before, before + 1, before + 2):
            with client.tenants.watch(from_revision=revision) as watch, pytest.raises(ApiError) as caught:
                next(watch)
            assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.OUT_OF_RANGE, "Gone")
            assert "before the last start" in str(caught.value)
        with client.tenants.watch(synced=True) as watch:
            assert [(c.type, c.resource.name) for c in (next(watch), next(watch))] == [("ADDED", RED), ("SYNCED", "")]
            assert watch.revision > before + 2


def test_a_status_that_changes_is_a_change_that_can_be_resumed(tmp_path: Path) -> None:
    with process(tmp_path) as running, Client.connect(running.address, deadline=20) as client:
        client.apply([pb.Tenant(name=RED), pb.Network(name=f"{RED}/networks/n")])
        with client.ports.watch(synced=True) as watch:
            next(watch)
            start = watch.revision
        binding = pb.Binding(switch="0000000000000001", interface="h1")
        client.ports.create(pb.Port(name=f"{RED}/ports/p", network="n", binding=binding))
        client.ports.create(pb.Port(name=f"{RED}/ports/q", network="n", binding=pb.Binding(switch="1", interface="h1")))
        client.ports.delete(f"{RED}/ports/p")
        with client.ports.watch(from_revision=start, synced=True) as watch:
            changes = [next(watch) for _ in range(4)]
        told = {(c.type, c.resource.name[-1:], c.resource.status.reason) for c in changes}
        assert ("ADDED", "q", "BindingConflict") in told
        assert ("MODIFIED", "q", "SwitchNeverSeen") in told, "the interface is free again; q itself was not written"
        assert [c.revision for c in changes] == list(range(start + 1, start + 5))
