from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest

from sdn.model.command import Command, Create, Delete, Put, Transaction, Update
from sdn.model.errors import (
    AlreadyExists,
    Conflict,
    Exhausted,
    InUse,
    InvalidInput,
    NotFound,
    SdnError,
)
from sdn.model.ids import Kind
from sdn.model.intent import Binding, Connection, Network, Port, Resource, Router, Subnet, Tenant
from sdn.store import Prepared, Store, StoreMoved
from sdn.store import requests as requests_module

A = "tenants/a"


def net(name: str = "n", tenant: str = "a", **more: Any) -> Network:
    return Network(name=f"tenants/{tenant}/networks/{name}", **more)


def sub(name: str = "s", cidr: str = "10.0.0.0/24", gateway: str | None = "first", **more: Any) -> Subnet:
    prefix = ip_network(cidr)
    address = prefix.network_address + 1 if gateway == "first" else ip_address(gateway) if gateway else None
    return Subnet(**{"name": f"{A}/subnets/{name}", "network": "n", "cidr": prefix, "gateway": address} | more)


def port(name: str = "p", *addresses: str, mac: str = "", **more: Any) -> Port:
    fixed = tuple(ip_address(a) for a in addresses)
    return Port(**{"name": f"{A}/ports/{name}", "network": "n", "mac": mac, "addresses": fixed} | more)


def router(name: str = "r", *subnets: str, **more: Any) -> Router:
    return Router(name=f"{A}/routers/{name}", subnets=subnets, **more)


def conn(name: str = "c", a: str = "p", b: str = "q", bandwidth: int = 1000) -> Connection:
    return Connection(name=f"{A}/connections/{name}", a=a, b=b, bandwidth=bandwidth)


def do(store: Store, *commands: Command | Resource, **options: Any) -> Prepared:
    """Commit commands; plain resources are created."""
    whole = tuple(Create(c) if isinstance(c, Resource) else c for c in commands)
    prepared = store.prepare(Transaction(whole, **options), 7.5)
    store.commit(prepared)
    return prepared


@pytest.fixture
def store() -> Store:
    """A tenant with network n, subnet s, ports p and q, and a second, empty tenant."""
    store = Store()
    do(store, Tenant(name=A), Tenant(name="tenants/b"), net(), sub(), port("p"), port("q"))
    return store


def fails(store: Store, error: type[SdnError], field: str, *commands: Command | Resource) -> str:
    """The transaction is refused, with this class and field and a remedy, and changes nothing."""
    before, version = store.records(), store._version
    whole = tuple(Create(c) if isinstance(c, Resource) else c for c in commands)
    with pytest.raises(error) as caught:
        store.prepare(Transaction(whole), 8.0)
    assert type(caught.value) is error
    assert field in [v.field for v in caught.value.violations], caught.value
    assert all(v.reason and v.remedy for v in caught.value.violations)
    assert (store.records(), store._version) == (before, version)
    return str(caught.value)


def test_commands_may_come_in_any_order() -> None:
    store = Store()
    prepared = do(store, conn(), port("p"), router("r", "s"), port("q"), sub(), net(), Tenant(name=A))
    assert [r.name.rpartition("/")[2] for r in prepared.resources] == ["c", "p", "r", "q", "s", "n", "a"]
    assert prepared.changed == tuple(r.name for r in prepared.resources)
    assert all(change.old is None and change.new == store.objects[change.name] for change in prepared.changes)
    assert store.revision == prepared.revision == 1
    assert {(r.revision, r.created) for r in store.objects.values()} == {(1, 7.5)}
    assert store.objects[f"{A}/connections/c"] == replace(
        conn(), a=f"{A}/ports/p", b=f"{A}/ports/q", revision=1, created=7.5
    )


def test_what_is_left_open_is_filled_in(store: Store) -> None:
    p, q = store.objects[f"{A}/ports/p"], store.objects[f"{A}/ports/q"]
    assert isinstance(p, Port)
    assert isinstance(q, Port)
    assert (p.mac, q.mac) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert (p.addresses, q.addresses) == ((IPv4Address("10.0.0.2"),), (IPv4Address("10.0.0.3"),))
    assert store.numbers.get("service", f"{p.name}|{p.mac}") == 1
    assert store.numbers.get("network", f"{A}/networks/n") == 1


