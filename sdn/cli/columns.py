"""The table of each kind, as ``sdnctl get`` prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sdn.cli.ends import end_text
from sdn.cli.render import state_word, table
from sdn.cli.words import id_of, tenant_of
from sdn.client import AnyObject, KindInfo, format_bandwidth

Column = tuple[str, Callable[[Any], object]]
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def state(message: Any) -> str:
    """PROGRAMMED, or PENDING (SwitchAway)."""
    word = state_word(message.status)
    return f"{word} ({message.status.reason})" if message.status.reason else word


def binding(port: Any) -> str:
    """leaf1:h1-eth0, or leaf1:h1-eth0 > leaf2:h1-eth0 while it moves; empty if not bound."""
    places = (getattr(port, field) for field in ("binding", "migration_target") if port.HasField(field))
    return " > ".join(place.iface_id or f"{place.switch}:{place.interface}" for place in places)


def hops(path: Iterable[Any]) -> str:
    """leaf1 > spine1 > leaf2."""
    return " > ".join(hop.switch for hop in path)


def bandwidth(connection: Any) -> str:
    """100M, or 100M/20M from a to b and back."""
    there, back = connection.bandwidth_bps, connection.reverse_bandwidth_bps
    return format_bandwidth(there) + (f"/{format_bandwidth(back)}" if back not in (0, there) else "")


def protection(connection: Any) -> str:
    """required link; empty without protection."""
    wish = connection.protection
    field = wish.DESCRIPTOR.fields_by_name
    mode = field["mode"].enum_type.values_by_number[wish.mode].name
    scope = field["scope"].enum_type.values_by_number[wish.scope].name
    return f"{mode} {scope}".lower() if mode in ("PREFERRED", "REQUIRED") else ""


def hop_table(path: Iterable[Any]) -> str:
    """A path hop by hop."""
    rows = [(number, hop.switch, hop.ingress, hop.egress) for number, hop in enumerate(path, 1)]
    return table(("HOP", "SWITCH", "IN", "OUT"), rows)


def short(value: float, unit: str = "") -> str:
    """Three digits and a prefix: 1.25G, 999k, 0.5; with a unit ``1.25 Gbit/s``."""
    scale, prefix = next(((scale, prefix) for scale, prefix in _UNITS if value >= scale * 0.9995), (1, ""))
    number = f"{value / scale:.3g}"
    return f"{number} {prefix}{unit}" if unit else f"{number}{prefix}"


_TENANT: Column = ("TENANT", lambda m: tenant_of(m.name))
_NAME: Column = ("NAME", lambda m: id_of(m.name))
_STATE: Column = ("STATE", state)
_COLUMNS: dict[str, Sequence[Column]] = {
    "Tenant": (_NAME, _STATE, ("DESCRIPTION", lambda m: m.metadata.description)),
    "Network": (_TENANT, _NAME, ("MTU", lambda m: m.mtu), _STATE),
    "Subnet": (
        _TENANT,
        _NAME,
        ("NETWORK", lambda m: id_of(m.network)),
        ("CIDR", lambda m: m.cidr),
        ("GATEWAY", lambda m: m.gateway),
        _STATE,
    ),
    "Router": (
        _TENANT,
        _NAME,
        ("SUBNETS", lambda m: ",".join(map(id_of, m.subnets))),
        ("ROUTES", lambda m: len(m.routes)),
        _STATE,
    ),
    "Port": (
        _TENANT,
        _NAME,
        ("NETWORK", lambda m: id_of(m.network)),
        ("MAC", lambda m: m.mac),
        ("ADDRESSES", lambda m: ",".join(m.addresses)),
        ("BINDING", binding),
        _STATE,
    ),
    "Connection": (
        _TENANT,
        _NAME,
        ("A", lambda m: end_text(m, "a")),
        ("B", lambda m: end_text(m, "b")),
        ("BANDWIDTH", bandwidth),
        ("PROTECTION", protection),
        _STATE,
        ("PATH", lambda m: f"{len(m.status.legs)} legs" if m.status.legs else hops(m.status.path)),
    ),
}


def leg_table(legs: Any) -> str:
    """The legs of a connection, one a line."""
    rows = [(id_of(leg.port), state_word(leg), leg.reason or "-", hops(leg.path) or "-", leg.name) for leg in legs]
    return table(("PORT", "STATE", "REASON", "PATH", "AS A CONNECTION"), rows)


def object_table(info: KindInfo, messages: Sequence[AnyObject]) -> str:
    """Objects of one kind, one a line."""
    if not messages:
        return f"no {info.collection}"
    columns = _COLUMNS[info.kind]
    return table([title for title, _ in columns], [[read(message) for _, read in columns] for message in messages])
