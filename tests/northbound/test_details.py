"""google.rpc details beside field violations, as they come out of the client, and their size."""

from __future__ import annotations

from typing import Any

import pytest
from fake_backend import FakeBackend
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from sdn.client import ApiError, AsyncClient, Details
from sdn.model.errors import (
    Exhausted,
    InUse,
    Limit,
    NotFound,
    SdnError,
    StorageFull,
    Thing,
    Unavailable,
    UsedBy,
    Violation,
    WriteRefused,
)
from sdn.model.intent import DEFAULT_QUOTA
from sdn.northbound.errors import status_of
from sdn.v1 import resources_pb2 as pb

RED = "tenants/red"
H1 = f"{RED}/ports/h1"


async def details(call: Any) -> Details:
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value.details


async def test_a_refused_deletion_lists_the_users(client: AsyncClient) -> None:
    found = await details(client.networks.delete(f"{RED}/networks/web"))
    web = f"{RED}/networks/web"
    assert found.users == ((f"{RED}/subnets/v4", web), (H1, web), (f"{RED}/ports/h2", web))
    assert found.metadata == {"violations": "1", "users": "3", "object": web}
    await client.apply([pb.Port(name=f"{RED}/ports/p{n:03}", network="web") for n in range(200)])
    found = await details(client.networks.delete(web))
    assert found.metadata["users"] == "203"
    assert 25 < len(found.users) <= 100, "as many as fit"
    assert {name for _, name in found.users} == {web}


async def test_users_of_several_objects_in_one_transaction(client: AsyncClient) -> None:
    found = await details(client.apply([], deletes=[H1, f"{RED}/subnets/v4"]))
    assert (f"{RED}/connections/c", H1) in found.users
    assert (f"{RED}/routers/r", f"{RED}/subnets/v4") in found.users
    assert found.metadata["violations"] == "2"


async def test_who_holds_what_is_wanted(client: AsyncClient) -> None:
    binding = pb.Binding(switch="leaf1", interface="h1-eth0")
    assert (await details(client.ports.create(pb.Port(name=f"{RED}/ports/x", network="web", binding=binding)))) == (
        Details(holders=(H1,), metadata={"violations": "1", "users": "1"})
    )


async def test_what_is_missing_or_exists_is_named(client: AsyncClient, backend: FakeBackend) -> None:
    name = f"{RED}/ports/no"
    for call in (client.ports.delete(name), client.ports.update(pb.Port(name=name), mask=["mac"])):
        assert (await details(call)).objects == (("Port", name),)
    assert (await details(client.ports.create(pb.Port(name=name, network="no")))).objects == (
        ("Network", f"{RED}/networks/no"),
    )
    assert (await details(client.tenants.create(pb.Tenant(name=RED)))).objects == (("Tenant", RED),)


async def test_limits_are_named(client: AsyncClient) -> None:
    subnets = [
        pb.Subnet(name=f"{RED}/subnets/s{n}", network="web", cidr=f"10.1.{n}.0/24", gateway="none") for n in range(64)
    ]
    found = await details(client.apply(subnets))
    assert found.limits == ((f"{RED}/networks/web", "65 of at most 64 subnets"),)
    assert found.metadata == {
        "violations": "1",
        "limit": "64",
        "used": "65",
        "of": "subnets",
        "object": f"{RED}/networks/web",
    }


async def test_a_quota_is_shown_enforced_and_told(client: AsyncClient) -> None:
    tenant = await client.tenants.update(pb.Tenant(name=RED, quota=pb.Quota(networks=1)), mask=["quota"])
    assert (tenant.quota, tenant.usage.networks, tenant.usage.ports) == (pb.Quota(networks=1), 1, 2)
    assert (tenant.limits.networks, tenant.limits.ports) == (1, DEFAULT_QUOTA.ports)
    found = await details(client.networks.create(pb.Network(name=f"{RED}/networks/n")))
    assert found.limits == ((RED, "2 of at most 1 networks"),)
    assert found.metadata["object"] == RED
    blue = next(t for t in await client.tenants.list() if t.name == "tenants/blue")
    assert not blue.HasField("quota")
    assert blue.limits.networks == DEFAULT_QUOTA.networks
    applied = await client.apply([blue, tenant])
    assert not applied.changed, "what was read can be applied again"
    assert applied.resources[1].tenant.usage.networks == 1


@pytest.mark.parametrize(("cls", "seconds"), [(Unavailable, 1.0), (WriteRefused, 2.0), (StorageFull, 2.0)])
async def test_when_to_try_again(
    client: AsyncClient, backend: FakeBackend, cls: type[SdnError], seconds: float
) -> None:
    backend.failure = cls.of("", "not now", "Try again.")
    assert (await details(client.tenants.create(pb.Tenant(name="tenants/t")))).retry_after == seconds
    backend.failure = InUse.of("", "no", "Do something else.")
    assert (await details(client.tenants.create(pb.Tenant(name="tenants/t")))).retry_after is None


TEXT = st.text(max_size=400)
FACTS = st.one_of(
    st.none(),
    st.builds(Thing, st.sampled_from(["Port", ""]), TEXT),
    st.builds(UsedBy, TEXT, st.lists(TEXT, max_size=100).map(tuple), st.integers(0, 10**9)),
    st.builds(Limit, TEXT, TEXT, st.integers(0, 10**9), st.integers(0, 10**9)),
)
CLASSES = st.sampled_from([NotFound, InUse, Exhausted, StorageFull])


@given(st.lists(st.builds(Violation, st.text(max_size=500), TEXT, TEXT, FACTS), min_size=1, max_size=20), CLASSES)
def test_all_of_it_fits_into_the_trailers_of_any_client(violations: list[Violation], cls: type[SdnError]) -> None:
    _, message, trailers = status_of(cls(*violations))
    encoded = sum(1 if 0x20 <= byte < 0x7F and byte != 0x25 else 3 for byte in message.encode("utf-8", "replace"))
    assert encoded + len(trailers[0][1]) * 4 / 3 < 7900
    packed = status_pb2.Status.FromString(trailers[0][1]).details
    assert packed[0].Is(error_details_pb2.BadRequest.DESCRIPTOR)
    assert packed[1].Is(error_details_pb2.ErrorInfo.DESCRIPTOR)