def test_every_subnet_gives_its_lowest_free_address(store: Store) -> None:
    do(store, sub("six", "2001:db8::/64"), Delete(f"{A}/ports/p"))
    (new,) = do(store, port("x")).resources
    assert isinstance(new, Port)
    assert [str(a) for a in new.addresses] == ["10.0.0.2", "2001:db8::2"]
    (more,) = do(store, Put(port("q"))).resources
    assert isinstance(more, Port)
    assert [str(a) for a in more.addresses] == ["10.0.0.3", "2001:db8::3"], "keeps what it has, gains what it lacks"


def test_explicit_addresses_of_the_same_transaction_come_first(store: Store) -> None:
    prepared = do(store, port("x"), port("y", "10.0.0.4"), Delete(f"{A}/ports/p"), port("z"))
    assert [str(r.addresses) for r in prepared.resources if isinstance(r, Port)] == [
        "(IPv4Address('10.0.0.2'),)",
        "(IPv4Address('10.0.0.4'),)",
        "(IPv4Address('10.0.0.2'),)",
        "(IPv4Address('10.0.0.5'),)",
    ]


def test_a_small_subnet_fills_up_and_recovers() -> None:
    store = Store()
    do(store, Tenant(name=A), net(), sub(cidr="10.0.0.0/29", gateway="10.0.0.3"))
    for index in range(5):
        do(store, port(f"p{index}"))
    taken = {str(a) for r in store.select(Kind.PORT) if isinstance(r, Port) for a in r.addresses}
    assert taken == {f"10.0.0.{i}" for i in (1, 2, 4, 5, 6)}
    assert "no free address" in fails(store, Exhausted, "addresses", port("late"))
    do(store, Update(replace(sub(cidr="10.0.0.0/29"), gateway=None), frozenset({"gateway"})), port("late"))
    assert store.holder_of_address(f"{A}/networks/n", ip_address("10.0.0.3")) == f"{A}/ports/late"


def test_a_gateway_that_moved_leaves_its_address_free(store: Store) -> None:
    do(store, Update(sub(gateway="10.0.0.9"), frozenset({"gateway"})))
    (first,) = do(store, port("x")).resources
    (second,) = do(store, *(port(f"y{i}") for i in range(6))).resources[-1:]
    assert isinstance(first, Port)
    assert isinstance(second, Port)
    assert (str(first.addresses[0]), str(second.addresses[0])) == ("10.0.0.1", "10.0.0.10")
    assert Store.load(store.records()).records() == store.records()


def test_made_up_macs_step_aside(store: Store) -> None:
    do(store, port("x", mac="02-00-00-00-00-03"))
    number = store.numbers.get("service", f"{A}/ports/x|02:00:00:00:00:03")
    assert number == 3
    do(store, port("w", mac="02:00:00:00:00:04"), port("y"), port("z", mac="02:00:00:00:00:06"))
    y = store.objects[f"{A}/ports/y"]
    assert isinstance(y, Port)
    assert y.mac == "02:00:00:00:00:05"
    assert store.numbers.get("service", f"{y.name}|{y.mac}") == 5
    again = port("v")
    do(store, again, port("u", mac="02:00:00:00:00:07"))
    v = store.objects[again.name]
    assert isinstance(v, Port)
    assert v.mac == "02:00:00:00:00:08"


def test_a_new_mac_gets_a_new_number(store: Store) -> None:
    prepared = do(store, Update(port(mac="0A:00:00:00:00:01"), frozenset({"mac"})))
    assert store.numbers.get("service", f"{A}/ports/p|02:00:00:00:00:01") is None
    assert store.numbers.get("service", f"{A}/ports/p|0a:00:00:00:00:01") == 3
    assert ("numbers", f"service/{A}/ports/p|02:00:00:00:00:01") in prepared.deletes
    assert ("cursors", "service", "4") in prepared.puts
    assert ("store", "revision", "2") in prepared.puts


