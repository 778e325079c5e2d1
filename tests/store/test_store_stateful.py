"""Random transactions against a store and a plain model of it, with restarts in between."""

import itertools
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any
from unittest.mock import ANY

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sdn.model.command import Command, Create, Delete, Put, Transaction, Update
from sdn.model.errors import SdnError
from sdn.model.ids import Kind
from sdn.model.intent import (
    AddressPair,
    Binding,
    Connection,
    Network,
    Port,
    Resource,
    Router,
    StaticRoute,
    Subnet,
    Tenant,
    kind_of,
)
from sdn.store import Store
from sdn.store.resolve import USER_FIELDS

TENANTS = ("a", "b")
NAMES = ("x", "y", "z")
CIDRS = ("10.0.0.0/29", "10.0.0.0/30", "10.0.1.0/29", "10.0.2.0/29", "2001:db8::/64", "2001:db8:0:1::/126")
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.5", "10.0.0.7", "10.0.1.2", "2001:db8::2", "2001:db8::ffff:1")
MACS = ("", "", "", "02:00:00:00:00:01", "02:00:00:00:00:03", "0A-00-00-00-00-01", "06:00:00:00:00:01")


def name_of(kind: Kind, tenant: str, name: str) -> str:
    return f"tenants/{tenant}" if kind is Kind.TENANT else f"tenants/{tenant}/{kind.collection}/{name}"


def address_pairs() -> st.SearchStrategy[AddressPair]:
    prefixes = st.sampled_from([*ADDRESSES, "10.0.0.0/30", "0.0.0.0/0", "2001:db8::/32"]).map(ip_network)
    macs = st.sampled_from(["", "", "00-00-5E-00-01-07", "02:00:00:00:00:03", "06:00:00:00:00:01"])
    return st.builds(AddressPair, prefix=prefixes, mac=macs, active=st.booleans())


def static_routes() -> st.SearchStrategy[StaticRoute]:
    prefixes = st.sampled_from([*CIDRS, "0.0.0.0/0", "10.0.1.4/32", "2001:db8::/32"]).map(ip_network)
    return st.builds(StaticRoute, prefix=prefixes, next_hop=st.none() | st.sampled_from(ADDRESSES).map(ip_address))


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    kind = draw(st.sampled_from([*Kind, Kind.PORT, Kind.PORT, Kind.PORT, Kind.CONNECTION]))
    some = st.sampled_from(NAMES)
    common: dict[str, Any] = {
        "name": name_of(kind, draw(st.sampled_from("aaab")), draw(some)),
        "description": draw(st.sampled_from(["", "text"])),
    }
    if kind is Kind.TENANT:
        return Tenant(**common)
    if kind is Kind.NETWORK:
        return Network(**common, mtu=draw(st.sampled_from([0, 0, 1000, 1500])))
    if kind is Kind.SUBNET:
        cidr = ip_network(draw(st.sampled_from(CIDRS)))
        gateway = cidr.network_address + draw(st.sampled_from([1, 1, 2]))
        if draw(st.sampled_from([False, False, True])):
            gateway = None
        return Subnet(**common, network=draw(some), cidr=cidr, gateway=gateway)
    if kind is Kind.ROUTER:
        routes = draw(st.just(()) | st.lists(static_routes(), max_size=2).map(tuple))
        return Router(**common, subnets=tuple(draw(st.lists(some, max_size=2))), routes=routes)
    if kind is Kind.PORT:
        places = st.builds(Binding, switch=st.sampled_from("st"), interface=st.sampled_from("ijk"))
        chosen = draw(st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(ADDRESSES), max_size=2)))
        return Port(
            **common,
            network=draw(st.sampled_from("xxxy")),
            mac=draw(st.sampled_from(MACS)),
            addresses=tuple(ip_address(a) for a in chosen),
            binding=draw(st.none() | places),
            migration_target=draw(st.none() | st.none() | places),
            allowed_address_pairs=draw(st.just(()) | st.lists(address_pairs(), max_size=2).map(tuple)),
        )
    return Connection(**common, a=draw(some), b=draw(some), bandwidth=draw(st.sampled_from([0, 1, 2, 10])))


@st.composite
def commands(draw: st.DrawFn) -> Command:
    resource = draw(resources())
    verb = draw(st.sampled_from(["create", "create", "put", "put", "update", "delete"]))
    if verb == "create":
        return Create(resource)
    if verb == "put":
        return Put(resource)
    if verb == "delete":
        return Delete(resource.name)
    names = sorted(USER_FIELDS[type(resource)])
    return Update(resource, draw(st.none() | st.frozensets(st.sampled_from(names))))


