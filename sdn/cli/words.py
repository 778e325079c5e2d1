"""Kinds, names, bandwidths and durations as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click
from click.shell_completion import CompletionItem

from sdn.client import KINDS, KindInfo, kind_of_name, parse_bandwidth

_BY_WORD = {word: info for info in KINDS.values() for word in (info.singular, info.collection)}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|)")
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class KindType(click.ParamType[KindInfo]):
    """A kind of object: singular or plural, upper or lower case."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> KindInfo:
        """The kind of a word; a usage error when there is none."""
        if isinstance(value, KindInfo):
            return value
        info = _BY_WORD.get(str(value).lower())
        if info is None:
            known = ", ".join(info.collection for info in KINDS.values())
            self.fail(f"{str(value)[:60]!r} is not a kind. Give one of {known}.", param, ctx)
        return info

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The plurals."""
        words = (info.collection for info in KINDS.values())
        return [CompletionItem(word) for word in words if word.startswith(incomplete.lower())]


class BandwidthType(click.ParamType[int]):
    """Bits per second: 100M, 1.5G or a plain number."""

    name = "bandwidth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """bits/s."""
        try:
            return parse_bandwidth(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DurationType(click.ParamType[float]):
    """A time: 500ms, 30s, 2m, 1h or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"{str(value)[:60]!r} is not a time. Write it as 30s, 2m or 500ms.", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


class TimeType(click.ParamType[int]):
    """A time: 2026-03-01T18:00Z; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Unix time in seconds."""
        if isinstance(value, int):
            return value
        try:
            found = datetime.fromisoformat(str(value))
            return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            self.fail(f"{str(value)[:60]!r} is not a time. Write it as 2026-03-01T18:00Z.", param, ctx)


def tenant_name(tenant: str) -> str:
    """The full name of a tenant given by id or full name; '' stays ''."""
    return f"tenants/{tenant}" if tenant and not tenant.startswith("tenants/") else tenant


def full_name(info: KindInfo, name: str, tenant: str = "") -> str:
    """The full name of an object given in full, or by its id and tenant; a usage error when neither fits."""
    if "/" in name:
        try:
            actual = kind_of_name(name)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if actual is not info:
            raise click.UsageError(f"{name} names a {actual.singular}, not a {info.singular}.")
        return name
    if not info.in_tenant:
        return f"tenants/{name}"
    if not tenant:
        form = f"tenants/T/{info.collection}/{name}"
        raise click.UsageError(f"{name!r} is in which tenant? Give -t TENANT, or the full name {form}.")
    return f"{tenant_name(tenant)}/{info.collection}/{name}"


def id_of(name: str) -> str:
    """The last part of a name."""
    return name.rsplit("/", 1)[-1]


def tenant_of(name: str) -> str:
    """The id of the tenant in a full name, '' if it is none."""
    parts = name.split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "tenants" else ""