def test_an_update_replaces_the_named_fields_only(store: Store) -> None:
    before = store.objects[f"{A}/ports/p"]
    given = port(
        "p", "10.0.0.9", mac="0a:00:00:00:00:09", description="new", binding=Binding(switch="s", interface="i")
    )
    (after,) = do(store, Update(given, frozenset({"description", "binding"}))).resources
    assert after == replace(before, description="new", binding=given.binding, revision=2)
    (last,) = do(store, Update(replace(given, network="n"))).resources
    assert isinstance(last, Port)
    assert (last.mac, last.addresses, last.created) == (given.mac, given.addresses, 7.5)


def test_what_does_not_change_keeps_its_revision(store: Store) -> None:
    prepared = do(store, Put(port("p")), Put(net(description="x")), Put(sub()), Update(port("q"), frozenset({"mac"})))
    assert prepared.changed == (f"{A}/networks/n",)
    assert [r.revision for r in prepared.resources] == [1, 2, 1, 1]
    prepared = do(store, Put(port("p")))
    assert (prepared.changes, prepared.puts, prepared.deletes, prepared.revision) == ((), (), (), 2)


def test_labels_have_one_order(store: Store) -> None:
    do(store, Put(net(labels=(("b", "1"), ("a", "2")))))
    assert do(store, Put(net(labels=(("a", "2"), ("b", "1"))))).changed == ()


def test_revisions_guard_writes(store: Store) -> None:
    fails(store, Conflict, "revision", Update(net(mtu=1400), None, revision=9))
    fails(store, Conflict, "revision", Delete(f"{A}/ports/p", revision=9))
    do(store, Update(net(mtu=1400), None, revision=1), Delete(f"{A}/ports/p", revision=1))


def test_deletes_need_unused_objects(store: Store) -> None:
    do(store, router("r", "s"), conn())
    text = fails(store, InUse, "name", Delete(f"{A}/networks/n"))
    assert "used by 3 objects" in text
    assert f"{A}/ports/p" in text
    assert "used by 3 objects" in fails(store, InUse, "name", Delete(f"{A}/subnets/s"))
    fails(store, InUse, "name", Delete(f"{A}/ports/p"))
    fails(store, InUse, "name", Delete(A))
    fails(
        store, InUse, "commands[0].name", Delete(f"{A}/subnets/s"), Delete(f"{A}/ports/p"), Delete(f"{A}/connections/c")
    )
    names = [name for name in store.objects if name != "tenants/b"]
    prepared = do(store, *(Delete(name) for name in names))
    assert [r.name for r in prepared.resources] == names
    assert list(store.objects) == ["tenants/b"]
    assert not list(store.numbers.items("service"))
    assert set(store._index.users) == set()
    assert not store._index.claims
    assert not store._index.pools
    assert not store._index.subnets


def test_many_users_are_counted_and_ten_named(store: Store) -> None:
    do(store, *(port(f"x{i}") for i in range(30)))
    text = fails(store, InUse, "commands[0].name", Delete(f"{A}/networks/n"), Delete(f"{A}/ports/p"))
    assert "used by 32 objects" in text
    assert text.count("/ports/") + text.count("/subnets/") == 10


def test_a_port_may_leave_a_subnet_that_goes(store: Store) -> None:
    do(store, Put(port("p")), Put(port("q")), Delete(f"{A}/subnets/s"))
    p = store.objects[f"{A}/ports/p"]
    assert isinstance(p, Port)
    assert p.addresses == ()


def test_addresses_and_macs_can_be_swapped_in_one_transaction(store: Store) -> None:
    do(store, Put(port("p", "10.0.0.3", mac="02:00:00:00:00:02")), Put(port("q", "10.0.0.2", mac="02:00:00:00:00:01")))
    network = f"{A}/networks/n"
    assert store.port_by_mac(network, "02:00:00:00:00:02") == f"{A}/ports/p"
    assert store.holder_of_address(network, ip_address("10.0.0.2")) == f"{A}/ports/q"
    assert Store.load(store.records()).records() == store.records()