def check_world(objects: dict[str, Resource]) -> None:
    """All that must hold between resources, said once more in the plainest way."""
    unique: set[tuple[object, ...]] = set()

    def once(*key: object) -> None:
        assert key not in unique
        unique.add(key)

    def need(name: str, owner: Resource, kind: type[Resource]) -> Any:
        assert name.split("/")[1] == owner.name.split("/")[1]
        assert isinstance(objects[name], kind)
        return objects[name]

    for item in objects.values():
        assert "/".join(item.name.split("/")[:2]) in objects
        if isinstance(item, Network):
            inside = [s for s in objects.values() if isinstance(s, Subnet) and s.network == item.name]
            assert not any(s is not t and s.cidr.overlaps(t.cidr) for s in inside for t in inside)
            assert item.mtu >= 1280 or all(s.cidr.version == 4 for s in inside)
        elif isinstance(item, Subnet):
            need(item.network, item, Network)
            if item.gateway is not None:
                once("ip", item.network, item.gateway)
        elif isinstance(item, Router):
            held = [need(name, item, Subnet) for name in item.subnets]
            assert all(s.gateway is not None for s in held)
            assert not any(s is not t and s.cidr.overlaps(t.cidr) for s in held for t in held)
            for name in item.subnets:
                once("routed", name)
            for route in item.routes:
                once("route", item.name, route.prefix)
                assert route.prefix not in [s.cidr for s in held]
                if route.next_hop is not None:
                    (home,) = (s for s in held if route.next_hop in s.cidr)
                    assert route.next_hop not in (home.gateway, home.cidr.network_address)
                    assert route.next_hop.version == route.prefix.version
        elif isinstance(item, Port):
            need(item.network, item, Network)
            once("mac", item.network, item.mac)
            assert item.mac == item.mac.lower()
            assert not item.mac.startswith("06:00:00")
            for address in item.addresses:
                once("ip", item.network, address)
                places = [s for s in objects.values() if isinstance(s, Subnet) and s.network == item.network]
                assert sum(address in s.cidr for s in places) == 1
                assert all(address != s.cidr.network_address for s in places)
                assert all(s.cidr.version == 6 or address != s.cidr.broadcast_address for s in places)
            if item.binding is not None:
                once("binding", item.binding)
            if item.migration_target is not None:
                assert item.binding is not None
                once("binding", item.migration_target)
            inside = [s for s in objects.values() if isinstance(s, Subnet) and s.network == item.network]
            active: set[object] = set()
            for pair in item.allowed_address_pairs:
                once("pair", item.name, pair.prefix, pair.mac)
                assert pair.mac == pair.mac.lower()
                if pair.prefix.num_addresses == 1:
                    assert pair.prefix.network_address not in [s.gateway for s in inside]
                    if pair.active:
                        active |= {pair.prefix} | ({pair.mac} - {"", item.mac})
                else:
                    assert not pair.active
            for what in active:
                once("active", item.network, what)
        elif isinstance(item, Connection):
            need(item.a, item, Port)
            need(item.b, item, Port)
            assert item.a != item.b
            once("pair", frozenset((item.a, item.b)))


def wanted_numbers(objects: dict[str, Resource], kind: Kind) -> set[str]:
    found = [r for r in objects.values() if kind_of(r) is kind]
    ports = [r for r in found if isinstance(r, Port)]
    names = {r.name for r in found if not isinstance(r, Port)}
    return names | {
        f"{r.name}|{mac}" for r in ports for mac in (r.mac, *(p.mac or r.mac for p in r.allowed_address_pairs))
    }


