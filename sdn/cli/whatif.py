"""what-if: what failures would do to connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.columns import hops
from sdn.cli.progress import working
from sdn.cli.render import count, enum_word, plain, table
from sdn.cli.session import EXIT_FAILED, Session, common_names, pass_session
from sdn.client import format_bandwidth

_GOOD = ("CHANGES_OVER", "MOVES", "BACKUP_LOST")
_WORDS = {
    "CHANGES_OVER": "changes over to its backup",
    "MOVES": "gets another path",
    "UNGUARANTEED": "has no path with its bandwidth",
    "CUT_OFF": "is cut off",
    "BACKUP_LOST": "loses its backup path",
    "UNCERTAIN": "search given up",
}
_KINDS = {"FAILED_LINK": "link", "FAILED_SWITCH": "switch", "FAILED_RISK_GROUP": "risk group", "FAILED_TOGETHER": ""}


@click.command("what-if")
@click.option("--link", "links", multiple=True, metavar="A:1[-B:2]", help="This link fails. May be repeated.")
@click.option("--switch", "switches", multiple=True, metavar="NAME", shell_complete=complete.switches)
@click.option("--risk-group", "groups", multiple=True, metavar="NAME", help="All links of this shared-risk group.")
@click.option("--all", "every", is_flag=True, help="Every single link, switch and shared-risk group, one by one.")
@click.option("--together", is_flag=True, help="All that is named fails at once.")
@common_names
@pass_session
def what_if(
    session: Session,
    links: tuple[str, ...],
    switches: tuple[str, ...],
    groups: tuple[str, ...],
    every: bool,
    together: bool,
) -> None:
    """Tell what would become of connections if something failed; nothing is changed.

    \b
    sdnctl what-if --link leaf1:up1
    sdnctl what-if --link leaf1:up1-spine1:d1 --switch spine2 --together
    sdnctl what-if --risk-group duct-7
    sdnctl what-if --all -o json | jq '.[] | select(.affected[].fate == "CUT_OFF") | .name'

    For each failure: which connections change over to their backup path, which would get another path, and which would
    not, with the bandwidth for which there would be one; and links on which more would be sent than fits, when
    connections without a path go the shortest way. Computed by what decides when it happens, on what is reserved now.
    The exit code is 1 if a connection would lose its guarantee. With -o name: those connections.
    """
    named = bool(links or switches or groups)
    if named == every:
        raise click.UsageError("name what fails with --link, --switch or --risk-group, or give --all alone.")
    with session.client() as client, working("trying failures"):
        found = list(client.what_if(links=links, switches=switches, risk_groups=groups, together=together))
    lost = sorted({item.name for one in found for item in one.affected if fate_of(item) not in _GOOD})
    session.show(lambda: [plain(one) for one in found], lambda: _text(found), lambda: lost)
    if lost:
        raise click.exceptions.Exit(EXIT_FAILED)


def fate_of(item: Any) -> str:
    """CHANGES_OVER, MOVES, …"""
    return enum_word(item.DESCRIPTOR.fields_by_name["fate"].enum_type, item.fate)


def _text(found: Sequence[Any]) -> str:
    parts = [_one(one) for one in found if one.affected or one.overloads]
    harmless = len(found) - len(parts)
    if harmless:
        parts.append(f"{count(harmless, 'failure')} would concern no connection.")
    fates = Counter(fate_of(item) for one in found for item in one.affected)
    lost = sum(number for fate, number in fates.items() if fate not in _GOOD)
    if len(found) > 1:
        worst = sum(any(fate_of(i) not in _GOOD for i in one.affected) for one in found)
        parts.append(f"{count(len(found), 'failure')}; with {worst} of them a connection would lose its guarantee.")
    elif not lost and found and found[0].affected:
        parts.append("Every connection would keep its guarantee.")
    return "\n\n".join(parts)


def _one(one: Any) -> str:
    kind = _KINDS.get(enum_word(one.DESCRIPTOR.fields_by_name["kind"].enum_type, one.kind), "")
    parts = [f"If {kind}{' ' if kind else ''}{one.name} fails:"]
    if one.affected:
        header = ("CONNECTION", "WHAT BECOMES OF IT", "PROTECTED", "POSSIBLE", "PATH OR REASON")
        parts.append(table(header, [_row(item) for item in one.affected]))
    for over in one.overloads:
        ends = f"{over.sender_switch}:{over.sender_interface} > {over.receiver_switch}:{over.receiver_interface}"
        parts.append(
            f"Overloaded: {ends}: {format_bandwidth(over.reserved_bps)} reserved and "
            f"{format_bandwidth(over.unguaranteed_bps)} unguaranteed of {format_bandwidth(over.capacity_bps)}"
        )
    return "\n".join(parts)


def _row(item: Any) -> tuple[object, ...]:
    fate = fate_of(item)
    protected = "no longer" if item.unprotected else "yes" if item.backup_path else ""
    possible = format_bandwidth(item.bandwidth_bps) if item.bandwidth_bps else "0" if fate == "UNGUARANTEED" else ""
    return item.name, _WORDS.get(fate, fate), protected, possible, hops(item.path) or item.message
