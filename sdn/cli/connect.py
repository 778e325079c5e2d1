"""connect, why-not and path: connections, and questions about paths."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.apply import judge, wait_option
from sdn.cli.classify import classifier_of, classifier_options
from sdn.cli.columns import bandwidth as bandwidth_of
from sdn.cli.columns import hop_table, hops, leg_table, state
from sdn.cli.ends import connection_between
from sdn.cli.objects import tenant_option
from sdn.cli.progress import telling, wait_and_tell, working
from sdn.cli.render import plain, plain_object, table
from sdn.cli.session import EXIT_FAILED, Session, common, common_names, pass_session
from sdn.cli.words import BandwidthType, DurationType, TimeType, full_name, id_of, tenant_of
from sdn.client import KINDS, format_bandwidth
from sdn.client import messages as m

_SCOPES = click.Choice(["link", "switch", "risk-group"])
_DAYS = click.Choice([day.lower() for day in m.Weekday.keys()[1:]])
_RANK = click.IntRange(0, 7)
_Options = dict[str, Any]


def constraint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a path must satisfy; the values arrive as keyword arguments, for ``constraints_of``."""
    for option in reversed(
        (
            click.option("--latency", type=DurationType(), metavar="TIME", help="Never more: 5ms, 0.8ms."),
            click.option("--target-latency", type=DurationType(), metavar="TIME", help="Not more, if possible."),
            click.option("--hops", type=click.IntRange(1, 65535), help="At most so many links."),
            click.option("--cost", type=click.IntRange(1, 2**40), help="At most this sum of link costs."),
            click.option(
                "--avoid", multiple=True, metavar="SWITCH|SWITCH:INTERFACE|risk:GROUP", help="May be repeated."
            ),
            click.option(
                "--use",
                multiple=True,
                metavar="SWITCH|SWITCH:INTERFACE|risk:GROUP",
                help="The path uses it, wherever; may be repeated.",
            ),
            click.option(
                "--along", multiple=True, metavar="SWITCH[:INTERFACE]", help="The whole path; once for every switch."
            ),
            click.option("--via", multiple=True, metavar="SWITCH", help="To pass; in order, if repeated."),
            click.option(
                "--strategy",
                type=click.Choice(["cost", "latency", "free"]),
                help="What is best: least cost (usual), least latency, or least load.",
            ),
        )
    ):
        command = option(command)
    return command


def constraints_of(options: _Options) -> m.Constraints:
    """The message for what ``constraint_options`` gave."""
    result = m.Constraints(via=options["via"], explicit_path=options["along"])
    for field, option in (("max_latency_us", "latency"), ("target_latency_us", "target_latency")):
        if options[option] is not None:
            setattr(result, field, max(1, round(options[option] * 1e6)))
    result.max_hops, result.max_cost = options["hops"] or 0, options["cost"] or 0
    if options["strategy"]:
        result.strategy = m.PathStrategy.Value(options["strategy"].upper())
    for option, field in (("avoid", "exclude"), ("use", "include")):
        for text in options[option]:
            kind = "risk_groups" if text.startswith("risk:") else "links" if ":" in text else "switches"
            getattr(result, f"{field}_{kind}").append(text.removeprefix("risk:"))
    return result


