"""Quotas of tenants: growth is refused as a whole, everything else passes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.model.command import Command, Create, Delete, Put, Transaction, Update
from sdn.model.errors import Exhausted, InvalidInput, Limit
from sdn.model.intent import DEFAULT_QUOTA, Network, Port, Quota, Tenant
from sdn.store import Store
from sdn.store.rules import MAX_QUOTA

RED = "tenants/red"


def network(name: str, tenant: str = RED) -> Network:
    return Network(name=f"{tenant}/networks/{name}")


def make(store: Store, *commands: Command, dry_run: bool = False, unlimited: bool = False) -> None:
    prepared = store.prepare(Transaction(commands, dry_run=dry_run, unlimited=unlimited), 1.0)
    if not dry_run:
        store.commit(prepared)


def two() -> Store:
    """A tenant that may have two networks, and has them."""
    store = Store(Quota(networks=2, subnets=9, routers=9, ports=3, connections=9))
    make(store, *(Create(r) for r in (Tenant(name=RED), Tenant(name="tenants/blue"), network("a"), network("b"))))
    return store


def test_one_too_many_is_refused_with_field_and_numbers() -> None:
    with pytest.raises(Exhausted) as caught:
        make(two(), Create(network("c")))
    (violation,) = caught.value.violations
    assert violation.field == "name"
    assert violation.reason == "tenants/red would have 3 networks, and its quota is 2"
    assert violation.remedy == "Delete networks of the tenant, or let an operator raise its quota.networks."
    assert violation.fact == Limit(RED, "networks", 2, 3)


def test_a_transaction_counts_as_a_whole() -> None:
    store = two()
    make(store, Create(network("c")), Delete(f"{RED}/networks/a"))
    make(store, Put(network("c")), Put(network("b")))
    make(store, Create(network("x", "tenants/blue")))
    before = store.records()
    with pytest.raises(Exhausted) as caught:
        make(store, Put(network("b")), Put(network("d")), Delete(f"{RED}/networks/c"), Put(network("e")))
    assert caught.value.violations[0].field == "commands[3].name"
    with pytest.raises(Exhausted):
        make(store, Create(network("d")), dry_run=True)
    assert store.records() == before


def test_a_quota_of_its_own_in_the_same_transaction() -> None:
    store = two()
    make(store, Create(network("c")), Update(Tenant(name=RED, quota=Quota(networks=3))))
    assert store.quota(RED) == (
        Quota(networks=3),
        Quota(networks=3, subnets=9, routers=9, ports=3, connections=9),
    )
    green = "tenants/green"
    with pytest.raises(Exhausted) as caught:
        make(store, Put(Tenant(name=green, quota=Quota(networks=1))), *(Put(network(n, green)) for n in "abc"))
    assert caught.value.violations[0].field == "commands[2].name"


def test_a_quota_below_usage_stops_growth_alone() -> None:
    store = two()
    make(store, Update(Tenant(name=RED, quota=Quota(networks=1))))
    make(store, Update(Network(name=f"{RED}/networks/a", mtu=1400)))
    with pytest.raises(Exhausted):
        make(store, Create(network("c")))
    make(store, Delete(f"{RED}/networks/a"), Create(network("c")))
    make(store, Delete(f"{RED}/networks/b"))
    with pytest.raises(Exhausted, match="would have 2 networks, and its quota is 1"):
        make(store, Create(network("b")))
    make(store, Delete(f"{RED}/networks/c"))
    make(store, Create(network("b")))


def test_each_kind_and_tenant_is_told() -> None:
    store = two()
    ports = [Put(Port(name=f"{RED}/ports/p{n}", network="a", mac="")) for n in range(5)]
    with pytest.raises(Exhausted) as caught:
        make(store, *ports, Put(network("c")), *(Put(network(n, "tenants/blue")) for n in "abc"))
    assert [v.field for v in caught.value.violations] == ["commands[3].name", "commands[5].name", "commands[8].name"]


def test_what_comes_back_from_a_backup_is_not_counted() -> None:
    store = two()
    make(store, Create(network("c")), unlimited=True)
    assert store.quota(RED)[0].networks == 3


@pytest.mark.parametrize("value", [-1, MAX_QUOTA + 1])
def test_a_quota_out_of_range(value: int) -> None:
    with pytest.raises(InvalidInput, match=f"Give 1 to {MAX_QUOTA}, or 0 for the default") as caught:
        make(Store(), Create(Tenant(name=RED, quota=Quota(ports=value))))
    assert caught.value.violations[0].field == "quota.ports"


def test_quotas_are_kept_and_defaults_are_not() -> None:
    store = two()
    make(store, Update(Tenant(name=RED, quota=Quota(ports=7))))
    again = Store.load(store.records())
    assert again.records() == store.records()
    assert again.quota(RED)[1].ports == 7
    assert again.quota("tenants/blue")[1] == DEFAULT_QUOTA


COMMANDS = st.lists(
    st.tuples(st.sampled_from(["put", "delete"]), st.sampled_from("abcd"), st.sampled_from(["red", "blue"])),
    min_size=1,
    max_size=6,
    unique_by=lambda step: step[1:],
)


@settings(deadline=None)
@given(st.lists(COMMANDS, max_size=12), st.integers(1, 3), st.integers(0, 3))
def test_nobody_grows_beyond_a_quota_and_nothing_else_is_refused(
    transactions: list[list[tuple[str, str, str]]], default: int, own: int
) -> None:
    store = Store(Quota(networks=default))
    make(store, Put(Tenant(name=RED, quota=Quota(networks=own))), Put(Tenant(name="tenants/blue")))
    limits = {"red": own or default, "blue": default}
    present: set[tuple[str, str]] = set()
    for steps in transactions:
        known = [s for s in steps if s[0] == "put" or s[1:] in present]
        if not known:
            continue
        wanted = (present | {s[1:] for s in known if s[0] == "put"}) - {s[1:] for s in known if s[0] == "delete"}
        counts = Counter(tenant for _, tenant in wanted)
        commands = [
            Put(network(name, f"tenants/{tenant}")) if verb == "put" else Delete(f"tenants/{tenant}/networks/{name}")
            for verb, name, tenant in known
        ]
        if all(counts[tenant] <= limits[tenant] for tenant in limits):
            make(store, *commands)
            present = wanted
        else:
            with pytest.raises(Exhausted):
                make(store, *commands)
        for tenant in limits:
            assert store.quota(f"tenants/{tenant}")[0].networks == Counter(t for _, t in present)[tenant]
