"""top: who sends how much."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import click

from sdn.cli.again import CLEAR
from sdn.cli.columns import short
from sdn.cli.objects import tenant_option
from sdn.cli.render import as_json_line, as_yaml, clean, plain, table
from sdn.cli.session import Session, common_names, pass_session
from sdn.cli.words import DurationType, tenant_name
from sdn.client import CounterRound

_WORDS = ("ports", "networks", "connections", "links")

_WEIGHTS: dict[tuple[str, str], Callable[[Any], float]] = {
    ("links", "rate"): lambda link: max(link.load_ab, link.load_ba),
    ("links", "total"): lambda link: link.at_a.total.tx_bytes + link.at_b.total.tx_bytes,
    ("objects", "rate"): lambda item: item.counted.rate.rx_bps + item.counted.rate.tx_bps,
    ("objects", "total"): lambda item: item.counted.total.rx_bytes + item.counted.total.tx_bytes,
}
_LINKS = ("A", "B", "CAPACITY", "A>B", "LOAD", "B>A", "LOAD", "A>B BYTES", "B>A BYTES", "LOST")
_CONNECTIONS = ("A>B", "B>A", "A>B PACKETS/S", "B>A PACKETS/S", "A>B BYTES", "B>A BYTES")
_OBJECTS = ("RX", "TX", "RX PACKETS/S", "TX PACKETS/S", "RX BYTES", "TX BYTES", "DROPPED", "ERRORS")


@click.command()
@click.argument("kind", type=click.Choice(_WORDS), default="ports", metavar="[ports|networks|connections|links]")
@tenant_option
@click.option("-l", "--selector", default="", metavar="LABELS", help="Only with such labels: env=prod,tier!=web.")
@click.option("--switch", default="", metavar="NAME", help="Only links of this switch.")
@click.option("--sort", type=click.Choice(["rate", "total", "name"]), default="rate", show_default=True)
@click.option("-n", "--limit", type=click.IntRange(0), default=20, show_default=True, help="How many; 0 for all.")
@click.option("-w", "--watch", is_flag=True, help="Go on with each new reading, until interrupted.")
@click.option("--every", type=DurationType(), default="0", help="With --watch: how often, from 1s on.")
@common_names
@pass_session
def top(
    session: Session,
    kind: str,
    tenant: str,
    selector: str,
    switch: str,
    sort: str,
    limit: int,
    watch: bool,
    every: float,
) -> None:
    """Show what switches count, who sends most first.

    \b
    sdnctl top                        ports of all tenants
    sdnctl top networks -t red --watch
    sdnctl top links -n 5             the fullest links
    sdnctl top connections -t red     what goes from A to B, and back
    sdnctl top ports -n 0 -o json | jq '.[] | select(.counted.rate.rx_bps > 1e6) | .name'

    RX came from the port into the network, TX went out to it; a network is its ports together. Of a link A>B is what
    went from A to B, and the load is its part of the capacity. Totals are counted since the daemon started, those of
    connections since their entries were written.
    With --watch and -o json there is one reading a line. With -o name a link is A--B.
    """
    _check(kind, tenant or selector, switch, watch, every)
    parent = tenant_name(tenant) or "tenants/-"
    chosen: dict[str, str] = {"switch": switch} if kind == "links" else {"parent": parent, "selector": selector}
    with session.client() as client:
        if watch:
            watching = client.counters.watch((kind.upper(),), interval=every, **chosen)
            with watching as rounds, suppress(KeyboardInterrupt):
                for found in rounds:
                    click.echo(_reading(session, _sorted(_of(found, kind), kind, sort, limit), kind))
            return
        found_now = _sorted(getattr(client.counters, kind)(**chosen), kind, sort, limit)
    session.show(
        lambda: [plain(item) for item in found_now],
        lambda: _table(found_now, kind),
        lambda: [_name(item, kind) for item in found_now],
    )


def _check(kind: str, chosen: str, switch: str, watch: bool, every: float) -> None:
    if kind == "links" and chosen:
        raise click.UsageError("links belong to no tenant and have no labels. Leave out -t and -l.")
    if kind != "links" and switch:
        raise click.UsageError("--switch goes with links.")
    if every and not watch:
        raise click.UsageError("--every goes with --watch.")


def _of(found: CounterRound, kind: str) -> Sequence[Any]:
    return found.links if kind == "links" else found.objects


def _sorted(items: Iterable[Any], kind: str, sort: str, limit: int) -> list[Any]:
    """The first ones; ``sort`` by name is the order in which the daemon tells them."""
    found = list(items)
    if sort != "name":
        found.sort(key=_WEIGHTS["links" if kind == "links" else "objects", sort], reverse=True)
    return found[:limit] if limit else found


def _reading(session: Session, items: Sequence[Any], kind: str) -> str:
    if session.output == "json":
        return as_json_line([plain(item) for item in items])
    if session.output == "yaml":
        return f"---\n{as_yaml([plain(item) for item in items])}"
    if session.output == "name":
        return "\n".join(clean(_name(item, kind)) for item in items)
    screen = CLEAR if sys.stdout.isatty() else ""
    return f"{screen}{_table(items, kind)}\n"


def _name(item: Any, kind: str) -> str:
    """Of an object its name; of a link its ends."""
    return "--".join(f"{end.switch}:{end.interface}" for end in (item.a, item.b)) if kind == "links" else item.name


def _table(items: Sequence[Any], kind: str) -> str:
    if not items:
        return f"no {kind}"
    if kind == "links":
        return table(_LINKS, map(_link, items))
    if kind == "connections":
        return table(("CONNECTION", *_CONNECTIONS), (_object(item)[:-2] for item in items))
    return table((kind[:-1].upper(), *_OBJECTS), map(_object, items))


def _object(item: Any) -> tuple[object, ...]:
    total, rate = item.counted.total, item.counted.rate
    name = item.name.removeprefix("tenants/")
    if not item.counted.HasField("time"):
        return (name, *[""] * 8)
    rates = (short(rate.rx_bps, "bit/s"), short(rate.tx_bps, "bit/s"))
    packets = (short(rate.rx_packets_per_s), short(rate.tx_packets_per_s))
    lost = (total.rx_dropped + total.tx_dropped, total.rx_errors + total.tx_errors)
    return (name, *rates, *packets, total.rx_bytes, total.tx_bytes, *lost)


def _link(link: Any) -> tuple[object, ...]:
    a, b = (f"{end.switch}:{end.interface}" for end in (link.a, link.b))
    sides = ((link.at_a, link.load_ab), (link.at_b, link.load_ba))
    loads = [part for side, load in sides for part in (short(side.rate.tx_bps, "bit/s"), f"{load:.1%}")]
    lost = sum(
        side.total.tx_dropped + side.total.rx_dropped + side.total.rx_errors + side.total.tx_errors for side, _ in sides
    )
    sent = [side.total.tx_bytes for side, _ in sides]
    return (a, b, short(link.capacity_bps, "bit/s"), *loads, *sent, lost)
