"""create and update: one object, from words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.apply import judge, wait_option
from sdn.cli.columns import object_table
from sdn.cli.fields import mask_of, object_of, read_words
from sdn.cli.objects import tenant_option
from sdn.cli.progress import telling, wait_and_tell
from sdn.cli.render import plain_object
from sdn.cli.session import Session, common_names, pass_session
from sdn.cli.words import KindType, full_name
from sdn.client import Client, KindInfo, to_dict

_words = click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name")
@_words
@tenant_option
@wait_option
@common_names
@pass_session
def create(session: Session, kind: KindInfo, name: str, fields: Sequence[str], tenant: str, wait: float) -> None:
    """Create one object of a KIND; it is refused if there is one of that NAME.

    \b
    sdnctl create tenant red description='The first'
    sdnctl create network web -t red mtu=1500 labels.env=prod
    sdnctl create subnet v4 -t red network=web cidr=10.0.1.0/24
    sdnctl create port h1 -t red network=web addresses='[10.0.1.11]' binding.switch=leaf1 binding.interface=h1 --wait

    Fields are those of a manifest. A value that begins with [, { or a quote is YAML. With --wait the exit code is 1
    unless the object is programmed; a terminal shows that it is waited for.
    """
    message = object_of({"kind": kind.kind, "name": full_name(kind, name, tenant)}, read_words(fields))
    with session.client() as client:
        watched = telling(wait)
        stored = client.of_kind(kind.kind).create(message, wait=0 if watched else wait)
        stored = wait_and_tell(client, [stored], wait)[0] if watched else stored
    _show(session, kind, stored, wait)


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name", shell_complete=complete.names)
@_words
@tenant_option
@wait_option
@common_names
@pass_session
def update(session: Session, kind: KindInfo, name: str, fields: Sequence[str], tenant: str, wait: float) -> None:
    """Change fields of one object and leave the others as they are.

    \b
    sdnctl update network web -t red mtu=9000
    sdnctl update port h1 -t red addresses='[10.0.1.11, 10.0.1.12]' --wait
    sdnctl update port h1 -t red binding.switch=leaf2
    sdnctl update port h1 -t red labels.env=prod labels.old=     sets one label, takes the other away
    sdnctl update tenant red description=                         takes it away

    If somebody else changes the object meanwhile it is refused with ABORTED: try again. With --wait the exit code is 1
    unless the object is programmed.
    """
    values = read_words(fields)
    if not values:
        raise click.UsageError("which fields? Give FIELD=VALUE.")
    full = full_name(kind, name, tenant)
    with session.client() as client:
        present = client.of_kind(kind.kind).get(full)
        message = object_of(to_dict(present), values)
        message.metadata.etag = present.metadata.etag
        stored = _update(client, kind, message, mask_of(values), wait)
    _show(session, kind, stored, wait)


def _update(client: Client, kind: KindInfo, message: Any, mask: Sequence[str], wait: float) -> Any:
    watched = telling(wait)
    stored = client.of_kind(kind.kind).update(message, mask=mask, wait=0 if watched else wait)
    return wait_and_tell(client, [stored], wait)[0] if watched else stored


def _show(session: Session, kind: KindInfo, stored: Any, wait: float) -> None:
    session.show(lambda: plain_object(stored), lambda: object_table(kind, [stored]), lambda: [stored.name])
    judge([stored], wait)
