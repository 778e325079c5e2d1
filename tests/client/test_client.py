"""The blocking client against a real server."""

from __future__ import annotations

import dataclasses
import socket
import threading
from typing import Any

import grpc
import pytest
from fake_backend import FakeBackend, ServerThread

from sdn.client import KINDS, ApiError, Client, FieldViolation, kind_of_name, unwrap, wrap
from sdn.controller.reader import SystemView
from sdn.northbound import Server
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb

RED = "tenants/red"


def test_every_kind_is_read_by_name_kind_and_list(client: Client) -> None:
    count = {"Tenant": 2, "Network": 1, "Subnet": 1, "Router": 1, "Port": 2, "Connection": 1}
    for kind, info in KINDS.items():
        listed = client.of_kind(kind).list()
        assert len(listed) == count[kind]
        for found in listed:
            assert isinstance(found, info.message)
            assert client.of_name(found.name).get(found.name) == found
            assert unwrap(wrap(found)) == found


def test_writes(client: Client) -> None:
    created = client.networks.create(pb.Network(name=f"{RED}/networks/n"), wait=0.5, request_id="1")
    assert created.status.reason == "SwitchAway"
    changed = client.networks.update(pb.Network(name=created.name, mtu=1400), mask=["mtu"])
    assert changed.mtu == 1400
    with pytest.raises(ApiError) as caught:
        client.networks.delete(created.name, etag=created.metadata.etag)
    assert caught.value.code is grpc.StatusCode.ABORTED
    client.networks.delete(created.name, etag=changed.metadata.etag)
    assert [n.name for n in client.networks.list(RED)] == [f"{RED}/networks/web"]


def test_lists_go_through_all_pages(client: Client) -> None:
    client.apply(pb.Network(name=f"{RED}/networks/n{i}") for i in range(25))
    names = [n.name for n in client.networks.iterate(RED, page_size=7)]
    assert len(names) == 26
    assert names == sorted(names)
    assert names == [n.name for n in client.networks.list()]


def test_apply_takes_objects_and_members(client: Client) -> None:
    response = client.apply([pb.Tenant(name="tenants/a"), wrap(pb.Tenant(name="tenants/b"))], ["tenants/blue"])
    assert list(response.changed) == ["tenants/a", "tenants/b", "tenants/blue"]
    assert not client.apply([pb.Tenant(name="tenants/c")], dry_run=True).resources[0].tenant.HasField("status")


def test_errors_carry_field_reason_and_remedy(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.ports.create(pb.Port(name=f"{RED}/ports/p", network="web", mac="x"))
    error = caught.value
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "InvalidInput")
    description = "'x' is not a MAC address. Give six pairs of hexadecimal digits with colons between."
    assert error.violations == (FieldViolation("port.mac", description),)
    assert str(error) == f"port.mac: {description}"


def test_views(client: Client) -> None:
    assert [s.name for s in client.topology().switches] == ["leaf1", "spine1"]
    (path,) = client.find_paths(ppb.PathQuery(source="leaf1", destination="leaf2"))
    assert [hop.switch for hop in path.hops] == ["leaf1", "spine1", "leaf2"]
    assert [f.table for f in client.flows("leaf1")] == ["classify"] * 3
    assert client.status().version == "1.2.3"
    with pytest.raises(ApiError, match="s9 is not known") as caught:
        list(client.flows("s9"))
    assert caught.value.reason == "NotFound"


def test_watch_until_closed_from_another_thread(daemon: ServerThread, client: Client) -> None:
    with client.networks.watch(RED) as watch:
        assert next(watch).type == "ADDED"
        daemon.run(daemon.backend.watching.wait())
        client.networks.create(pb.Network(name=f"{RED}/networks/n"))
        change = next(watch)
        assert (change.type, change.resource.name) == ("ADDED", f"{RED}/networks/n")
        closer = threading.Thread(target=watch.close)
        closer.start()
        assert list(watch) == []
        closer.join()