def _scope(word: str) -> m.Scope.ValueType:
    return m.Scope.Value(word.upper().replace("-", "_"))


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A whole connection; the values arrive as keyword arguments, for ``connection_of``."""
    for option in reversed(
        (
            click.argument("a", shell_complete=complete.ports),
            click.argument("b", shell_complete=complete.ports),
            click.option("--bandwidth", type=BandwidthType(), required=True, help="From A to B: 100M, 1.5G."),
            click.option("--reverse", type=BandwidthType(), default=0, help="From B to A; as much if not given."),
            click.option("--ceiling", type=BandwidthType(), default=0, help="Never more from A to B: 200M."),
            click.option("--reverse-ceiling", type=BandwidthType(), default=0, help="Never more from B to A."),
            click.option("--shared-ceiling", is_flag=True, help="To several: never more to all of them together."),
            click.option("--protect", type=_SCOPES, help="Reserve a second path that shares none of these, or refuse."),
            click.option("--protect-if-possible", type=_SCOPES, help="The same, or go without."),
            click.option("--apart-from", multiple=True, metavar="CONNECTION", help="Share nothing with its paths."),
            click.option("--apart-by", type=_SCOPES, default="link", show_default=True, help="What is not shared."),
            click.option(
                "--if-no-path",
                type=click.Choice(["fail", "wait", "best-effort"]),
                help="Refuse it (usual), or take it and wait for a path, PENDING or DEGRADED meanwhile.",
            ),
            click.option("--start", type=TimeType(), default=0, help="From when: 2026-03-01T18:00Z, in UTC."),
            click.option("--end", type=TimeType(), default=0, help="Until when."),
            click.option("--for", "duration", type=DurationType(), default="0", help="Again every day, for so long."),
            click.option("--day", "days", type=_DAYS, multiple=True, help="Again on this day alone; may be repeated."),
            click.option("--level", type=_RANK, default=0, help="0 to 7: higher ones get other paths first."),
            click.option("--priority", type=_RANK, default=0, help="0 to 7: displaces those that hold with less."),
            click.option("--hold", type=_RANK, default=0, help="Holding priority; as --priority if not given."),
            click.option("--along-with", multiple=True, metavar="CONNECTION", help="Share its links, where possible."),
            click.option("--pinned", is_flag=True, help="Take no other path than the first one."),
            click.option("--name", default="", help="Id or full name of the connection; A-B if not given."),
            classifier_options,
            constraint_options,
            tenant_option,
        )
    ):
        command = option(command)
    return command


def _calendar(options: _Options) -> m.Calendar:
    calendar = m.Calendar(duration_s=round(options["duration"]))
    calendar.days.extend(m.Weekday.Value(day.upper()) for day in options["days"])
    for field in ("start", "end"):
        if options[field]:
            getattr(calendar, field).seconds = options[field]
    return calendar


def connection_of(options: _Options) -> m.Connection:
    """The message for what ``connection_options`` gave."""
    tenant = options["tenant"] or tenant_of(options["a"]) or tenant_of(options["b"])
    result = connection_between(options["a"], options["b"], options["name"], tenant)
    result.bandwidth_bps = options["bandwidth"]
    result.reverse_bandwidth_bps = options["reverse"]
    result.ceiling_bps, result.reverse_ceiling_bps = options["ceiling"], options["reverse_ceiling"]
    result.shared_ceiling = options["shared_ceiling"]
    result.calendar.CopyFrom(_calendar(options))
    result.service_level, result.priority = options["level"], options["priority"]
    result.hold_priority = options["hold"]
    if options["if_no_path"]:
        result.no_path = m.NoPath.Value(options["if_no_path"].upper().replace("-", "_"))
    result.constraints.CopyFrom(constraints_of(options))
    result.constraints.affine_to.extend(options["along_with"])
    result.constraints.pinned = options["pinned"]
    result.constraints.diverse_from.extend(options["apart_from"])
    result.constraints.diversity = _scope(options["apart_by"])
    classifier = classifier_of(options)
    if classifier is not None:
        result.classifier.CopyFrom(classifier)
    scope = options["protect"] or options["protect_if_possible"]
    if scope:
        result.protection.mode = m.ProtectionMode.REQUIRED if options["protect"] else m.ProtectionMode.PREFERRED
        result.protection.scope = _scope(scope)
    return result


@click.command()
@connection_options
@wait_option
@common_names
@pass_session
def connect(session: Session, /, wait: float, **options: Any) -> None:
    """Connect the ports A and B by a path of its own with bandwidth reserved along it.

    A and B may be interfaces of switches instead, for a bare circuit of whole Ethernet frames: SWITCH:INTERFACE all of
    them, SWITCH:INTERFACE@VLAN those with this tag, SWITCH:INTERFACE@untagged those without any.

    One of them may be several ports, B,C,D, or network:NAME for all ports of a network: then the other one is connected
    with each of them, and all of these legs share the bandwidth. Of a circuit it may be several interfaces: what comes
    in at the other one is copied to all of them, and each of these legs has the bandwidth of its own in that direction.

    \b
    sdnctl connect h1 h2 -t red --bandwidth 100M --wait
    sdnctl connect h1 h2 -t red --bandwidth 200M --latency 5ms --protect link
    sdnctl connect tenants/red/ports/h1 tenants/red/ports/h2 --bandwidth 1.5G --name gold --avoid spine1
    sdnctl connect h1 h2 -t red --bandwidth 10M --use spine2 --use risk:duct-7
    sdnctl connect h3 h4 -t red --bandwidth 10M --apart-from gold --apart-by switch
    sdnctl connect h5 h6 -t red --bandwidth 10M --ceiling 50M --reverse-ceiling 50M
    sdnctl connect h1 h2 -t red --bandwidth 5M --name voice --protocol udp --dscp 46
    sdnctl connect h1 h2,h3,h4 -t red --bandwidth 100M --name from-h1
    sdnctl connect network:web db -t red --bandwidth 1G
    sdnctl connect leaf1:eth7 leaf3:eth2 -t red --bandwidth 1G
    sdnctl connect leaf1:eth8@100 leaf3:eth2@200 -t red --bandwidth 1G --name line
    sdnctl connect leaf1:eth7 leaf2:eth1,leaf3:eth2 -t red --bandwidth 1G --name tree
    sdnctl connect h7 h8 -t red --bandwidth 10M --level 5 --priority 3 --if-no-path wait
    sdnctl connect h1 h9 -t red --bandwidth 1G --start 2026-03-01T22:00Z --end 2026-04-01T06:00Z --for 4h --day friday
    sdnctl delete connection gold -t red      gives it back

    What does not fit is refused with each reason and what would do, and the exit code is 1.
    """
    connection = connection_of(options)
    with session.client() as client:
        watched = telling(wait)
        message = client.connections.create(connection, wait=0 if watched else wait)
        message = wait_and_tell(client, [message], wait)[0] if watched else message
    session.show(lambda: plain_object(message), lambda: _connected(message), lambda: [message.name])
    judge([message], wait)


def _connected(message: Any) -> str:
    parts = [f"{message.name}: {bandwidth_of(message)}bit/s, {state(message)}"]
    if message.status.path:
        parts.append(hop_table(message.status.path))
    if message.status.backup_path:
        parts.append(f"Backup path:\n{hop_table(message.status.backup_path)}")
    if message.status.legs:
        parts.append(leg_table(message.status.legs))
    return "\n".join(parts)


@click.command("why-not")
@connection_options
@common
@pass_session
def why_not(session: Session, /, **options: Any) -> None:
    """Tell whether a connection would be admitted, with its path, or what stands in the way and what would do.

    \b
    sdnctl why-not h1 h2 -t red --bandwidth 20G
    sdnctl why-not h1 h2 -t red --bandwidth 1G --latency 1ms --protect switch

    Nothing is reserved. The exit code is 1 if it would be refused.
    """
    connection = connection_of(options)
    if not options["name"] and ":" not in connection.a + connection.b:
        connection.name = ""  # sdnd finds one; of a circuit it could not tell the tenant
    with session.client() as client, working("looking for a path"):
        answer = client.check_connection(connection)
    session.show(lambda: plain(answer), lambda: _answer(answer))
    if not answer.admitted:
        sys.exit(EXIT_FAILED)


def _answer(answer: m.CheckConnectionResponse) -> str:
    if not answer.admitted:
        rows = [(o.field or "-", o.word or "-", o.reason, o.remedy) for o in answer.obstacles]
        return "It would be refused:\n" + table(("FIELD", "WORD", "REASON", "REMEDY"), rows)
    if answer.legs:
        legs = [(id_of(leg.name), hops(leg.path.hops), hops(leg.backup_path.hops)) for leg in answer.legs]
        parts = ["It would be admitted:\n" + table(("LEG", "PATH", "BACKUP PATH"), legs)]
    elif answer.HasField("path"):
        parts = [f"It would be admitted:\n{_paths([answer.path])}"]
    else:
        return "It would be admitted when both ends are attached."
    if answer.displaced:
        parts.append("It would displace:\n" + "\n".join(answer.displaced))
    if answer.HasField("backup_path"):
        parts.append(f"Backup path:\n{_paths([answer.backup_path])}")
    return "\n\n".join(parts)


@click.command()
@click.argument("source", shell_complete=complete.places)
@click.argument("destination", shell_complete=complete.places)
@click.option("--bandwidth", type=BandwidthType(), default=0, help="Free from SOURCE to DESTINATION: 100M.")
@click.option("--reverse", type=BandwidthType(), default=0, help="And back; as much if not given.")
@click.option("-k", "--count", type=click.IntRange(1, 16), default=4, show_default=True, help="At most so many.")
@click.option(
    "--disjoint",
    type=_SCOPES,
    is_flag=False,
    flag_value="link",
    metavar="[link|switch|risk-group]",
    help="No two share one (link, if no word is given).",
)
@constraint_options
@tenant_option
@common_names
@pass_session
def path(session: Session, /, **options: Any) -> None:
    """List the best paths between two switches, or two bound ports.

    \b
    sdnctl path leaf1 leaf4
    sdnctl path h1 h2 -t red -k 4 --disjoint
    sdnctl path leaf1 leaf4 --bandwidth 1G --latency 2ms --avoid spine1 -o json

    Nothing is reserved. The exit code is 1 if there is none. With -o name: the switches of a path, one path a line.
    """
    query = m.PathQuery(
        source=_place(options["source"], options["tenant"]),
        destination=_place(options["destination"], options["tenant"]),
        bandwidth_bps=options["bandwidth"],
        reverse_bandwidth_bps=options["reverse"],
        constraints=constraints_of(options),
        count=options["count"],
    )
    if options["disjoint"]:
        query.disjoint = _scope(options["disjoint"])
    with session.client() as client, working("looking for paths"):
        found = client.find_paths(query)
    session.show(
        lambda: [plain(one) for one in found],
        lambda: _paths(found),
        lambda: [",".join(hop.switch for hop in one.hops) for one in found],
    )


def _place(name: str, tenant: str) -> str:
    return full_name(KINDS["Port"], name, tenant) if tenant and "/" not in name else name


def _paths(found: Sequence[m.FoundPath]) -> str:
    rows = [
        (
            hops(one.hops),
            len(one.hops) - 1,
            one.cost,
            f"{one.latency_us / 1000:g} ms",
            f"{format_bandwidth(one.free_bps)}/{format_bandwidth(one.reverse_free_bps)}",
        )
        for one in found
    ]
    return table(("PATH", "HOPS", "COST", "LATENCY", "FREE"), rows)