def test_tenants_may_use_the_same_addresses(store: Store) -> None:
    other = replace(sub(), name="tenants/b/subnets/s")
    do(store, net(tenant="b"), other, replace(port(mac="02:00:00:00:00:01"), name="tenants/b/ports/p"))
    p = store.objects["tenants/b/ports/p"]
    assert isinstance(p, Port)
    assert (str(p.addresses[0]), p.mac) == ("10.0.0.2", "02:00:00:00:00:01")


def test_lookups(store: Store) -> None:
    do(store, router("r", "s"), conn(), Put(port("p", binding=Binding(switch="leaf1", interface="e1"))))
    assert list(store.names(Kind.PORT)) == list(store.names(Kind.PORT, "a")) == [f"{A}/ports/p", f"{A}/ports/q"]
    assert list(store.names(Kind.PORT, "b")) == []
    assert list(store.names(Kind.TENANT)) == [A, "tenants/b"]
    assert {r.name for r in store.select(Kind.SUBNET)} == {f"{A}/subnets/s"}
    assert set(store.users(f"{A}/subnets/s")) == {f"{A}/ports/p", f"{A}/ports/q", f"{A}/routers/r"}
    assert set(store.users(f"{A}/ports/p")) == {f"{A}/connections/c"}
    assert list(store.users("tenants/b")) == []
    assert store.router_of(f"{A}/subnets/s") == f"{A}/routers/r"
    assert store.connection_between(f"{A}/ports/q", f"{A}/ports/p") == f"{A}/connections/c"
    assert [s.name for s in store.subnets_of(f"{A}/networks/n")] == [f"{A}/subnets/s"]
    assert store.subnet_of(f"{A}/networks/n", ip_address("10.0.0.77")) == store.objects[f"{A}/subnets/s"]
    assert store.subnet_of(f"{A}/networks/n", ip_address("10.0.1.77")) is None


LONG = "x" * 64
SPOT = Binding(switch="leaf1", interface="e1")


