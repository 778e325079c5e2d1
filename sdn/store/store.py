"""The store: prepare decides, commit applies, load rebuilds. See the package for the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

from sdn.model import codec
from sdn.model.command import Transaction
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Kind
from sdn.model.intent import DEFAULT_QUOTA, Address, Connection, Port, Quota, Resource, Subnet, Tenant
from sdn.store import defaults, relations
from sdn.store.draft import Draft, Target
from sdn.store.index import Change, Index, subnet_of
from sdn.store.legs import expand
from sdn.store.names import (
    Problems,
    address_claim,
    iface_claim,
    mac_claim,
    pair_claim,
    routed_claim,
    tenant_of,
)
from sdn.store.numbers import NUMBERS, Deletes, Numbers, NumbersDraft, Puts, StoreMoved, damaged, load_int
from sdn.store.overlaps import check_overlaps
from sdn.store.quotas import check_quotas, limits_of, usage_of
from sdn.store.requests import REQUESTS, FirstResult, Remembered, Requests, digest
from sdn.store.resolve import name_of, resolve
from sdn.store.rules import normal

OBJECTS = "objects"
"""Bucket: key the full name, value the resource (sdn.model.codec)."""
STORE = "store"
"""Bucket: key ``revision``, value the store's revision."""
MAX_COMMANDS = 100_000

