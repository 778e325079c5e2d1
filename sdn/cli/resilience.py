"""topology resilience: what the switches survive by themselves."""

from __future__ import annotations

from typing import Any

import click

from sdn.cli.render import plain, table
from sdn.cli.session import Session, common, fail, pass_session

_NAMED = 3


@click.command()
@click.option("--all", "every", is_flag=True, help="Show every link and switch, not only those with a gap.")
@common
@pass_session
def resilience(session: Session, every: bool) -> None:
    """Show which failures the switches repair by themselves, without the controller.

    \b
    sdnctl topology resilience && echo "every failure that can be repaired is"
    sdnctl topology resilience --all
    sdnctl topology resilience -o json | jq '.links[] | select(.bridge) | [.a, .b]'

    A pair is a link or switch that fails, and a destination switch towards which somebody's shortest path leads over
    it. REPAIRABLE: the network has another way; where it has none the link is a bridge, or the switch a cut switch.
    REPAIRED: the switches take it, by their programs. READY: they have confirmed all entries that are needed for it.

    Exit code 0: all that is repairable is ready. 1: something is not, or sdnd was started with --repair off.
    """
    with session.client() as client:
        found = client.resilience()
    session.show(lambda: plain(found), lambda: _text(found, every))
    if not found.enabled:
        fail(["repair is off: see sdnd --repair"])
    if any(total.ready < total.repairable for total in (found.links_total, found.switches_total)):
        raise click.exceptions.Exit(1)


def _text(found: Any, every: bool) -> str:
    rows = [_row("link", f"{_end(item.a)} - {_end(item.b)}", item.bridge, "bridge", item) for item in found.links]
    rows += [_row("switch", item.switch, item.cut_switch, "cut switch", item) for item in found.switches]
    shown = [row for row in rows if every or row[2] != row[5] or row[6]]
    parts = [table(_HEADER, shown)] if shown else []
    totals = (("links", found.links_total), ("switches", found.switches_total))
    parts.append("\n".join(f"{_total(total)} of {what}" for what, total in totals))
    if found.following:
        parts.append("Links have just changed; the repair entries follow.")
    return "\n\n".join(parts)


_HEADER = ("KIND", "FAILURE", "PAIRS", "REPAIRABLE", "REPAIRED", "READY", "REMARK")


def _row(kind: str, name: str, separates: bool, word: str, item: Any) -> tuple[object, ...]:
    coverage = item.coverage
    remarks = [word] if separates else []
    remarks += [f"{pair.destination}: {pair.reason}" for pair in item.unrepaired[:_NAMED]]
    more = coverage.repairable - coverage.repaired - _NAMED
    remarks += [f"and {more} more"] if more > 0 else []
    numbers = (coverage.pairs, coverage.repairable, coverage.repaired, coverage.ready)
    return (kind, name, *numbers, "; ".join(remarks))


def _total(total: Any) -> str:
    repaired, ready = (_share(part, total.repairable) for part in (total.repaired, total.ready))
    pairs = f"{total.ready} of {total.repairable} pairs ({total.pairs - total.repairable} have no other way)"
    return f"{repaired} of what can be repaired is, {ready} confirmed: {pairs}"


def _share(part: int, whole: int) -> str:
    """100 % only if it is all."""
    return f"{int(part * 1000 / whole) / 10:g} %" if whole else "100 %"


def _end(end: Any) -> str:
    return f"{end.switch}:{end.interface}"
