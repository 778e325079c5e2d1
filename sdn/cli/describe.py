"""One object in full, with what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sdn.cli.classify import classifier_text
from sdn.cli.columns import bandwidth, binding, hop_table, hops, leg_table, object_table, protection, short
from sdn.cli.render import clean, enum_word, state_word, table
from sdn.client import KINDS, AnyObject, ApiError, Client, format_bandwidth, kind_of

Line = tuple[str, str]


def description(message: AnyObject, members: str = "") -> str:
    """The text of ``sdnctl describe``. members: of ``members_of``."""
    lines = [*_fields(message), *_metadata(message), *_status(message)]
    width = max(len(key) for key, _ in lines) + 2
    text = "\n".join(f"{key + ':':<{width}}{clean(value)}".rstrip() for key, value in lines)
    text += _conditions(message.status) + _shared(message.status)
    path = f"\n\nPath from a to b:\n{hop_table(message.status.path)}" if message.status.path else ""
    if message.status.history:
        members = f"History:\n{_history(message.status.history)}" + (f"\n\n{members}" if members else "")
    if message.status.backup_path:
        path += f"\n\nBackup path:\n{hop_table(message.status.backup_path)}"
    if message.status.legs:
        path += f"\n\nLegs:\n{leg_table(message.status.legs)}"
    return text + path + (f"\n\n{members}" if members else "")


def _fields(message: Any) -> Iterator[Line]:
    yield "Name", message.name
    yield "Kind", kind_of(message).kind
    for field in message.DESCRIPTOR.fields:
        if field.name in ("name", "metadata", "status", "quota", "limits", "migration_target"):
            continue
        value = getattr(message, field.name)
        if field.name in ("sources", "targets", "leg_of", "left_out", "shared_ceiling") and not value:
            continue
        if field.name == "usage":
            yield (
                "Usage",
                ", ".join(
                    f"{getattr(value, kind.name)} of {getattr(message.limits, kind.name)} {kind.name}"
                    for kind in value.DESCRIPTOR.fields
                ),
            )
        elif field.name == "binding":
            yield "Binding", binding(message) or "none"
        elif field.name == "bandwidth_bps":
            back = message.reverse_bandwidth_bps or value
            both = f"{format_bandwidth(value)}bit/s in each direction"
            yield "Bandwidth", both if back == value else f"{bandwidth(message)}bit/s there and back"
        elif field.name in ("reverse_bandwidth_bps", "reverse_ceiling_bps", "constraints"):
            yield from _constraints(value) if field.name == "constraints" else ()
        elif field.name in ("no_path", "service_level", "priority", "hold_priority"):
            word = enum_word(field.enum_type, value).lower().replace("_", " ") if field.enum_type else str(value)
            yield from [(_title(field.name), word)] if value else ()
        elif field.name == "calendar":
            yield from _calendar(value)
        elif field.name == "ceiling_bps":
            yield from _ceilings(message)
        elif field.name == "classifier":
            yield "Takes", classifier_text(message) or "all packets"
        elif field.name == "protection":
            yield "Protection", protection(message) or "none"
        elif field.name == "allowed_address_pairs":
            yield "Allowed pairs", ", ".join(map(pair_text, value)) or "none"
        elif field.name == "routes":
            yield "Routes", ", ".join(f"{r.prefix} via {r.next_hop}" for r in value) or "none"
        elif field.is_repeated:
            yield _title(field.name), ", ".join(value) or "none"
        else:
            yield _title(field.name), str(value)


def _calendar(calendar: Any) -> Iterator[Line]:
    edges = (("from", "start"), ("until", "end"))
    parts = [f"{word} {getattr(calendar, edge).ToJsonString()}" for word, edge in edges if calendar.HasField(edge)]
    if calendar.duration_s:
        enum = calendar.DESCRIPTOR.fields_by_name["days"].enum_type
        days = ", ".join(enum_word(enum, day).lower() for day in calendar.days)
        parts.append(f"for {calendar.duration_s} s {f'on {days}' if days else 'every day'}")
    yield from [("Calendar", " ".join(parts))] if parts else ()


def _ceilings(message: Any) -> Iterator[Line]:
    rates = (message.ceiling_bps, "from a to b"), (message.reverse_ceiling_bps, "from b to a")
    told = [f"{format_bandwidth(rate)}bit/s {way}" for rate, way in rates if rate]
    yield "Ceiling", ", ".join(told) or "none"


def _history(transitions: Any) -> str:
    """The newest first."""
    enum = transitions[0].DESCRIPTOR.fields_by_name["state"].enum_type
    words = [("" if not t.previous else enum_word(enum, t.previous), enum_word(enum, t.state)) for t in transitions]
    rows = [(t.time.ToJsonString(), *both, t.reason, t.path) for t, both in zip(transitions, words, strict=True)]
    return table(("TIME", "FROM", "TO", "REASON", "PATH"), rows[::-1])


def _constraints(constraints: Any) -> Iterator[Line]:
    for field, value in constraints.ListFields():
        if field.is_repeated:
            yield _title(field.name), ", ".join(value)
        elif field.enum_type is None:
            yield _title(field.name), str(value)
        elif field.name != "diversity" or constraints.diverse_from:
            yield _title(field.name), field.enum_type.values_by_number[value].name.lower()


def pair_text(pair: Any) -> str:
    """10.0.0.100 with 00:00:5e:00:01:07 (active)."""
    return f"{pair.address}{f' with {pair.mac}' if pair.mac else ''}{' (active)' if pair.active else ''}"


def _title(field: str) -> str:
    return field.upper() if field in ("mtu", "mac", "cidr") else field.replace("_", " ").capitalize()


def _metadata(message: Any) -> Iterator[Line]:
    metadata = message.metadata
    if metadata.description:
        yield "Description", metadata.description
    if metadata.labels:
        yield "Labels", ", ".join(f"{key}={value}" for key, value in sorted(metadata.labels.items()))
    if metadata.HasField("create_time"):
        yield "Created", metadata.create_time.ToJsonString()
    yield "Etag", metadata.etag


def _status(message: Any) -> Iterator[Line]:
    status = message.status
    yield "State", state_word(status)
    if status.places:
        yield "Places", ", ".join(status.places)
    if status.reason or status.message:
        yield "Reason", ": ".join(part for part in (status.reason, status.message) if part)
    if status.switches_away:
        yield "Switches away", ", ".join(status.switches_away)
    if status.switches_pending:
        yield "Switches pending", ", ".join(status.switches_pending)
    yield from _paths(status)
    if status.HasField("probes"):
        yield "Probes", probes_text(status.probes)


def _paths(status: Any) -> Iterator[Line]:
    """Of a connection: what its traffic takes, and what is verified, where that is not the path that it has."""
    path = list(status.path)
    if path and list(status.realised_path) != path:
        yield "Traffic takes", hops(status.realised_path) or "the shortest way, without a reservation"
    if status.verified_path and list(status.verified_path) != path:
        yield "Verified path", hops(status.verified_path)


def probes_text(probes: Any) -> str:
    """1.2 ms one way (estimated, +-0.3 ms), jitter 0.1 ms, 2.5 % of the last lost, verified 2026-01-01T00:00:00Z."""
    parts = [f"{100 * probes.loss:.1f} % of the last lost"]
    if probes.latency_us:
        error = f"+-{probes.latency_error_us / 1000:.2f} ms"
        jitter = f", jitter {probes.jitter_us / 1000:.2f} ms" if probes.jitter_us else ""
        parts.insert(0, f"{probes.latency_us / 1000:.2f} ms one way (estimated, {error}){jitter}")
    if probes.HasField("verified_time"):
        parts.append(f"verified {probes.verified_time.ToJsonString()}")
    return ", ".join(parts)


def _conditions(status: Any) -> str:
    """As a table; empty when the daemon told none."""
    rows = []
    for condition in status.conditions:
        word = enum_word(condition.DESCRIPTOR.fields_by_name["status"].enum_type, condition.status)
        since = condition.last_transition_time.ToJsonString()
        rows.append((condition.type, word.removeprefix("CONDITION_"), since, condition.reason, condition.message))
    header = ("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE")
    return f"\n\nConditions:\n{table(header, rows)}" if rows else ""


def _shared(status: Any) -> str:
    """Who has the addresses of the allowed pairs, as a table; empty for what has none."""
    rows = [
        (item.address, item.port or "nobody", item.reason, item.since.ToJsonString() if item.port else "")
        for item in status.shared_addresses
    ]
    return f"\n\nShared addresses:\n{table(('ADDRESS', 'HELD BY', 'BECAUSE', 'SINCE'), rows)}" if rows else ""


def traffic_of(client: Client, name: str) -> str:
    """What was counted of a connection, in both directions; empty if the daemon does not count."""
    try:
        counted = client.counters.get(name).counted
    except ApiError as error:
        if error.code.name != "FAILED_PRECONDITION":
            raise
        return ""
    if not counted.HasField("time"):
        return "Traffic: not counted yet."
    total, rate = counted.total, counted.rate
    rows = [
        ("a to b", total.rx_packets, total.rx_bytes, short(rate.rx_bps, "bit/s")),
        ("b to a", total.tx_packets, total.tx_bytes, short(rate.tx_bps, "bit/s")),
    ]
    return f"Traffic:\n{table(('', 'PACKETS', 'BYTES', 'NOW'), rows)}"


def members_of(client: Client, message: Any) -> str:
    """What is in a tenant or a network, and what a connection has sent, as tables; empty for other kinds."""
    kind = kind_of(message).kind
    if kind == "Connection":
        return traffic_of(client, message.name)
    if kind == "Tenant":
        kinds, parent, wanted = [k for k in KINDS if k != "Tenant"], message.name, ""
    elif kind == "Network":
        kinds, parent, wanted = ["Subnet", "Port"], message.name.split("/networks/")[0], message.name
    else:
        return ""
    parts = []
    for member in kinds:
        found = [m for m in client.of_kind(member).list(parent) if not wanted or m.network == wanted]
        if found:
            info = KINDS[member]
            parts.append(f"{info.collection.capitalize()}:\n{object_table(info, found)}")
    return "\n\n".join(parts)