__all__ = ["Change", "Prepared", "Store"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that will succeed.

    changes: what really changes, in command order. resources: as stored, in command order (deleted ones as they were).
    changed: names of changes. revision: of the store afterwards. puts, deletes: records to make durable.
    replayed: the request was carried out before; resources, changed and revision are those of its first result then,
    and there is nothing to do. dry_run: must not be committed.
    """

    changes: tuple[Change, ...]
    resources: tuple[Resource, ...]
    changed: tuple[str, ...]
    revision: int
    puts: Puts
    deletes: Deletes
    replayed: bool
    dry_run: bool
    version: int
    numbers: NumbersDraft | None
    request: Remembered | None


class Store:
    """Desired state in memory. Nothing here blocks, and only ``commit`` and ``numbers`` change anything.

    quota: of tenants that have none of their own.
    """

    def __init__(self, quota: Quota = DEFAULT_QUOTA) -> None:
        self._quota = quota
        self._index = Index()
        self._requests = Requests()
        self._version = 0
        self.numbers = Numbers()
        self.revision = 0

    @property
    def objects(self) -> Mapping[str, Resource]:
        """All resources by full name; a live view."""
        return MappingProxyType(self._index.objects)

    def select(self, kind: Kind, tenant: str = "") -> Collection[Resource]:
        """Resources of a kind, of the tenant with this id or ('') of all; a live view in no particular order."""
        return self._index.members(kind, tenant)

    def names(self, kind: Kind, tenant: str = "") -> Sequence[str]:
        """The sorted full names of these; sorted anew only after one was added or removed."""
        return self._index.names(kind, tenant)

    def quota(self, name: str) -> tuple[Quota, Quota]:
        """What a tenant (its full name) has, and how much it may have. O(1)."""
        tenant = self._index.objects.get(name)
        limits = limits_of(tenant if isinstance(tenant, Tenant) else None, self._quota)
        return usage_of(self._index, tenant_of(name)), limits

    def users(self, name: str) -> Collection[str]:
        """Names of the resources that use this one: a tenant's own, a subnet's routers and ports with addresses in it.

        A live view, in no particular order.
        """
        return self._index.users.get(name, {}).keys()

    def legs(self, name: str) -> tuple[str, ...]:
        """The legs of a connection of many ends, sorted. O(its users)."""
        users = ((user, self._index.objects[user]) for user in self.users(name))
        return tuple(sorted(user for user, one in users if isinstance(one, Connection) and one.leg_of == name))

    def subnets_of(self, network: str) -> Collection[Subnet]:
        """The subnets of a network; a live view."""
        return self._index.subnets_of(network)

    def subnet_of(self, network: str, address: Address) -> Subnet | None:
        """The subnet of a network in which an address lies."""
        return subnet_of(self.subnets_of(network), address)

    def router_of(self, subnet: str) -> str | None:
        """The name of the router that holds a subnet."""
        return self._index.claims.get(routed_claim(subnet))

    def port_by_mac(self, network: str, mac: str) -> str | None:
        """The name of the port with a MAC (lower case, colons) in a network."""
        return self._index.claims.get(mac_claim(network, mac))

    def holder_of_address(self, network: str, address: Address) -> str | None:
        """The name of the port with an address, or of the subnet whose gateway it is."""
        return self._index.claims.get(address_claim(network, int(address)))

    def users_of_address(self, network: str, address: Address) -> Collection[str]:
        """Names of the ports that may use an address beside their own; a live view."""
        return self._index.paired.get((network, int(address)), {}).keys()

    def port_by_iface_id(self, iface_id: str) -> str | None:
        """The name of the port bound by an iface-id, or moving to where it is."""
        return self._index.claims.get(iface_claim(iface_id))

    def connection_between(self, a: str, b: str) -> str | None:
        """The name of the connection of two ports, in either order."""
        return self._index.claims.get(pair_claim(a, b))

    def prepare(self, tx: Transaction, now: float) -> Prepared:
        """Check a transaction as a whole and work out its result; nothing changes.

        now: Unix time in seconds, for new resources. Raises SdnError; with several commands the fields of violations
        begin with ``commands[i].``. Costs follow the transaction (and, for a deletion, the users of what is deleted).
        """
        if not 1 <= len(tx.commands) <= MAX_COMMANDS:
            raise InvalidInput.of(
                "commands", f"{len(tx.commands)} commands", f"Give 1 to {MAX_COMMANDS} commands in a transaction."
            )
        if tx.request_id and not tx.dry_run:
            first = self._requests.first_result(tx)
            if first is not None:
                return self._replay(first)
        order = {name_of(command): index for index, command in enumerate(tx.commands)}
        many = len(tx.commands) > 1
        cause: dict[str, str] = {}
        problems = Problems(lambda name: f"commands[{order[cause.get(name, name)]}]." if many else "")
        targets = self._resolve(tx, problems, many)
        expand(targets, self._index, problems, cause)
        problems.settle()
        draft = Draft(self._index, targets)
        numbers = self._complete(draft, problems, unlimited=tx.unlimited)
        return self._prepared(tx, draft, numbers, now)

    def _replay(self, first: FirstResult) -> Prepared:
        return Prepared(
            (), first.resources, first.changed, first.revision, (), (), True, False, self._version, None, None
        )

    def _resolve(self, tx: Transaction, problems: Problems, many: bool) -> dict[str, Target]:
        targets: dict[str, Target] = {}
        for index, command in enumerate(tx.commands):
            name = name_of(command)
            if name in targets:
                raise InvalidInput.of(
                    f"commands[{index}].name", f"{name} is named twice", "Say what becomes of an object only once."
                )
            with problems.at(name):
                targets[name] = resolve(command, self._index.objects)
        problems.settle()
        return targets

    def _complete(self, draft: Draft, problems: Problems, *, unlimited: bool) -> NumbersDraft:
        """Check the final state phase by phase and fill in what was left open."""
        relations.check_references(draft, problems)
        problems.settle()
        if not unlimited:
            check_quotas(draft, self._quota, problems)
            problems.settle()
        relations.check_subnets(draft, problems)
        defaults.keep_addresses(draft)
        relations.check_addresses(draft, problems)
        problems.settle()
        relations.check_claims(draft, problems)
        check_overlaps(draft, problems)
        problems.settle()
        defaults.fill_addresses(draft, problems)
        numbers = self.numbers.draft()
        defaults.assign_numbers(draft, numbers, problems)
        problems.settle()
        return numbers

    def _prepared(self, tx: Transaction, draft: Draft, numbers: NumbersDraft, now: float) -> Prepared:
        changed = tuple(target.name for target in draft.targets.values() if target.old != target.new)
        revision = self.revision + bool(changed)
        for name in changed:
            target = draft.targets[name]
            if target.new is not None:
                created = now if target.old is None else target.old.created
                target.new = replace(target.new, revision=revision, created=created)
        changes = draft.changes()
        resources = tuple(r for t in draft.targets.values() if not t.derived and (r := t.new or t.old) is not None)
        puts, deletes = numbers.records()
        puts += tuple((OBJECTS, new.name, codec.to_json(new)) for _, new in changes if new is not None)
        deletes += tuple((OBJECTS, old.name) for old, new in changes if old is not None and new is None)
        if changed:
            puts += ((STORE, "revision", str(revision)),)
        request: Remembered | None = None
        if tx.request_id and not tx.dry_run:
            request = self._requests.remember(tx.request_id, FirstResult(digest(tx), revision, resources, changed))
            puts += ((REQUESTS, request.id, request.text),)
            deletes += tuple((REQUESTS, old) for old in request.forgotten)
        if tx.dry_run:
            revision, puts, deletes = self.revision, (), ()
        return Prepared(
            changes, resources, changed, revision, puts, deletes, False, tx.dry_run, self._version, numbers, request
        )

    def commit(self, prepared: Prepared) -> None:
        """Apply what was prepared; raises StoreMoved, with nothing changed, if anything was written since."""
        if prepared.dry_run:
            raise ValueError("a dry run cannot be committed")
        if prepared.replayed:
            return
        if prepared.version != self._version:
            raise StoreMoved("another transaction was committed since prepare")
        assert prepared.numbers is not None
        self.numbers.apply(prepared.numbers)
        self._index.apply(prepared.changes)
        if prepared.request is not None:
            self._requests.add(prepared.request)
        self.revision = prepared.revision
        self._version += 1

    @contextmanager
    def trial(self) -> Iterator[Callable[[Prepared], None]]:
        """A ``commit`` whose effects end with the block: to prepare transactions behind each other.

        Afterwards the store is as before, and what was prepared can be committed in the same order.
        """
        done: list[Prepared] = []
        requests = self._requests

        def commit(prepared: Prepared) -> None:
            if not done:
                self._requests = requests.copy()
            self.commit(prepared)
            done.append(prepared)

        try:
            yield commit
        finally:
            self._requests = requests
            for prepared in reversed(done):
                self._undo(prepared)

    def _undo(self, prepared: Prepared) -> None:
        """Take back the newest commit, but for its request id."""
        if prepared.replayed:
            return
        assert prepared.numbers is not None
        self._index.apply(tuple(Change(new, old) for old, new in prepared.changes))
        self.numbers.undo(prepared.numbers)
        self.revision = prepared.revision - bool(prepared.changed)
        self._version = prepared.version

    def records(self) -> dict[str, dict[str, str]]:
        """All records by bucket and key, as ``load`` takes them: a snapshot."""
        return {
            OBJECTS: {name: codec.to_json(resource) for name, resource in self._index.objects.items()},
            STORE: {"revision": str(self.revision)} if self.revision else {},
            REQUESTS: self._requests.records(),
            **self.numbers.records(),
        }

    @classmethod
    def load(cls, records: Mapping[str, Mapping[str, str]], quota: Quota = DEFAULT_QUOTA) -> Store:
        """Rebuild a store from records by bucket and key; buckets of others are left alone.

        Everything is checked as if it were written now. Raises SdnError naming bucket and key of a damaged record.
        """
        store = cls(quota)
        store.numbers = Numbers.load(records)
        store._requests = Requests.load(records.get(REQUESTS, {}))
        store.revision = _load_revision(records.get(STORE, {}))
        targets = {name: _load_object(name, text, store.revision) for name, text in records.get(OBJECTS, {}).items()}
        draft = Draft(store._index, targets)
        problems = Problems(lambda name: f"{name}\n")
        try:
            for check in (relations.check_references, relations.check_subnets, relations.check_addresses):
                check(draft, problems)
                problems.settle()
            relations.check_claims(draft, problems)
            check_overlaps(draft, problems)
            problems.settle()
        except SdnError as error:
            first = error.violations[0]
            name, _, field = first.field.partition("\n")
            raise damaged(OBJECTS, name, f"{field}: {first.reason}") from None
        _check_numbers(targets, store.numbers)
        store._index.apply(draft.changes())
        return store


def _load_revision(records: Mapping[str, str]) -> int:
    if "revision" not in records:
        return 0
    return load_int(STORE, "revision", records["revision"], 0, 2**63 - 1)


def _load_object(name: str, text: str, revision: int) -> Target:
    try:
        target = resolve_stored(codec.from_json(text))
    except SdnError as error:
        raise damaged(OBJECTS, name, str(error.violations[0])) from None
    new = target.new
    assert new is not None
    if new.name != name:
        raise damaged(OBJECTS, name, f"it holds {new.name}")
    if not 1 <= new.revision <= revision:
        raise damaged(OBJECTS, name, f"its revision {new.revision} is not within 1 to the store's, {revision}")
    return target


def resolve_stored(resource: Resource) -> Target:
    """A stored resource as a target; raises InvalidInput unless it is complete and in normal form."""
    from_user = normal(resource)
    if from_user != resource or (isinstance(resource, Port) and not resource.mac):
        raise InvalidInput.of("", "it is not complete and in normal form", "Restore it.")
    return Target(resource.name, None, resource)


def _check_numbers(targets: Mapping[str, Target], numbers: Numbers) -> None:
    """Every resource that needs a number has one, and no other holds one."""
    wanted: dict[str, set[str]] = {pool: set() for pool in defaults.OWNED_POOLS.values()}
    for target in targets.values():
        assert target.new is not None
        for pool, key in defaults.number_keys(target.new):
            wanted[pool].add(key)
    for pool, keys in wanted.items():
        held = {key for key, _ in numbers.items(pool)}
        if keys != held:
            first = min(keys ^ held)
            reason = "it is missing" if first in keys else "its owner does not exist"
            raise damaged(NUMBERS, f"{pool}/{first}", reason)
