"""Allowed address pairs: what is refused, which numbers they get, and who may be active."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from test_store import A, do, fails, net, port, sub

from sdn.model import codec
from sdn.model.command import Delete, Put, Update
from sdn.model.errors import InUse, InvalidInput
from sdn.model.intent import AddressPair, Port, Tenant
from sdn.store import Store

VIRTUAL = "00:00:5e:00:01:07"
PAIRS = "allowed_address_pairs"


def pair(prefix: str, mac: str = "", active: bool = False) -> AddressPair:
    return AddressPair(prefix=ip_network(prefix), mac=mac, active=active)


def with_pairs(name: str, *pairs: AddressPair, mac: str = "") -> Port:
    return port(name, mac=mac, allowed_address_pairs=pairs)


@pytest.fixture
def store() -> Store:
    store = Store()
    do(store, Tenant(name=A), net(), net("m"), sub("s"), sub("six", "2001:db8::/64"))
    return store


def services(store: Store) -> set[str]:
    return {key.removeprefix(f"{A}/ports/") for key, _ in store.numbers.items("service")}


@pytest.mark.parametrize(
    ("pairs", "field", "says"),
    [
        ([pair("127.0.0.1")], f"{PAIRS}[0].address", "hosts may not use"),
        ([pair("10.0.0.9"), pair("224.0.0.18")], f"{PAIRS}[1].address", "hosts may not use"),
        ([pair("ff02::12")], f"{PAIRS}[0].address", "hosts may not use"),
        ([pair("10.0.0.1")], f"{PAIRS}[0].address", "gateway"),
        ([pair("2001:db8::1", VIRTUAL)], f"{PAIRS}[0].address", "gateway"),
        ([pair("10.0.0.9", "x")], f"{PAIRS}[0].mac", "not a MAC"),
        ([pair("10.0.0.9", "01:00:5e:00:00:12")], f"{PAIRS}[0].mac", "unicast"),
        ([pair("10.0.0.9", "06:00:00:00:00:01")], f"{PAIRS}[0].mac", "routers"),
        ([pair("10.0.0.9", VIRTUAL), pair("10.0.0.9", VIRTUAL.upper())], f"{PAIRS}[1]", "repeated"),
        ([pair("10.4.0.0/16", active=True)], f"{PAIRS}[0].active", "range"),
        ([pair(f"10.4.0.{n}") for n in range(65)], PAIRS, "at most 64"),
    ],
)
def test_what_is_no_pair(store: Store, pairs: list[AddressPair], field: str, says: str) -> None:
    error = InUse if says == "gateway" else InvalidInput
    assert says in fails(store, error, field, with_pairs("p", *pairs))


def test_pairs_in_and_out_of_subnets_and_for_everything(store: Store) -> None:
    pairs = (
        pair("10.0.0.100"),
        pair("10.0.0.100", VIRTUAL, active=True),
        pair("192.0.2.0/24"),
        pair("0.0.0.0/0"),
        pair("::/0"),
        pair("fe80::1", "00-00-5E-00-02-07"),
        pair("2001:db8::100"),
    )
    (stored,) = do(store, with_pairs("p", *pairs)).resources
    assert isinstance(stored, Port)
    assert [p.mac for p in stored.allowed_address_pairs] == ["", VIRTUAL, "", "", "", "00:00:5e:00:02:07", ""]
    assert services(store) == {f"p|{stored.mac}", f"p|{VIRTUAL}", "p|00:00:5e:00:02:07"}
    assert Store.load(store.records()).objects == store.objects


def test_numbers_follow_the_macs_of_a_port(store: Store) -> None:
    own = "02:00:00:00:00:aa"
    do(store, with_pairs("p", pair("10.0.0.100", VIRTUAL), pair("10.0.0.101", own), mac=own))
    assert services(store) == {f"p|{own}", f"p|{VIRTUAL}"}
    number = store.numbers.get("service", f"{A}/ports/p|{own}")
    do(store, Update(port("p", mac="02:00:00:00:00:bb"), frozenset({"mac"})))
    assert services(store) == {"p|02:00:00:00:00:bb", f"p|{own}", f"p|{VIRTUAL}"}
    assert store.numbers.get("service", f"{A}/ports/p|{own}") == number, "the same port with the same MAC"
    do(store, Update(port("p"), frozenset({PAIRS})))
    assert services(store) == {"p|02:00:00:00:00:bb"}
    do(store, Delete(f"{A}/ports/p"))
    assert services(store) == set()


def test_one_port_at_most_is_active(store: Store) -> None:
    do(store, with_pairs("p", pair("10.0.0.100", VIRTUAL, active=True), pair("10.0.0.101", VIRTUAL, active=True)))
    do(store, with_pairs("q", pair("10.0.0.100", VIRTUAL), pair("10.0.0.101", VIRTUAL)))
    second = with_pairs("q", pair("10.0.0.100", VIRTUAL, active=True))
    assert "the active port" in fails(store, InUse, f"{PAIRS}[0].active", Put(second))
    fails(store, InUse, f"{PAIRS}[0].active", Put(with_pairs("q", pair("10.0.0.102", VIRTUAL, active=True))))
    fails(
        store,
        InvalidInput,
        f"commands[1].{PAIRS}[0].active",
        Put(with_pairs("p", pair("10.0.0.100", active=True))),
        Put(second),
    )
    elsewhere = port("r", network="m", allowed_address_pairs=(pair("10.0.0.100", VIRTUAL, active=True),))
    do(store, elsewhere)
    do(store, Put(second), Put(with_pairs("p", pair("10.0.0.100", VIRTUAL))))


def test_a_gateway_does_not_become_an_address_that_a_port_may_use(store: Store) -> None:
    do(store, with_pairs("p", pair("10.0.0.100"), pair("10.0.0.0/25")))
    fails(store, InUse, "gateway", Put(sub("s", gateway="10.0.0.100")))
    do(store, Put(sub("s", gateway="10.0.0.101")))
    fails(
        store,
        InvalidInput,
        f"commands[1].{PAIRS}[0].address",
        Put(sub("s", gateway="10.0.0.102")),
        Put(with_pairs("p", pair("10.0.0.102"))),
    )
    do(store, Put(sub("s", gateway="10.0.0.100")), Put(with_pairs("p", pair("10.0.0.101"))))
    do(store, Delete(f"{A}/ports/p"))
    do(store, Put(sub("s", gateway="10.0.0.101")))


def test_records_of_before_there_were_pairs_and_moves_load(store: Store) -> None:
    do(store, port("p"))
    records = store.records()
    old = codec.loads(records["objects"][f"{A}/ports/p"])
    assert isinstance(old, dict)
    del old[PAIRS], old["migration_target"]
    records["objects"][f"{A}/ports/p"] = codec.dumps(old)
    assert Store.load(records).objects == store.objects
