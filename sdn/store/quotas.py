"""How many objects of a kind a tenant may have.

Only growth is refused: a quota may be set below what there is, and changes that add nothing always pass. The final
state of a transaction counts, so one may delete and create in the same request.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

from sdn.model.errors import Exhausted, Limit
from sdn.model.ids import COLLECTIONS, Kind
from sdn.model.intent import Quota, Tenant, kind_of
from sdn.store.draft import Draft
from sdn.store.index import Index
from sdn.store.names import Problems, tenant_of

KINDS = {COLLECTIONS[item.name]: item.name for item in fields(Quota)}
"""The kinds that are counted → their field of a quota."""


def limits_of(tenant: Tenant | None, defaults: Quota) -> Quota:
    """What applies to a tenant: its own numbers, and the defaults where it has none."""
    own = {} if tenant is None else {name: n for name in KINDS.values() if (n := getattr(tenant.quota, name))}
    return replace(defaults, **own) if own else defaults


def usage_of(index: Index, tenant: str) -> Quota:
    """How many objects a tenant (its id) has. O(1)."""
    return Quota(**{name: len(index.members(kind, tenant)) for kind, name in KINDS.items()})


def check_quotas(draft: Draft, defaults: Quota, problems: Problems) -> None:
    """Notes Exhausted at the first object by which a tenant would grow beyond its quota. O(touched)."""
    grown: Counter[tuple[str, Kind]] = Counter()
    for target in draft.targets.values():
        resource = target.new or target.old
        if resource is not None and (target.new is None) is not (target.old is None):
            grown[tenant_of(target.name), kind_of(resource)] += 1 if target.old is None else -1
    for (tenant, kind), growth in grown.items():
        if growth > 0 and kind in KINDS:
            _check(draft, tenant, kind, growth, defaults, problems)


def _check(draft: Draft, tenant: str, kind: Kind, growth: int, defaults: Quota, problems: Problems) -> None:
    owner, name = draft.get(f"tenants/{tenant}"), KINDS[kind]
    most = getattr(limits_of(owner if isinstance(owner, Tenant) else None, defaults), name)
    used = len(draft.index.members(kind, tenant))
    if used + growth <= most:
        return
    created = [
        target.name
        for target in draft.targets.values()
        if target.old is None and target.new and kind_of(target.new) is kind and tenant_of(target.name) == tenant
    ]
    fits = max(most - used, 0) + len(created) - growth
    with problems.at(created[fits]):
        raise Exhausted.of(
            "name",
            f"tenants/{tenant} would have {used + growth} {name}, and its quota is {most}",
            f"Delete {name} of the tenant, or let an operator raise its quota.{name}.",
            Limit(f"tenants/{tenant}", name, most, used + growth),
        )
