"""status and wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from sdn.cli import again
from sdn.cli.again import watch_options
from sdn.cli.progress import working
from sdn.cli.render import clean, count, plain
from sdn.cli.session import Session, common, pass_session
from sdn.cli.words import DurationType
from sdn.client import KINDS


@click.command()
@watch_options
@common
@pass_session
def status(session: Session, watching: bool, every: float) -> None:
    """Show how the daemon is: switches, links, objects and what is missing.

    \b
    sdnctl status
    sdnctl status -o json | jq .ready
    sdnctl status --watch
    """
    with session.client() as client:
        again.show(session, watching, every, client.status, plain, lambda found: _status(found, session.address))


def _status(found: Any, address: str) -> str:
    counts = [count(found.objects[kind], info.singular) for kind, info in KINDS.items() if found.objects[kind]]
    states = sorted(found.objects_by_state.items())
    lines = (
        ("Daemon", f"sdnd {found.version} at {address}"),
        ("Running since", found.start_time.ToJsonString()),
        ("Ready", "yes" if found.ready else "no"),
        ("Switches", f"{found.switches_connected} of {found.switches} connected"),
        ("Links", str(found.links)),
        ("Objects", ", ".join(counts) or "none"),
        ("States", ", ".join(f"{number} {state.lower()}" for state, number in states if number) or "-"),
        ("Revision", str(found.revision)),
    )
    text = "\n".join(f"{key + ':':<15}{clean(value)}" for key, value in lines)
    missing = "".join(f"\n  {clean(line)}" for line in found.not_ready)
    return text + (f"\nMissing:{missing}" if missing else "")


@click.command()
@click.option("--ready", is_flag=True, required=True, help="All known switches in sync, all declared links up.")
@click.option("--timeout", type=DurationType(), default="60s", show_default=True, help="Give up after: 10s, 2m.")
@common
@pass_session
def wait(session: Session, ready: bool, timeout: float) -> None:
    """Wait until the daemon is ready; a daemon that does not answer yet is waited for.

    \b
    sdnctl wait --ready --timeout 30s && echo go

    The exit code is 0 when it is ready and 1 when the time is over; then standard error names what is missing.
    """
    with session.client() as client, working("not ready") as tell:
        found = client.wait_ready(timeout, lambda missing: tell(_waited_for(missing)))
    session.show(lambda: plain(found), lambda: _ready(found))


def _waited_for(missing: Sequence[str]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"({missing[0]}{more})" if missing else ""


def _ready(found: Any) -> str:
    return f"ready: {count(found.switches, 'switch')}, {count(found.links, 'link')}"
