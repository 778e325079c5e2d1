"""topology and flows: what is, as opposed to what is wished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from sdn.cli import again, complete
from sdn.cli.again import watch_options
from sdn.cli.render import Plain, plain, table
from sdn.cli.resilience import resilience
from sdn.cli.session import Session, common_names, pass_session
from sdn.cli.wiring import check
from sdn.client import KINDS, Client, format_bandwidth


@click.group()
def topology() -> None:
    """Switches, links and the paths between them."""


topology.add_command(check)
topology.add_command(resilience)


@topology.command()
@watch_options
@common_names
@pass_session
def show(session: Session, watching: bool, every: float) -> None:
    """Show switches, links, and where the wiring differs from what was declared.

    \b
    sdnctl topology show
    sdnctl topology show -o json | jq '.links[] | select(.up | not)'
    sdnctl topology show --watch                  again, whenever anything is another
    """
    with session.client() as client:
        again.show(session, watching, every, client.topology, plain, _topology, _switch_names)


def _switch_names(found: Any) -> list[str]:
    return [switch.name for switch in found.switches]


def _topology(found: Any) -> str:
    parts = [_switches(found.switches), _links(found.links)]
    if found.faults:
        parts.append("Wiring faults:\n" + table(("KIND", "MESSAGE"), [(f.kind, f.message) for f in found.faults]))
    return "\n\n".join(parts)


def _switches(switches: Sequence[Any]) -> str:
    if not switches:
        return "no switches"
    header = ("SWITCH", "DPID", "STATE", "PORTS", "FLOWS", "GROUPS", "PENDING", "ALIEN", "PEER")
    rows = []
    for s in switches:
        state = _word(s.connected, "connected", "away") + _word(s.drained, ",drained", "")
        rows.append((s.name, s.dpid, state, len(s.ports), s.flows, s.groups, s.pending, s.alien_flows, s.peer))
    return table(header, rows)


def _links(links: Sequence[Any]) -> str:
    if not links:
        return "no links"
    header = ("A", "B", "STATE", "COST", "CAPACITY", "LATENCY", "RESERVED A>B", "RESERVED B>A", "DECLARED")
    rows = [
        (
            f"{link.a.switch}:{link.a.interface}",
            f"{link.b.switch}:{link.b.interface}",
            _state(link),
            link.cost,
            format_bandwidth(link.capacity_bps) if link.capacity_bps else "",
            _latency(link.latency_us) or _measured(link),
            format_bandwidth(link.reserved_ab_bps),
            format_bandwidth(link.reserved_ba_bps),
            _word(link.declared, "yes", "no"),
        )
        for link in links
    ]
    return table(header, rows)


def _word(value: bool, yes: str, no: str) -> str:
    return yes if value else no


def _state(link: Any) -> str:
    """down, or what keeps a link that is seen from being an ordinary one."""
    words = [word for word in ("away", "damped", "drained", "unused") if getattr(link, word)]
    return ",".join(words) or "up" if link.up else "down"


def _measured(link: Any) -> str:
    """What nobody declared, with what it may be wrong by."""
    if not link.HasField("measured"):
        return ""
    return f"~{_latency(link.measured.latency_us) or '0us'} ±{_latency(link.measured.error_us) or '0us'}"


def _latency(microseconds: int) -> str:
    if not microseconds:
        return ""
    return f"{microseconds / 1000:g}ms" if microseconds >= 1000 else f"{microseconds}us"


@click.command()
@click.argument("switch", shell_complete=complete.switches)
@click.option("--owner", default="", metavar="TEXT", help="Only entries whose owner contains this.")
@click.option("--table", "table_name", default="", metavar="NAME", help="Only entries of this table.")
@click.option("-l", "--selector", default="", metavar="LABELS", help="Only entries of objects with these labels.")
@watch_options
@common_names
@pass_session
def flows(
    session: Session, switch: str, owner: str, table_name: str, selector: str, watching: bool, every: float
) -> None:
    """Show the program of a SWITCH, every entry with the object that asked for it.

    \b
    sdnctl flows leaf1
    sdnctl flows leaf1 --owner tenants/red/ports/h1
    sdnctl flows 0000000000000001 --table classify
    sdnctl flows leaf1 -l env=prod -o name     whose entries are there?

    Flows, groups and meters in the notation of ovs-ofctl(8); the state tells whether the switch has confirmed. With
    -o name: who owns entries, each once.
    """
    with session.client() as client:

        def look() -> list[Any]:
            owners = _selected(client, selector) if selector else None
            return [
                entry
                for entry in client.flows(switch)
                if any(owner in name and (owners is None or name in owners) for name in _owners_of(entry))
                and (not table_name or entry.table == table_name)
            ]

        again.show(session, watching, every, look, _plain_all, _flows, _owners)


def _selected(client: Client, selector: str) -> set[str]:
    """Names of the objects of all kinds with these labels."""
    return {message.name for kind in KINDS for message in client.of_kind(kind).list(selector=selector)}


def _plain_all(found: Sequence[Any]) -> list[Plain]:
    return [plain(message) for message in found]


def _owners(entries: Sequence[Any]) -> list[str]:
    return sorted({name for entry in entries for name in _owners_of(entry) if name})


def _owners_of(entry: Any) -> Sequence[str]:
    return entry.sharers or [entry.owner]


def _flows(entries: Sequence[Any]) -> str:
    if not entries:
        return "no entries"
    header = ("TABLE", "PRIORITY", "STATE", "OWNER", "FEATURE", "MATCH", "ACTIONS")
    rows = [(e.table or e.kind, e.priority, e.state, e.owner, e.feature, e.match, e.actions) for e in entries]
    return table(header, rows)
