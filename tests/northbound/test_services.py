"""The services over a socket: what right requests do."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from fake_backend import FIRST, FakeBackend

from sdn.client import ApiError, AsyncClient
from sdn.model.command import Create, Delete, Transaction
from sdn.model.errors import Exhausted, Refused, SdnError, Unavailable
from sdn.model.intent import Network
from sdn.model.status import State, Status
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as s

RED = "tenants/red"


async def test_get_answers_everything_known(client: AsyncClient) -> None:
    connection = await client.connections.get(f"{RED}/connections/c")
    assert (connection.a, connection.b, connection.bandwidth_bps) == (f"{RED}/ports/h1", f"{RED}/ports/h2", 10**8)
    assert connection.status.state == pb.PROGRAMMED
    assert [(h.switch, h.ingress, h.egress) for h in connection.status.path] == [
        ("leaf1", "h1-eth0", "up1"),
        ("spine1", "d1", "d2"),
        ("leaf2", "up1", "h2-eth0"),
    ]
    port = await client.ports.get(f"{RED}/ports/h1")
    assert list(port.addresses) == ["10.0.0.2"]
    assert port.mac.startswith("02:00:00:")
    assert (port.binding.switch, port.binding.interface) == ("leaf1", "h1-eth0")
    assert not (await client.ports.get(f"{RED}/ports/h2")).HasField("binding")
    network = await client.networks.get(f"{RED}/networks/web")
    assert network.mtu == 1500
    assert dict(network.metadata.labels) == {"env": "lab"}
    assert network.metadata.etag == "3"
    assert network.metadata.create_time.ToMicroseconds() == 1_700_000_000_250_000


CREATED: list[tuple[str, Any, dict[str, Any]]] = [
    ("tenants", pb.Tenant(name="tenants/t", metadata=pb.Metadata(description="d")), {}),
    ("networks", pb.Network(name=f"{RED}/networks/n", mtu=9000), {"mtu": 9000}),
    ("networks", pb.Network(name=f"{RED}/networks/n"), {"mtu": 1500}),
    (
        "subnets",
        pb.Subnet(name=f"{RED}/subnets/s", network="web", cidr="10.1.0.0/24"),
        {"gateway": "10.1.0.1", "network": f"{RED}/networks/web"},
    ),
    (
        "subnets",
        pb.Subnet(name=f"{RED}/subnets/s", network="web", cidr="2001:db8::/64"),
        {"gateway": "2001:db8::1", "cidr": "2001:db8::/64"},
    ),
    (
        "subnets",
        pb.Subnet(name=f"{RED}/subnets/s", network="web", cidr="10.1.0.0/24", gateway="none"),
        {"gateway": "none"},
    ),
    (
        "subnets",
        pb.Subnet(name=f"{RED}/subnets/s", network="web", cidr="10.1.0.0/24", gateway="10.1.0.254"),
        {"gateway": "10.1.0.254"},
    ),
    ("routers", pb.Router(name=f"{RED}/routers/q"), {"subnets": []}),
    (
        "ports",
        pb.Port(name=f"{RED}/ports/p", network="web", mac="02-AA-00-00-00-01", addresses=["10.0.0.77"]),
        {"mac": "02:aa:00:00:00:01", "addresses": ["10.0.0.77"]},
    ),
]


@pytest.mark.parametrize(("collection", "wish", "expected"), CREATED)
async def test_create_get_and_create_again_from_what_was_read(
    client: AsyncClient, collection: str, wish: Any, expected: dict[str, Any]
) -> None:
    accessor = getattr(client, collection)
    created = await accessor.create(wish)
    for field, value in expected.items():
        found = getattr(created, field)
        assert (found if isinstance(found, str | int) else list(found)) == value
    assert await accessor.get(wish.name) == created
    assert created.metadata.description == wish.metadata.description
    await accessor.delete(wish.name, etag=created.metadata.etag)
    again = await accessor.create(created)
    assert again.metadata.etag != created.metadata.etag
    for message in (created, again):
        message.ClearField("metadata")
    assert again == created


async def test_update_without_mask_replaces_all_but_what_cannot_change(client: AsyncClient) -> None:
    before = await client.networks.get(f"{RED}/networks/web")
    after = await client.networks.update(pb.Network(name=before.name, mtu=1400))
    assert (after.mtu, dict(after.metadata.labels)) == (1400, {})
    port = await client.ports.update(pb.Port(name=f"{RED}/ports/h1"))
    assert port.network == f"{RED}/networks/web"
    assert not port.HasField("binding")


async def test_update_with_mask_looks_at_nothing_else(client: AsyncClient, backend: FakeBackend) -> None:
    name = f"{RED}/ports/h1"
    before = await client.ports.get(name)
    wish = pb.Port(name=name, network="junk", mac="junk", addresses=["junk"])
    wish.metadata.labels["a"] = "b"
    wish.metadata.description = "not asked for"
    after = await client.ports.update(wish, mask=["metadata.labels"])
    before.metadata.labels["a"] = "b"
    before.metadata.etag = after.metadata.etag
    assert after == before
    cleared = await client.ports.update(pb.Port(name=name), mask=["binding", "metadata"])
    assert not cleared.HasField("binding")
    assert not cleared.metadata.labels
    assert backend.transactions[-1].commands[0].fields == {"binding", "description", "labels"}  # type: ignore[union-attr]


async def test_masked_gateway_returns_to_the_first_address(client: AsyncClient) -> None:
    name = f"{RED}/subnets/v4"
    moved = await client.subnets.update(pb.Subnet(name=name, gateway="10.0.0.200"), mask=["gateway"])
    assert moved.gateway == "10.0.0.200"
    assert (await client.subnets.update(pb.Subnet(name=name), mask=["gateway"])).gateway == "10.0.0.1"


async def test_star_mask_is_all_fields(client: AsyncClient) -> None:
    after = await client.networks.update(pb.Network(name=f"{RED}/networks/web"), mask=["*"])
    assert not after.metadata.labels


async def test_etag_guards_update_and_delete(client: AsyncClient) -> None:
    first = await client.networks.get(f"{RED}/networks/web")
    first.mtu = 1400
    second = await client.networks.update(first)
    with pytest.raises(ApiError) as caught:
        await client.networks.update(first)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ABORTED, "Conflict")
    second.mtu = 1300
    assert (await client.networks.update(second)).mtu == 1300


async def test_request_id_makes_a_repetition_harmless(client: AsyncClient, backend: FakeBackend) -> None:
    wish = pb.Port(name=f"{RED}/ports/p", network="web")
    first = await client.ports.create(wish, request_id="x" * 128)
    assert await client.ports.create(wish, request_id="x" * 128) == first
    update = pb.Network(name=f"{RED}/networks/web", mtu=1400)
    one = await client.networks.update(update, mask=["mtu"], request_id="u")
    await client.networks.update(pb.Network(name=update.name, mtu=1300))
    assert (await client.networks.update(update, mask=["mtu"], request_id="u")).metadata.etag == one.metadata.etag
    assert (await client.networks.get(update.name)).mtu == 1300
    with pytest.raises(ApiError) as caught:
        await client.networks.update(pb.Network(name=update.name, mtu=1200), mask=["mtu"], request_id="u")
    assert caught.value.violations[0].field == "options.request_id"


async def test_wait_answers_the_status_at_the_end(client: AsyncClient, backend: FakeBackend) -> None:
    name = f"{RED}/ports/p"
    port = await client.ports.create(pb.Port(name=name, network="web"), wait=1.5)
    assert backend.waits == [((name,), 1.5)]
    assert (port.status.state, port.status.reason) == (pb.PENDING, "SwitchAway")
    assert list(port.status.switches_away) == ["leaf9"]
    await client.ports.delete(name)
    assert len(backend.waits) == 1


async def test_wait_ends_before_the_callers_deadline(channel: grpc.aio.Channel, backend: FakeBackend) -> None:
    request = s.CreateTenantRequest(tenant=pb.Tenant(name="tenants/t"))
    request.options.wait.seconds = 3600
    call = channel.unary_unary("/sdn.v1.TenantService/CreateTenant", s.CreateTenantRequest.SerializeToString)
    await call(request, timeout=15)
    assert 5 < backend.waits[0][1] < 15


async def test_an_object_deleted_meanwhile_is_still_answered(client: AsyncClient, backend: FakeBackend) -> None:
    async def delete_first(names: tuple[str, ...], seconds: float) -> None:
        backend.store.commit(backend.store.prepare(Transaction((Delete(names[0]),)), 0.0))

    backend.wait_programmed = delete_first  # type: ignore[method-assign]
    tenant = await client.tenants.create(pb.Tenant(name="tenants/t"), wait=1)
    assert (tenant.name, tenant.status.reason) == ("tenants/t", "Deleted")


async def test_pages(channel: grpc.aio.Channel, client: AsyncClient, backend: FakeBackend) -> None:
    names = [f"{RED}/networks/n{i:04}" for i in range(1203)]
    commands = tuple(Create(Network(name=name)) for name in names)
    backend.store.commit(backend.store.prepare(Transaction(commands), 0.0))
    names = sorted([*names, f"{RED}/networks/web"])
    listed = channel.unary_unary(
        "/sdn.v1.NetworkService/ListNetworks",
        s.ListNetworksRequest.SerializeToString,
        s.ListNetworksResponse.FromString,
    )
    sizes = {0: 100, 7: 7, 1000: 1000, 5000: 1000}
    for asked, given in sizes.items():
        page = await listed(s.ListNetworksRequest(parent=RED, page_size=asked))
        assert [n.name for n in page.networks] == names[:given]
        assert page.next_page_token
    for size in (50, 601, 602, 1000):
        assert [n.name for n in await client.networks.list(RED, page_size=size)] == names
    assert [n.name for n in await client.networks.list()] == names
    assert await client.networks.list("tenants/blue") == []
    first = await listed(s.ListNetworksRequest(parent=RED, page_size=2))
    for name in (names[1], names[2]):  # the last of the page before, and the first of the next
        await client.networks.delete(name)
    await client.networks.create(pb.Network(name=f"{RED}/networks/n0000a"))
    await client.networks.create(pb.Network(name=f"{RED}/networks/n0002a"))
    second = await listed(s.ListNetworksRequest(parent=RED, page_size=2, page_token=first.next_page_token))
    assert [n.name for n in second.networks] == [f"{RED}/networks/n0002a", names[3]]
    assert [t.name for t in await client.tenants.list()] == ["tenants/blue", RED]


async def test_apply_is_one_transaction_with_deletes_last(client: AsyncClient, backend: FakeBackend) -> None:
    resources = [
        pb.Connection(name="tenants/t/connections/c", a="p", b="q", bandwidth_bps=5),
        pb.Port(name="tenants/t/ports/p", network="n"),
        pb.Port(name="tenants/t/ports/q", network="n"),
        pb.Network(name="tenants/t/networks/n"),
        pb.Tenant(name="tenants/t"),
        pb.Tenant(name="tenants/blue"),
    ]
    deletes = [f"{RED}/connections/c", f"{RED}/ports/h2"]
    response = await client.apply(resources, deletes, wait=2, request_id="m")
    assert len(backend.transactions) == 1
    assert [type(c).__name__ for c in backend.transactions[0].commands] == ["Put"] * 6 + ["Delete"] * 2
    assert backend.transactions[0].request_id == "m"
    assert backend.waits == [((*(r.name for r in resources), *deletes), 2)]
    assert [getattr(r, str(r.WhichOneof("kind"))).name for r in response.resources] == [r.name for r in resources]
    assert set(response.changed) == {*(r.name for r in resources[:5]), *deletes}
    assert response.revision == backend.store.revision
    assert response.resources[0].connection.status.reason == "SwitchAway"
    again = await client.apply(resources)
    assert (list(again.changed), again.revision) == ([], response.revision)


async def test_apply_dry_run_and_nothing(client: AsyncClient, backend: FakeBackend) -> None:
    before = backend.store.revision
    response = await client.apply([pb.Tenant(name="tenants/t"), pb.Tenant(name=RED)], dry_run=True, wait=5)
    assert list(response.changed) == ["tenants/t"]
    assert backend.store.revision == before
    assert backend.waits == []
    assert not response.resources[0].tenant.HasField("status")
    assert response.resources[1].tenant.status.state == pb.PROGRAMMED
    assert (await client.apply([])).revision == before


async def test_apply_of_the_largest_manifest(client: AsyncClient) -> None:
    response = await client.apply(pb.Network(name=f"{RED}/networks/n{i}") for i in range(20_000))
    assert len(response.resources) == len(response.changed) == 20_000


async def test_watch_tells_what_is_and_what_changes(client: AsyncClient, backend: FakeBackend) -> None:
    stream = client.ports.watch(RED)
    found = [await anext(stream) for _ in range(2)]
    assert [(c.type, c.resource.name) for c in found] == [("ADDED", f"{RED}/ports/h1"), ("ADDED", f"{RED}/ports/h2")]
    await backend.watching.wait()
    await client.ports.create(pb.Port(name=f"{RED}/ports/p", network="web"))
    await client.ports.update(pb.Port(name=f"{RED}/ports/p", mac="02:00:00:00:bb:01"), mask=["mac"])
    await client.ports.delete(f"{RED}/ports/p")
    changes = [await anext(stream) for _ in range(3)]
    assert [c.type for c in changes] == ["ADDED", "MODIFIED", "DELETED"]
    assert changes[1].resource.mac == "02:00:00:00:bb:01"
    assert changes[0].resource.status.reason == "New"


async def test_a_watch_goes_on_where_another_ended(client: AsyncClient, backend: FakeBackend) -> None:
    first: Any = client.tenants.watch(synced=True)
    changes = [await anext(first) for _ in range(3)]
    assert [(c.type, c.revision) for c in changes] == [("ADDED", 0), ("ADDED", 0), ("SYNCED", FIRST)]
    assert changes[2].resource == pb.Tenant()
    await first.aclose()
    await client.tenants.create(pb.Tenant(name="tenants/t"))
    await client.tenants.update(pb.Tenant(name="tenants/t", metadata=pb.Metadata(description="d")))
    await client.tenants.delete("tenants/t")
    second = client.tenants.watch(from_revision=changes[2].revision + 1, synced=True)
    found = [await anext(second) for _ in range(3)]
    assert [(c.type, c.revision) for c in found] == [
        ("MODIFIED", FIRST + 2),
        ("DELETED", FIRST + 3),
        ("SYNCED", FIRST + 3),
    ]


async def test_a_dry_run_of_apply_tells_objects_fields_and_entries(client: AsyncClient, backend: FakeBackend) -> None:
    before = backend.store.records()
    web = pb.Network(name=f"{RED}/networks/web", mtu=1400)
    connection = pb.Connection(name=f"{RED}/connections/c", a="h1", b="h2", bandwidth_bps=5)
    wish = [web, pb.Tenant(name="tenants/new"), pb.Tenant(name=RED), connection]
    response = await client.apply(wish, ["tenants/blue"], dry_run=True, request_id="x")
    assert [(c.name, s.ChangeType.Name(c.type), list(c.fields)) for c in response.changes] == [
        (web.name, "MODIFIED", ["metadata.labels", "mtu"]),
        ("tenants/new", "ADDED", []),
        (connection.name, "MODIFIED", ["bandwidth_bps"]),
        ("tenants/blue", "DELETED", []),
    ]
    (switch,) = response.switches
    assert (switch.switch, switch.flows.added, switch.flows.changed, switch.flows.deleted) == ("leaf1", 12, 1, 3)
    assert (switch.groups.added, switch.meters, response.switches_unknown) == (2, s.Tally(), "")
    assert backend.store.records() == before
    applied = await client.apply(wish, ["tenants/blue"], request_id="x")
    assert not applied.changes
    assert len(applied.changed) == 4


async def test_labels_restrict_lists_and_watches(client: AsyncClient, backend: FakeBackend) -> None:
    for number in range(30):
        labels = {"env": "prod" if number % 3 else "dev", "n": str(number)}
        await client.ports.create(
            pb.Port(name=f"{RED}/ports/p{number:02}", network="web", metadata=pb.Metadata(labels=labels))
        )
    for selector, expected in (("env=prod", 20), ("env!=prod", 12), ("env", 30), ("!env", 2), ("n in (1,2,3,x)", 3)):
        found = await client.ports.list(RED, page_size=7, selector=selector)
        assert len(found) == expected, selector
        assert [p.name for p in found] == sorted(p.name for p in found)
    stream = client.ports.watch(RED, "n in (4,5)")
    assert [(await anext(stream)).resource.name for _ in range(2)] == [f"{RED}/ports/p04", f"{RED}/ports/p05"]
    await backend.watching.wait()
    port = pb.Port(name=f"{RED}/ports/p04", metadata=pb.Metadata(labels={"n": "44"}))
    await client.ports.update(port, mask=["metadata.labels"])
    change = await anext(stream)
    assert (change.type, change.resource.metadata.labels["n"]) == ("DELETED", "44")


async def test_a_watch_that_is_left_is_closed(client: AsyncClient, backend: FakeBackend) -> None:
    stream: Any = client.tenants.watch()
    await anext(stream)
    await backend.watching.wait()
    await stream.aclose()
    await asyncio.wait_for(backend.closed.wait(), 10)


async def test_a_watcher_that_falls_behind_is_told(client: AsyncClient, backend: FakeBackend) -> None:
    stream = client.tenants.watch()
    for _ in range(2):
        await anext(stream)
    await backend.watching.wait()
    backend.watch_failure = Unavailable.of("", "too far behind", "Watch again.")
    await client.tenants.create(pb.Tenant(name="tenants/t"))
    with pytest.raises(ApiError) as caught:
        await anext(stream)
    assert (caught.value.code, str(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "too far behind. Watch again.")


async def test_topology_paths_flows_status(client: AsyncClient, backend: FakeBackend) -> None:
    topology = await client.topology()
    assert [(x.name, x.dpid, x.connected) for x in topology.switches] == [
        ("leaf1", "0000000000000001", True),
        ("spine1", "00000000000000ff", False),
    ]
    link = topology.links[0]
    assert (link.a.interface, link.b.switch, link.capacity_bps, link.latency_us) == ("up1", "spine1", 10**10, 50)
    assert (link.reserved_ab_bps, link.reserved_ba_bps) == (100, 200)
    assert topology.faults[0].kind == "MissingSwitch"
    assert (topology.switches[0].flows, topology.switches[0].alien_flows) == (12, 2)
    (path,) = await client.find_paths(ppb.PathQuery(source="leaf1", destination="leaf2"))
    assert [hop.switch for hop in path.hops] == ["leaf1", "spine1", "leaf2"]
    backend.fake.flow_count = 5000
    flows = [f async for f in client.flows("leaf1")]
    assert len(flows) == 5000
    assert (flows[0].cookie, flows[0].owner, flows[0].table) == (2**64 - 1, RED, "classify")
    status = await client.status()
    assert status.objects["Port"] == 2
    assert (status.ready, list(status.not_ready), status.version) == (False, ["spine1"], "1.2.3")
    assert status.start_time.seconds == 1_700_000_000


@pytest.mark.parametrize(("error", "code"), [(Refused, "RESOURCE_EXHAUSTED"), (Exhausted, "RESOURCE_EXHAUSTED")])
async def test_refusals(client: AsyncClient, backend: FakeBackend, error: type[SdnError], code: str) -> None:
    backend.failure = error.of("bandwidth", "only 50M are free on leaf1-spine1", "Ask for at most 50M.")
    with pytest.raises(ApiError) as caught:
        await client.connections.create(pb.Connection(name=f"{RED}/connections/d", a="h1", b="h2", bandwidth_bps=9))
    assert (caught.value.code.name, caught.value.reason) == (code, error.__name__)
    assert str(caught.value.violations[0]) == (
        "connection.bandwidth_bps: only 50M are free on leaf1-spine1. Ask for at most 50M."
    )


async def test_unexpected_errors_say_nothing_but_a_number(
    client: AsyncClient, backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.failure = RuntimeError("secret /etc/path")
    backend.fake.failure = KeyError("secret")
    for call in (client.tenants.create(pb.Tenant(name="tenants/t")), client.ports.list(), anext(client.ports.watch())):
        with pytest.raises(ApiError) as caught:
            await call
        assert (caught.value.code.name, caught.value.reason) == ("INTERNAL", "Internal")
        assert "secret" not in str(caught.value)
        incident = caught.value.message.split("incident ")[1].split(".")[0]
        assert incident in caplog.text
    assert "secret" in caplog.text


async def test_status_of_a_rejected_connection(client: AsyncClient, backend: FakeBackend) -> None:
    name = f"{RED}/connections/c"
    backend.fake.statuses[name] = Status(State.REJECTED, "NoCapacity", "leaf1-spine1 is full")
    status = (await client.connections.get(name)).status
    assert (status.state, status.reason, status.message) == (pb.REJECTED, "NoCapacity", "leaf1-spine1 is full")