@pytest.mark.parametrize(
    ("error", "field", "wrong"),
    [
        (AlreadyExists, "name", net()),
        (NotFound, "name", Update(net("x"))),
        (NotFound, "name", Delete(f"{A}/networks/x")),
        (InvalidInput, "name", Delete("networks/x")),
        (InvalidInput, "name", Network(name=f"{A}/ports/x")),
        (InvalidInput, "name", Tenant(name="tenants/A")),
        (NotFound, "name", net(tenant="c")),
        (InvalidInput, "mtu", net("x", mtu=575)),
        (InvalidInput, "mtu", net("x", mtu=9001)),
        (InvalidInput, "description", net("x", description="x" * 1025)),
        (InvalidInput, "description", net("x", description="\ud800")),
        (InvalidInput, "labels", net("x", labels=tuple((f"k{i}", "") for i in range(65)))),
        (InvalidInput, "labels", net("x", labels=(("a", "1"), ("a", "2")))),
        (InvalidInput, "labels", net("x", labels=(("", "1"),))),
        (InvalidInput, "labels", net("x", labels=((LONG, "1"),))),
        (InvalidInput, "labels[a]", net("x", labels=(("a", "x" * 256),))),
        (InvalidInput, "labels[a]", net("x", labels=(("a", "\n"),))),
        (InvalidInput, "fields", Update(net(), frozenset({"revision"}))),
        (InvalidInput, "network", sub("x", "10.1.0.0/24", network="")),
        (NotFound, "network", sub("x", "10.1.0.0/24", network="x")),
        (InvalidInput, "network", sub("x", "10.1.0.0/24", network="tenants/b/networks/n")),
        (InvalidInput, "network", sub("x", "10.1.0.0/24", network=f"{A}/ports/p")),
        (InvalidInput, "cidr", sub("x", "10.0.0.0/7")),
        (InvalidInput, "cidr", sub("x", "10.1.0.0/31")),
        (InvalidInput, "cidr", sub("x", "2001:db8::/47")),
        (InvalidInput, "cidr", sub("x", "2001:db8::/127")),
        (InvalidInput, "cidr", sub("x", "0.0.0.0/8")),
        (InvalidInput, "cidr", sub("x", "127.1.0.0/16")),
        (InvalidInput, "cidr", sub("x", "169.254.0.0/16")),
        (InvalidInput, "cidr", sub("x", "169.0.0.0/8")),
        (InvalidInput, "cidr", sub("x", "224.1.0.0/16")),
        (InvalidInput, "cidr", sub("x", "255.255.255.0/24")),
        (InvalidInput, "cidr", sub("x", "::/64")),
        (InvalidInput, "cidr", sub("x", "::ffff:10.0.0.0/120")),
        (InvalidInput, "cidr", sub("x", "fe80::/64")),
        (InvalidInput, "cidr", sub("x", "ff02::/64")),
        (InUse, "cidr", sub("x", "10.0.0.128/25")),
        (InUse, "cidr", sub("x", "10.0.0.0/8")),
        (InvalidInput, "gateway", sub("x", "10.1.0.0/24", "10.2.0.1")),
        (InvalidInput, "gateway", sub("x", "10.1.0.0/24", "10.1.0.0")),
        (InvalidInput, "gateway", sub("x", "10.1.0.0/24", "10.1.0.255")),
        (InvalidInput, "gateway", sub("x", "10.1.0.0/24", "2001:db8::1")),
        (InvalidInput, "gateway", sub("x", "2001:db8::/64", "2001:db8::")),
        (InvalidInput, "gateway", sub("x", "2001:db8::/64", "2001:db8::1%eth0")),
        (InUse, "gateway", Put(sub(gateway="10.0.0.2"))),
        (InvalidInput, "cidr", Put(sub(cidr="10.9.0.0/24"))),
        (NotFound, "subnets[0]", router("r", "x")),
        (InvalidInput, "subnets[0]", router("r", "tenants/b/subnets/s")),
        (InvalidInput, "subnets[1]", router("r", "s", f"{A}/subnets/s")),
        (InvalidInput, "subnets", router("r", *(f"s{i}" for i in range(65)))),
        (NotFound, "network", port("x", network="x")),
        (InvalidInput, "network", port("x", network="")),
        (InvalidInput, "mac", port("x", mac="02:00:00:00:00")),
        (InvalidInput, "mac", port("x", mac="02:00:00-00:00:09")),
        (InvalidInput, "mac", port("x", mac="00:00:00:00:00:00")),
        (InvalidInput, "mac", port("x", mac="01:00:5e:00:00:01")),
        (InvalidInput, "mac", port("x", mac="ff:ff:ff:ff:ff:ff")),
        (InvalidInput, "mac", port("x", mac="06:00:00:00:00:01")),
        (InUse, "mac", port("x", mac="02:00:00:00:00:01")),
        (InvalidInput, "addresses[1]", port("x", "10.0.0.9", "10.0.1.1")),
        (InvalidInput, "addresses[1]", port("x", "10.0.0.9", "10.0.0.9")),
        (InvalidInput, "addresses[0]", port("x", "10.0.0.0")),
        (InvalidInput, "addresses[0]", port("x", "10.0.0.255")),
        (InvalidInput, "addresses[0]", port("x", "2001:db8::1")),
        (InUse, "addresses[0]", port("x", "10.0.0.1")),
        (InUse, "addresses[0]", port("x", "10.0.0.2")),
        (InvalidInput, "addresses", port("x", *(f"10.0.0.{i}" for i in range(10, 75)))),
        (InvalidInput, "binding.switch", port("x", binding=Binding(switch="", interface="e"))),
        (InvalidInput, "binding.switch", port("x", binding=Binding(switch="x" * 65, interface="e"))),
        (InvalidInput, "binding.interface", port("x", binding=Binding(switch="s", interface=""))),
        (InvalidInput, "binding.interface", port("x", binding=Binding(switch="s", interface="x" * 16))),
        (InvalidInput, "binding.interface", port("x", binding=Binding(switch="s", interface="a b"))),
        (InvalidInput, "binding.interface", port("x", binding=Binding(switch="s", interface="a/b"))),
        (NotFound, "b", conn(b="x")),
        (InvalidInput, "b", conn(b="p")),
        (InvalidInput, "a", conn(a="tenants/b/ports/p")),
        (InvalidInput, "bandwidth", conn(bandwidth=0)),
        (InvalidInput, "bandwidth", conn(bandwidth=10**15 + 1)),
    ],
)
def test_wrong_requests_are_refused(store: Store, error: type[SdnError], field: str, wrong: Command | Resource) -> None:
    fails(store, error, field, wrong)
    placed = f"commands[1].{field}"
    fails(store, error, placed, net("other"), wrong)


