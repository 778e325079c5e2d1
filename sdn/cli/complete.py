"""Completion of names: the daemon is asked, briefly; when it does not answer there is nothing to complete.

A shell waits at each press of the key, so nothing here may take longer than ``_SECONDS``, and nothing may print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from sdn.cli import access
from sdn.cli.session import Session
from sdn.cli.words import id_of, tenant_name
from sdn.client import DEFAULT_ADDRESS, KINDS, ApiError, Client, KindInfo

_SECONDS = 1.0
_MOST = 200
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def tenants(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of tenants."""
    return _ask(ctx, incomplete, lambda client: (id_of(tenant.name) for tenant in client.tenants.list()))


def switches(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of switches."""
    return _ask(ctx, incomplete, lambda client: (switch.name for switch in client.topology().switches))


def ports(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ports: ids with -t, else full names."""
    return _ask(ctx, incomplete, lambda client: _names(client, KINDS["Port"], ctx))


def places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Switches, or with -t the ports of the tenant."""
    return (ports if ctx.params.get("tenant") else switches)(ctx, param, incomplete)


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Objects of the kind that was given before: ids with -t, else full names."""
    kind = ctx.params.get("kind")
    return _ask(ctx, incomplete, lambda client: _names(client, kind, ctx)) if isinstance(kind, KindInfo) else []


def _names(client: Client, kind: KindInfo, ctx: click.Context) -> Iterable[str]:
    tenant = tenant_name(str(ctx.params.get("tenant") or "")) if kind.in_tenant else ""
    found = client.of_kind(kind.kind).list(tenant)
    return (id_of(m.name) if tenant or not kind.in_tenant else m.name for m in found)


def _ask(ctx: click.Context, incomplete: str, ask: Callable[[Client], Iterable[str]]) -> list[CompletionItem]:
    try:
        with _session(ctx).open(_SECONDS) as client:
            found = sorted(name for name in ask(client) if name.startswith(incomplete))
    except (ApiError, ValueError, click.exceptions.Exit):
        return []
    return [CompletionItem(name) for name in found[:_MOST]]


def _session(ctx: click.Context) -> Session:
    """Where the daemon is and as whom to ask it: what was given until now, the environment, a context."""
    given = {name: str(value or "") for name, value in ctx.find_root().params.items()}
    address = given.pop("address", "") or DEFAULT_ADDRESS
    session = access.settings(ctx.find_root(), address, given.pop("context", ""), given)
    session.address = str(ctx.params.get("address") or session.address)
    return session