def test_a_watch_knows_from_where_to_go_on(daemon: ServerThread, client: Client) -> None:
    with client.tenants.watch() as watch:
        next(watch)
        assert watch.revision == 0, "the initial list is not complete"
        next(watch)
        client.tenants.create(pb.Tenant(name="tenants/t"))
        assert next(watch).resource.name == "tenants/t"
        last = watch.revision
    client.tenants.delete("tenants/t")
    with client.tenants.watch(from_revision=last) as watch:
        change = next(watch)
        assert (change.type, change.resource.name, change.revision) == ("DELETED", "tenants/t", last + 1)
    with client.tenants.watch(from_revision=last + 9) as watch, pytest.raises(ApiError) as caught:
        next(watch)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.OUT_OF_RANGE, "Gone")


def test_labels_restrict_lists(client: Client) -> None:
    assert [n.name for n in client.networks.list(RED, "env=lab")] == [f"{RED}/networks/web"]
    assert client.networks.list(RED, selector="env!=lab") == []


def test_watch_of_a_stopping_server_raises(daemon: ServerThread, client: Client) -> None:
    watch = client.tenants.watch()
    assert [next(watch).resource.name for _ in range(2)] == ["tenants/blue", RED]
    daemon.stop(grace=5)
    with pytest.raises(ApiError) as caught:
        next(watch)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_healthy(daemon: ServerThread, client: Client) -> None:
    assert client.healthy()
    daemon.stop()
    assert not client.healthy()


def test_nobody_there() -> None:
    with pytest.raises(ApiError, match=r"cannot reach sdnd at 127.0.0.1:1 within 0.2 s. Start it") as caught:
        Client.connect("127.0.0.1:1", deadline=0.2)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "Unreachable")
    with Client("127.0.0.1:1") as client:
        with pytest.raises(ApiError, match=r"cannot reach sdnd at 127.0.0.1:1 .*Start it"):
            client.status()
        with pytest.raises(ApiError, match="does not answer") as caught:
            client.wait_ready(0.2)
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_connect_waits_for_a_server_that_starts_later(daemon: ServerThread) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    connected: list[Client] = []
    thread = threading.Thread(target=lambda: connected.append(Client.connect(address, deadline=20)))
    thread.start()

    async def start() -> Server:
        server = Server(daemon.backend, address)
        await server.start()
        return server

    server = daemon.run(start())
    thread.join(20)
    assert len(connected[0].tenants.list()) == 2
    connected[0].close()
    daemon.run(server.stop(0))


def test_wait_ready(daemon: ServerThread, client: Client) -> None:
    with pytest.raises(ApiError, match=r"not ready after 0.3 s: spine1. Look at") as caught:
        client.wait_ready(0.3)
    assert caught.value.reason == "NotReady"
    reader: Any = daemon.backend.fake
    system = reader.system
    asked = threading.Event()

    def soon() -> SystemView:
        first = not asked.is_set()
        asked.set()
        view: SystemView = system()
        return view if first else dataclasses.replace(view, ready=True, not_ready=())

    reader.system = soon
    assert client.wait_ready(20).ready


def test_what_the_caller_gets_wrong(client: Client) -> None:
    with pytest.raises(ValueError, match="no parent"):
        client.tenants.list(RED)
    with pytest.raises(ValueError, match="mask is empty"):
        client.ports.update(pb.Port(name=f"{RED}/ports/h1"), mask=[])
    for name in ("", "red", "tenants/red/things/x", "tenants/red/tenants/x"):
        with pytest.raises(ValueError, match="not a resource name"):
            kind_of_name(name)
    with pytest.raises(ValueError, match="empty"):
        unwrap(pb.Resource())


def test_fake_backend_is_like_the_real_one() -> None:
    from sdn.controller.reader import Backend

    backend: Backend = FakeBackend()  # checked by mypy
    assert backend.reader
