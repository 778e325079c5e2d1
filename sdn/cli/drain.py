"""drain, undrain, topology cost and oversubscription: what operators say about links and switches."""

from __future__ import annotations

import time
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.network import topology
from sdn.cli.render import plain
from sdn.cli.session import Session, common, fail, pass_session
from sdn.cli.words import DurationType
from sdn.client import maintenance_target

_PAUSE = 0.2
_HELP = "Return when traffic has moved, or fail after this: 30s, 2m."


@click.command()
@click.argument("place", shell_complete=complete.switches)
@click.argument("other", default="", shell_complete=complete.switches)
@click.option("--wait", "seconds", type=DurationType(), metavar="TIME", help=_HELP)
@common
@pass_session
def drain(session: Session, place: str, other: str, seconds: float | None) -> None:
    """Let traffic leave a switch (PLACE), or the link between two (PLACE and OTHER, each SWITCH or SWITCH:INTERFACE).

    \b
    sdnctl drain spine1 --wait 30s && echo "nothing passes it any more"
    sdnctl drain leaf1 spine2
    sdnctl drain leaf1:leaf1-eth2 spine2

    Routes and connections move without losing a packet. What has no other way stays, and the answer says what: nobody
    is cut off, and a drained switch still serves its own hosts. It holds over restarts until sdnctl undrain.

    Exit code 0: drained, and nothing stays. 1: refused, or something stays, or with --wait the time is over.
    """
    found = _set(session, place, other, seconds, drained=True)
    stays = [f"there is no other way to {name}" for name in found.needed_by]
    stays += [f"{item.name} stays: {item.reason}" for item in found.staying]
    _show(session, found, seconds)
    if stays:
        fail(stays)


@click.command()
@click.argument("place", shell_complete=complete.switches)
@click.argument("other", default="", shell_complete=complete.switches)
@click.option("--wait", "seconds", type=DurationType(), metavar="TIME", help=_HELP)
@common
@pass_session
def undrain(session: Session, place: str, other: str, seconds: float | None) -> None:
    """Let traffic use a drained switch or link again; named as for drain.

    \b
    sdnctl undrain spine1

    Routes come back at once, without losing a packet. Connections stay where they are.
    """
    _show(session, _set(session, place, other, seconds, drained=False), seconds)


@topology.command()
@click.argument("a", shell_complete=complete.switches)
@click.argument("b", shell_complete=complete.switches)
@click.argument("cost", type=click.IntRange(0, 65_535))
@click.option("--wait", "seconds", type=DurationType(), metavar="TIME", help=_HELP)
@common
@pass_session
def cost(session: Session, a: str, b: str, cost: int, seconds: float | None) -> None:
    """Give the link between A and B (each SWITCH or SWITCH:INTERFACE) another COST; 0: that which it has by itself.

    \b
    sdnctl topology cost chic nycm 25
    sdnctl topology cost chic nycm 0
    """
    _show(session, _set(session, a, b, seconds, cost=cost), seconds)


@topology.command()
@click.argument("a", shell_complete=complete.switches)
@click.argument("b", shell_complete=complete.switches)
@click.argument("times", type=click.FloatRange(0, 1000))
@click.option("--wait", "seconds", type=DurationType(), metavar="TIME", help=_HELP)
@common
@pass_session
def oversubscription(session: Session, a: str, b: str, times: float, seconds: float | None) -> None:
    """Let connections reserve so many TIMES the capacity of the link between A and B (each SWITCH or SWITCH:INTERFACE).

    \b
    sdnctl topology oversubscription chic nycm 1.5
    sdnctl topology oversubscription chic nycm 0

    0: as of all links (sdnd --oversubscription). Connections that do not fit any more look for other paths.
    """
    _show(session, _set(session, a, b, seconds, oversubscription=times), seconds)


def _set(session: Session, place: str, other: str, seconds: float | None, **wish: Any) -> Any:
    """Say it, and wait until it has become true if that is wished."""
    target = maintenance_target(place, other)
    deadline = time.monotonic() + (seconds or 0)
    with session.client() as client:
        found = client.set_maintenance(target, **wish)
        while seconds is not None and not found.settled and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            found = client.get_maintenance(target)
    return found


def _show(session: Session, found: Any, seconds: float | None) -> None:
    session.show(lambda: plain(found), lambda: _text(found))
    if seconds is not None and not found.settled:
        fail([f"traffic has not moved within {seconds:g} seconds"])


def _text(found: Any) -> str:
    target = found.target
    name = target.switch or f"{target.a.switch}:{target.a.interface} - {target.b.switch}:{target.b.interface}"
    words = ["drained" if found.drained else "in use"]
    words += [f"cost {found.cost}"] if found.cost else []
    words += [f"oversubscription {found.oversubscription:g}"] if found.oversubscription else []
    words.append("traffic has moved" if found.settled else "traffic is moving")
    return f"{name}: {', '.join(words)}"
