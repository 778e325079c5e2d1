"""apply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from sdn.cli.columns import state
from sdn.cli.files import read_manifests
from sdn.cli.plan import plain_plan, plan_text
from sdn.cli.progress import telling, wait_and_tell, working
from sdn.cli.render import plain_object, state_word, table
from sdn.cli.session import Session, common_names, exit_code, fail, pass_session
from sdn.cli.words import DurationType
from sdn.client import ApiError, Document, locate, unwrap

_REFUSED = ("REJECTED", "FAILED")
_LATER = ("NotYet",)
"""Reasons for which nothing is to be done now."""
_DEFAULT_WAIT = "60s"

wait_option = click.option(
    "--wait",
    type=DurationType(),
    is_flag=False,
    flag_value=_DEFAULT_WAIT,
    default=0.0,
    metavar="[TIME]",
    help=f"Return when everything is in the switches, after {_DEFAULT_WAIT} (or TIME: 10s, 2m) at the latest.",
)


@click.command()
@click.option("-f", "--file", "files", multiple=True, required=True, metavar="FILE", help="YAML or JSON; - reads.")
@click.option("--dry-run", is_flag=True, help="Check everything and tell what would change; write nothing.")
@wait_option
@common_names
@pass_session
def apply(session: Session, files: Sequence[str], dry_run: bool, wait: float) -> None:
    """Create or replace all objects of manifests in one transaction: all of it, or nothing.

    \b
    sdnctl apply -f red.yaml
    sdnctl apply -f red.yaml -f blue.yaml --wait 30s
    sdnctl apply -f red.yaml --dry-run        objects and flows that would change
    generate | sdnctl apply -f -

    \b
    A manifest:
        kind: Tenant
        name: tenants/red
        ---
        kind: Port
        name: tenants/red/ports/h1
        network: web
        addresses: [10.0.0.11]
        binding: {switch: leaf1, interface: h1-eth0}

    Errors name file, line and field. With --wait the exit code is 1 unless everything is programmed; a terminal shows
    how many objects are.
    """
    documents = read_manifests(files)
    with session.client() as client:
        try:
            watched = telling(wait) and not dry_run
            with working("trying out" if dry_run else "applying"):
                response = client.apply([d.message for d in documents], dry_run=dry_run, wait=0 if watched else wait)
            messages = [unwrap(resource) for resource in response.resources]
            messages = wait_and_tell(client, messages, wait) if watched else messages
        except ApiError as error:
            fail(error_lines(error, documents), exit_code(error))
    changed = set(response.changed)
    session.show(
        lambda: {
            "dry_run": dry_run,
            "revision": response.revision,
            "changed": list(response.changed),
            "resources": [plain_object(m) for m in messages],
            **(plain_plan(response) if dry_run else {}),
        },
        lambda: plan_text(messages, response) if dry_run else _applied(messages, changed),
        lambda: [m.name for m in messages],
    )
    if not dry_run:
        judge(messages, wait)


def _applied(messages: Sequence[Any], changed: set[str]) -> str:
    if not messages:
        return "nothing to apply"
    rows = [(m.name, "changed" if m.name in changed else "unchanged", state(m)) for m in messages]
    return table(("NAME", "RESULT", "STATE"), rows)


def error_lines(error: ApiError, documents: Sequence[Document]) -> list[str]:
    """What the daemon objects to, with file and line where it concerns a document."""
    if not error.violations:
        return str(error).splitlines()
    lines = []
    for violation in error.violations:
        single = ApiError(error.code, error.message, (violation,))
        lines += [str(problem) for problem in locate(single, documents)] or [str(violation)]
    return lines


def judge(messages: Iterable[Any], wait: float) -> None:
    """Fail if something was refused, or is not programmed although that was waited for."""
    lines = []
    for message in messages:
        word = state_word(message.status)
        if word in _REFUSED or (wait and word != "PROGRAMMED" and message.status.reason not in _LATER):
            why = ": ".join(part for part in (message.status.reason, message.status.message) if part)
            lines.append(f"{message.name} is {word}" + (f": {why}" if why else ""))
    if lines:
        fail(lines)
