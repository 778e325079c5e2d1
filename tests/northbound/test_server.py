"""Start and stop, addresses, health, reflection; and the pure parts: tokens and sizes of errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fake_backend import FakeBackend, ServerThread
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import given
from hypothesis import strategies as st

from sdn.client import ApiError, AsyncClient
from sdn.model.errors import InvalidInput, Unavailable, Violation
from sdn.northbound import Server
from sdn.northbound.check import Problems
from sdn.northbound.errors import status_of
from sdn.northbound.paging import make_token, page, read_token
from sdn.northbound.server import SERVICES
from sdn.v1 import resources_pb2 as pb

OPEN = ["0.0.0.0:1", "[::]:50051", "192.168.1.1:50051", "example.org:50051", "8.8.8.8:0", "[2001:db8::1]:1"]


@pytest.mark.parametrize("address", OPEN)
def test_beyond_loopback_is_refused_unless_asked_for(backend: FakeBackend, address: str) -> None:
    with pytest.raises(InvalidInput, match="other machines") as caught:
        Server(backend, address)
    assert caught.value.violations[0].field == "address"
    assert "insecure" in caught.value.violations[0].remedy
    Server(backend, address, insecure=True)


@pytest.mark.parametrize("address", ["", "50051", "127.0.0.1", "127.0.0.1:70000", "dns:///x:1", "::1:50051", "a b:1"])
def test_what_is_no_address(backend: FakeBackend, address: str) -> None:
    with pytest.raises(InvalidInput, match="not an address"):
        Server(backend, address, insecure=True)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.9.9.9:0", "localhost:0"])
async def test_loopback_is_served(backend: FakeBackend, address: str) -> None:
    server = Server(backend, address)
    port = await server.start()
    async with AsyncClient(f"{address.rpartition(':')[0]}:{port}") as client:
        assert len(await client.tenants.list()) == 2
    await server.stop(0)
    await server.stop(0)


async def test_unix_socket(backend: FakeBackend, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/api.sock"
    server = Server(backend, address)
    await server.start()
    async with AsyncClient(address) as client:
        assert len(await client.tenants.list()) == 2
    await server.stop(0)


async def test_an_address_in_use(backend: FakeBackend, address: str) -> None:
    with pytest.raises(Unavailable, match="cannot listen on"):
        await Server(backend, address).start()


async def test_health_of_every_service_and_at_stop(backend: FakeBackend) -> None:
    server = Server(backend, "127.0.0.1:0")
    address = f"127.0.0.1:{await server.start()}"
    serving = health_pb2.HealthCheckResponse.SERVING
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert len(SERVICES) == 15
        for name in ("", *SERVICES):
            assert (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status == serving
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="sdn.v1.PortService"))
        assert (await watch.read()).status == serving
        backend.hold = asyncio.Event()
        async with AsyncClient(address) as client:
            slow = asyncio.ensure_future(client.tenants.create(pb.Tenant(name="tenants/t")))
            stream = client.ports.watch()
            for _ in range(2):
                await anext(stream)
            await asyncio.wait_for(backend.submitted.wait(), 10)
            stop = asyncio.ensure_future(server.stop(10))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            with pytest.raises(ApiError, match="stopping") as caught:
                await anext(stream)
            assert caught.value.code is grpc.StatusCode.UNAVAILABLE
            backend.hold.set()
            assert (await slow).name == "tenants/t"
            watch.cancel()
            await stop
    assert backend.closed.is_set()


def test_a_generic_client_knows_nothing_but_the_address() -> None:
    daemon = ServerThread()
    try:
        with grpc.insecure_channel(daemon.address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert {*SERVICES, "grpc.health.v1.Health"} <= set(database.get_services())
            pool = DescriptorPool(database)
            for full_name in SERVICES:
                assert pool.FindServiceByName(full_name).methods
            service = pool.FindServiceByName("sdn.v1.NetworkService")
            answers = {}
            for verb, text in {
                "CreateNetwork": '{"network": {"name": "tenants/red/networks/g", "mtu": 1450}}',
                "UpdateNetwork": '{"network": {"name": "tenants/red/networks/g", "mtu": 1400}, "updateMask": "mtu"}',
                "ListNetworks": '{"parent": "tenants/-"}',
                "DeleteNetwork": '{"name": "tenants/red/networks/g"}',
            }.items():
                method = service.methods_by_name[verb]
                request = json_format.Parse(text, message_factory.GetMessageClass(method.input_type)())
                response = message_factory.GetMessageClass(method.output_type)
                call = channel.unary_unary(f"/{service.full_name}/{verb}", None, response.FromString)
                answers[verb] = json_format.MessageToDict(call(request.SerializeToString(), timeout=20))
            assert answers["CreateNetwork"]["mtu"] == 1450
            assert answers["UpdateNetwork"]["mtu"] == 1400
            assert [n["name"] for n in answers["ListNetworks"]["networks"]] == [
                "tenants/red/networks/g",
                "tenants/red/networks/web",
            ]
            assert answers["DeleteNetwork"] == {}
    finally:
        daemon.close()


@given(st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_tokens_return_what_was_put_in(scope: str, last: str) -> None:
    problems = Problems()
    assert read_token(make_token(scope, last), scope, problems) == last
    assert not problems.violations


@given(st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda b: b.decode("latin-1"))))
def test_any_other_token_is_refused(token: str) -> None:
    problems = Problems()
    assert read_token(token, "Port red", problems) == ""
    assert problems.violations[0].field == "page_token"


@given(st.data())
def test_a_tampered_token_is_refused(data: st.DataObject) -> None:
    token = make_token("Port red", "tenants/red/ports/h1")
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii", categories=["L", "N"]).filter(lambda c: c != token[at]))
    problems = Problems()
    changed = token[:at] + other + token[at + 1 :]
    assert read_token(changed, "Port red", problems) in ("", "tenants/red/ports/h1")


@given(st.lists(st.text("ab/-.0", min_size=1, max_size=4), unique=True), st.integers(1, 5), st.data())
def test_what_stays_is_listed_once_whatever_else_changes(names: list[str], size: int, data: st.DataObject) -> None:
    present = set(names)
    stays = set(data.draw(st.sets(st.sampled_from(names)))) if names else set()
    seen: list[str] = []
    after = ""
    while True:
        found, after = page(sorted(present), str, after, size)
        seen += found
        if not after:
            break
        gone = data.draw(st.sets(st.sampled_from(names)))
        present = (present - gone) | stays | data.draw(st.sets(st.sampled_from(names)))
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert stays <= set(seen)


@given(st.lists(st.builds(Violation, *[st.text(max_size=3000)] * 3), min_size=1, max_size=40))
def test_errors_fit_into_the_trailers_of_any_client(violations: list[Violation]) -> None:
    code, message, trailers = status_of(InvalidInput(*violations))
    status = status_pb2.Status.FromString(trailers[0][1])
    assert (status.code, status.message) == (code.value[0], message)
    encoded = sum(1 if 0x20 <= byte < 0x7F and byte != 0x25 else 3 for byte in message.encode("utf-8", "replace"))
    assert encoded + len(trailers[0][1]) * 4 / 3 < 7900