def test_relations_with_more_than_one_party(store: Store) -> None:
    do(store, router("r", "s"), conn(), net("m"), sub("t", "10.0.0.0/25", network="m"), sub("u", "10.5.0.0/24", None))
    do(store, Put(port("p", binding=SPOT)))
    fails(store, InUse, "binding", Put(port("q", binding=SPOT)))
    fails(store, InUse, "subnets[0]", router("r2", "s"))
    fails(store, InvalidInput, "subnets", Put(router("r", "s", "t")))
    fails(store, InvalidInput, "subnets[1]", Put(router("r", "s", "u")))
    fails(store, InUse, "gateway", Put(sub(gateway=None)))
    fails(store, InUse, "", conn("d", "q", "p"))
    fails(store, InvalidInput, "a", Put(conn(a="q", b="p")))
    fails(store, InvalidInput, "network", Put(port("q", network="m")))
    going = Delete(f"{A}/networks/m"), Delete(f"{A}/subnets/t")
    text = fails(store, NotFound, "commands[2].network", *going, port("x", network="m"))
    assert "deleted by the same request" in text


def test_parties_of_one_transaction_contradict_each_other(store: Store) -> None:
    fails(store, InvalidInput, "commands[1].addresses[0]", port("x", "10.0.0.9"), port("y", "10.0.0.9"))
    fails(
        store, InvalidInput, "commands[1].mac", port("x", mac="0a:00:00:00:00:01"), port("y", mac="0a:00:00:00:00:01")
    )
    fails(store, InvalidInput, "commands[1].cidr", sub("x", "10.1.0.0/16"), sub("y", "10.1.2.0/24"))
    fails(store, InvalidInput, "commands[1].binding", port("x", binding=SPOT), port("y", binding=SPOT))
    fails(store, InvalidInput, "commands[1].name", port("x"), Delete(f"{A}/ports/x"))


def test_ipv6_needs_its_mtu(store: Store) -> None:
    do(store, net("x", mtu=1279))
    fails(store, InvalidInput, "network", sub("y", "2001:db8::/64", network="x"))
    do(store, sub("z", "2001:db8::/64"))
    fails(store, InvalidInput, "mtu", Put(net(mtu=1279)))
    do(store, Put(net(mtu=1280)))


def test_all_that_is_wrong_is_told_at_once(store: Store) -> None:
    with pytest.raises(InvalidInput) as caught:
        store.prepare(Transaction(tuple(Create(net(f"x{i}", mtu=1)) for i in range(30))), 1.0)
    assert [v.field for v in caught.value.violations] == [f"commands[{i}].mtu" for i in range(20)]


def test_a_network_has_a_limit_of_subnets(store: Store) -> None:
    do(store, *(sub(f"x{i}", f"10.1.{i}.0/24") for i in range(63)))
    fails(store, Exhausted, "network", sub("y", "10.2.0.0/24"))


def test_empty_transactions_are_refused(store: Store) -> None:
    fails(store, InvalidInput, "commands")


def test_a_dry_run_writes_nothing(store: Store) -> None:
    before = store.records()
    prepared = store.prepare(Transaction((Create(port("x")),), "id", dry_run=True), 1.0)
    assert prepared.changed == (f"{A}/ports/x",)
    assert (prepared.revision, prepared.puts, prepared.deletes) == (1, (), ())
    assert isinstance(prepared.resources[0], Port)
    assert str(prepared.resources[0].addresses[0]) == "10.0.0.4"
    with pytest.raises(ValueError, match="dry run"):
        store.commit(prepared)
    assert store.records() == before


def test_commit_notices_that_the_store_moved(store: Store) -> None:
    first = store.prepare(Transaction((Create(port("x")),)), 1.0)
    second = store.prepare(Transaction((Create(port("y")),)), 1.0)
    store.commit(first)
    before = store.records()
    with pytest.raises(StoreMoved):
        store.commit(second)
    assert store.records() == before
    third = store.prepare(Transaction((Create(port("y")),)), 1.0)
    store.numbers.allocate("switch", "0000000000000001")
    store.numbers.allocate("path", "x")
    store.commit(third)


