"""forget: a switch is gone for good."""

from __future__ import annotations

from typing import Any

import click

from sdn.cli import complete
from sdn.cli.render import clean, count, plain
from sdn.cli.session import Session, common, pass_session


@click.command()
@click.argument("switch", shell_complete=complete.switches)
@common
@pass_session
def forget(session: Session, switch: str) -> None:
    """Say that SWITCH, which is away, is gone for good: nothing waits for it any more.

    \b
    sdnctl forget 0000000000000007

    Its ports and links, what was said about them, and its name in status and topology are gone. Objects that are bound
    there stay and are told: they are PENDING until they are bound elsewhere or the switch connects, which is a new one
    then. A switch that is connected is refused, and one that the topology file declares.
    """
    with session.client() as client:
        found = client.forget_switch(switch)
    session.show(lambda: plain(found), lambda: _text(found))


def _text(found: Any) -> str:
    if not found.bound_total:
        return f"{clean(found.switch)}: forgotten, nothing was bound there"
    more = found.bound_total - len(found.bound)
    lines = [f"{clean(found.switch)}: forgotten; bound there, and to be bound elsewhere or deleted:"]
    lines += [f"  {clean(name)}" for name in found.bound]
    lines += [f"  and {count(more, 'other')}"] if more else []
    return "\n".join(lines)