class StoreMachine(RuleBasedStateMachine):
    """durable: what a disk would hold after the puts and deletes; model: the resources that results told of."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.durable: dict[str, dict[str, str]] = {}
        self.model: dict[str, Resource] = {}
        self.now = 0.0
        self.sent: list[tuple[Transaction, tuple[Resource, ...]]] = []
        self.ids = (f"id{number}" for number in itertools.count())
        base: list[Resource] = [Tenant(name=f"tenants/{t}") for t in TENANTS]
        base += [Network(name=f"tenants/{t}/networks/{n}") for t in TENANTS for n in "xy"]
        for name, cidr in (("x", ip_network(CIDRS[0])), ("y", ip_network(CIDRS[4]))):
            gateway = cidr.network_address + 1
            base.append(Subnet(name=f"tenants/a/subnets/{name}", network="x", cidr=cidr, gateway=gateway))
        base += [Port(name=f"tenants/a/ports/{n}", network="x", mac="") for n in "xy"]
        self.write(tuple(Create(resource) for resource in base), "")

    @rule(command=commands())
    def one_command(self, command: Command) -> None:
        self.write((command,), "")

    @rule(data=st.data(), also=commands())
    def delete_with_all_users(self, data: st.DataObject, also: Command) -> None:
        """Deletes an object and all that hangs on it, and does something else in the same transaction."""
        if not self.model:
            return
        name = data.draw(st.sampled_from(sorted(self.model)))
        gone, waiting = {name}, [name]
        while waiting:
            more = set(self.store.users(waiting.pop())) - gone
            gone |= more
            waiting += more
        with_more = tuple(Delete(n) for n in data.draw(st.permutations(sorted(gone))))
        self.write((*with_more, also), "")
        if name in self.model:
            self.write(with_more, "")
            assert not gone & self.model.keys()

    @rule(batch=st.lists(commands(), min_size=1, max_size=3), identified=st.booleans())
    def transaction(self, batch: list[Command], identified: bool) -> None:
        self.write(tuple(batch), next(self.ids) if identified else "")

    @rule(batches=st.lists(st.lists(commands(), min_size=1, max_size=3), max_size=4), identified=st.booleans())
    def trial(self, batches: list[list[Command]], identified: bool) -> None:
        """What is prepared one behind the other in a trial leaves nothing behind, and can be committed afterwards."""
        before = self.store.records()
        resting = {name: set(pool.resting) for name, pool in self.store.numbers._pools.items()}
        prepared = []
        with self.store.trial() as commit:
            for batch in batches:
                tx = Transaction(tuple(batch), next(self.ids) if identified else "")
                with suppress(SdnError):
                    found = self.store.prepare(tx, self.now + len(prepared) + 1)
                    commit(found)
                    prepared.append((tx, found))
            inside = self.store.records()
        assert self.store.records() == before
        assert {name: pool.resting for name, pool in self.store.numbers._pools.items()} == resting
        for tx, found in prepared:
            assert self.store.prepare(tx, self.now + 1) == replace(found, numbers=ANY)
            self.write(tx.commands, tx.request_id)
        assert self.store.revision == int(inside["store"].get("revision", "0"))

    def write(self, batch: tuple[Command, ...], request_id: str) -> None:
        self.now += 1
        tx = Transaction(batch, request_id)
        before = self.store.records()
        revision = self.store.revision
        try:
            prepared = self.store.prepare(tx, self.now)
        except SdnError as refusal:
            violations = refusal.violations
            assert violations
            assert all(v.reason and v.remedy for v in violations)
            assert self.store.records() == before
            return
        assert self.store.records() == before
        dry = self.store.prepare(replace(tx, dry_run=True), self.now)
        assert (dry.changes, dry.resources) == (prepared.changes, prepared.resources)
        self.store.commit(prepared)
        assert self.store.revision == prepared.revision == revision + bool(prepared.changes)
        for bucket, key in prepared.deletes:
            del self.durable[bucket][key]
        for bucket, key, value in prepared.puts:
            self.durable.setdefault(bucket, {})[key] = value
        self.follow(batch, prepared.resources, prepared.changed)
        if request_id:
            self.sent.append((tx, prepared.resources))

    def follow(self, batch: tuple[Command, ...], told: tuple[Resource, ...], changed: tuple[str, ...]) -> None:
        assert len(told) == len(batch)
        for command, resource in zip(batch, told, strict=True):
            old = self.model.get(resource.name)
            if isinstance(command, Delete):
                assert self.model.pop(command.name) == resource
                continue
            if isinstance(command, Create):
                assert old is None
                assert resource.created == self.now
            elif isinstance(command, Update):
                assert old is not None
                names = command.fields if command.fields is not None else USER_FIELDS[type(resource)]
                for field in USER_FIELDS[type(resource)] - names:
                    assert getattr(resource, field) == getattr(old, field)
            assert resource.description == command.resource.description or isinstance(command, Update)
            assert (resource != old) == (resource.name in changed)
            assert resource.revision == (self.store.revision if resource.name in changed else old and old.revision)
            self.model[resource.name] = resource

    @rule()
    def restart(self) -> None:
        self.store = Store.load(self.durable)

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if self.sent:
            tx, told = data.draw(st.sampled_from(self.sent))
            again = self.store.prepare(tx, self.now)
            assert again.replayed
            assert again.resources == told

    @invariant()
    def the_store_is_the_model(self) -> None:
        assert dict(self.store.objects) == self.model

    @invariant()
    def what_must_hold_holds(self) -> None:
        check_world(self.model)

    @invariant()
    def numbers_follow_objects(self) -> None:
        for pool, kind in (("network", Kind.NETWORK), ("router", Kind.ROUTER), ("service", Kind.PORT)):
            held = dict(self.store.numbers.items(pool))
            assert set(held) == wanted_numbers(self.model, kind)
            assert len(set(held.values())) == len(held)

    @invariant()
    def durable_records_are_the_state(self) -> None:
        whole = {bucket: records for bucket, records in self.store.records().items() if records}
        assert {bucket: records for bucket, records in self.durable.items() if records} == whole

    @invariant()
    def a_reload_has_the_same_look_ups(self) -> None:
        mine, loaded = self.store._index, Store.load(self.durable)._index
        assert loaded.objects == mine.objects
        assert loaded.claims == mine.claims
        assert loaded.users == mine.users
        assert loaded.subnets == mine.subnets
        assert loaded.paired == mine.paired
        assert loaded._members == mine._members
        assert all(mine.names(*key) == loaded.names(*key) for key in loaded._members)
        assert loaded.pools.keys() == mine.pools.keys()
        for name, pool in mine.pools.items():
            taken = {index: bits for index, bits in pool.chunks.items() if bits}
            assert taken == loaded.pools[name].chunks
            assert pool.full == loaded.pools[name].full


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
