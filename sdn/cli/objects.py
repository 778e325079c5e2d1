"""get and describe."""

from __future__ import annotations

from functools import partial

import click

from sdn.cli import complete
from sdn.cli.columns import object_table
from sdn.cli.describe import description, members_of
from sdn.cli.follow import follow
from sdn.cli.render import plain_object
from sdn.cli.session import Session, common_names, pass_session
from sdn.cli.words import KindType, full_name, tenant_name, tenant_of
from sdn.client import KindInfo

tenant_option = click.option(
    "-t", "--tenant", default="", help="Tenant of names given by id alone.", shell_complete=complete.tenants
)


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name", default="", shell_complete=complete.names)
@click.option("-l", "--selector", default="", metavar="LABELS", help="Only with these labels: env=prod,tier!=web,has.")
@click.option("-w", "--watch", "watching", is_flag=True, help="Go on with each change, until interrupted.")
@click.option("--from", "from_revision", type=click.IntRange(0), default=0, help="With --watch: go on after this one.")
@tenant_option
@common_names
@pass_session
def get(
    session: Session, kind: KindInfo, name: str, selector: str, watching: bool, from_revision: int, tenant: str
) -> None:
    """List objects of a KIND, or get the one with that NAME.

    \b
    sdnctl get tenants
    sdnctl get ports                          those of all tenants
    sdnctl get ports -t red
    sdnctl get port h1 -t red                 the same as:
    sdnctl get port tenants/red/ports/h1
    sdnctl get connections -o json
    sdnctl get ports -t red -o yaml > red.yaml    can be applied again
    sdnctl get ports -l 'env=prod,tier!=web,zone in (a,b),!old'
    sdnctl get connection gold -t red --watch     each change of it or its status
    sdnctl get ports -w -o json | jq .revision    from which --from goes on

    Kinds: tenants, networks, subnets, routers, ports, connections; the singular and any case are understood.
    With NAME, JSON and YAML are one object, else a list. With --watch there is one change a line (JSON), or one
    document each (YAML); what does not match LABELS any more is told as DELETED.
    """
    if name and selector:
        raise click.UsageError("give NAME or --selector, not both.")
    if from_revision and not watching:
        raise click.UsageError("--from goes with --watch.")
    full = full_name(kind, name, tenant) if name else ""
    with session.client() as client:
        collection = client.of_kind(kind.kind)
        parent = tenant_name(tenant or tenant_of(full)) if kind.in_tenant else ""
        if watching:
            with collection.watch(parent, selector, from_revision) as stream:
                follow(session, stream, full)
        elif full:
            message = collection.get(full)
            session.show(lambda: plain_object(message), lambda: object_table(kind, [message]), lambda: [full])
        else:
            found = collection.list(parent, selector)
            names = [m.name for m in found]
            session.show(lambda: [plain_object(m) for m in found], lambda: object_table(kind, found), lambda: names)


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name", shell_complete=complete.names)
@tenant_option
@common_names
@pass_session
def describe(session: Session, kind: KindInfo, name: str, tenant: str) -> None:
    """Tell everything about one object, with its path or its members.

    \b
    sdnctl describe connection gold -t red    its state, and the path hop by hop
    sdnctl describe tenant red                and all that it owns
    sdnctl describe network tenants/red/networks/web
    """
    with session.client() as client:
        message = client.of_kind(kind.kind).get(full_name(kind, name, tenant))
        text = partial(description, message)
        session.show(lambda: plain_object(message), lambda: text(members_of(client, message)), lambda: [message.name])