def test_a_repeated_request_answers_the_first_result(store: Store) -> None:
    tx = Transaction((Create(port("x")), Delete(f"{A}/ports/p")), "retry-1")
    first = store.prepare(tx, 1.0)
    store.commit(first)
    do(store, Put(port("x", description="later")))
    for again in (store, Store.load(store.records())):
        before = again.records()
        answer = again.prepare(tx, 2.0)
        assert answer.replayed
        assert (answer.resources, answer.changed, answer.revision) == (first.resources, first.changed, first.revision)
        assert (answer.changes, answer.puts, answer.deletes) == ((), (), ())
        again.commit(answer)
        assert again.records() == before
        with pytest.raises(InvalidInput, match="other content"):
            again.prepare(replace(tx, commands=tx.commands[:1]), 2.0)
    with pytest.raises(InvalidInput, match="request_id"):
        store.prepare(replace(tx, request_id="x" * 129), 2.0)


def test_a_failed_request_is_not_remembered(store: Store) -> None:
    tx = Transaction((Create(port("x", network="m")),), "once")
    with pytest.raises(NotFound):
        store.prepare(tx, 1.0)
    do(store, net("m"))
    assert not store.prepare(tx, 1.0).replayed


def test_old_requests_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_module, "MAX_REQUESTS", 3)
    durable = {bucket: dict(inner) for bucket, inner in store.records().items()}
    for index in range(5):
        prepared = do(store, Put(net(description=str(index))), request_id=f"id{index}")
        for bucket, key in prepared.deletes:
            del durable[bucket][key]
        for bucket, key, value in prepared.puts:
            durable[bucket][key] = value
    assert set(durable["requests"]) == {"id2", "id3", "id4"}
    again = Store.load(durable)
    assert again.records() == store.records()
    monkeypatch.setattr(requests_module, "MAX_CHARACTERS", 1)
    assert do(again, Put(net(description="x")), request_id="id9").deletes == tuple(
        ("requests", f"id{i}") for i in (2, 3, 4)
    )


def _damaged(store: Store, bucket: str, key: str, text: str | None) -> str:
    records = {name: dict(inner) for name, inner in store.records().items()}
    if text is None:
        del records[bucket][key]
    else:
        records[bucket][key] = text
    with pytest.raises(SdnError) as caught:
        Store.load(records)
    violation = caught.value.violations[0]
    assert "backup" in violation.remedy
    return violation.field


def test_damaged_records_are_named(store: Store) -> None:
    do(store, Put(net(description="x")), request_id="id")
    p, n = f"{A}/ports/p", f"{A}/networks/n"
    text = store.records()["objects"][p]
    for bad in ("", "{}", "[]", text[:-1], text.replace("10.0.0.2", "10.0.0.3"), text.replace("10.0.0.2", "10.9.0.2")):
        assert _damaged(store, "objects", p, bad).startswith("objects[tenants/a/ports/")
    for old, new in (
        ('"02:', '"0A:'),
        ('"02:00:00:00:00:01"', '""'),
        ("networks/n", "networks/x"),
        ("ports/p", "ports/x"),
    ):
        assert _damaged(store, "objects", p, text.replace(old, new)) == f"objects[{p}]"
    assert _damaged(store, "objects", p, text.replace('"revision":1', '"revision":99')) == f"objects[{p}]"
    assert _damaged(store, "objects", n, None) == f"objects[{A}/subnets/s]"
    assert _damaged(store, "numbers", f"network/{n}", None) == f"numbers[network/{n}]"
    assert _damaged(store, "numbers", "router/x", "1") == "numbers[router/x]"
    assert _damaged(store, "store", "revision", "x") == "store[revision]"
    assert _damaged(store, "requests", "id", "{}") == "requests[id]"
    assert _damaged(store, "store", "revision", None).startswith("objects[")


def test_an_empty_store_and_foreign_buckets_load() -> None:
    assert Store.load({}).revision == 0
    assert Store.load({"topology": {"x": "?"}}).objects == {}
