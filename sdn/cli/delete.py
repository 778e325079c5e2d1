"""delete."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from sdn.cli import complete
from sdn.cli.apply import wait_option
from sdn.cli.files import read_manifests
from sdn.cli.objects import tenant_option
from sdn.cli.progress import working
from sdn.cli.session import Session, common_names, fail, pass_session
from sdn.cli.words import KindType, full_name, tenant_name
from sdn.client import Client, KindInfo, kind_of


@click.command()
@click.argument("kind", type=KindType(), required=False)
@click.argument("name", required=False, shell_complete=complete.names)
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Delete what these manifests name; - reads.")
@click.option("-l", "--selector", default="", metavar="LABELS", help="All of KIND with these labels: env=old,!keep.")
@click.option("--ignore-missing", is_flag=True, help="What does not exist counts as deleted.")
@click.option("--dry-run", is_flag=True, help="Check everything and tell what would be deleted; write nothing.")
@tenant_option
@wait_option
@common_names
@pass_session
def delete(
    session: Session,
    kind: KindInfo | None,
    name: str | None,
    files: Sequence[str],
    selector: str,
    ignore_missing: bool,
    dry_run: bool,
    tenant: str,
    wait: float,
) -> None:
    """Delete one object, those with certain labels, or all objects of manifests, in one transaction.

    \b
    sdnctl delete port h1 -t red
    sdnctl delete connection tenants/red/connections/gold --wait
    sdnctl delete ports -t red -l env=old     all or nothing
    sdnctl delete ports -l env=old --dry-run -o name
    sdnctl delete -f red.yaml                 in the right order
    sdnctl delete -f red.yaml --ignore-missing

    An object that others use is not deleted, and they are named. With --wait it returns when no switch holds anything
    of them any more, and the exit code is 1 if that is not so in time.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("give either KIND and NAME, or -f FILE (or KIND and --selector).")
    if kind is not None and bool(name) == bool(selector):
        raise click.UsageError(f"which {kind.singular}? Give either its NAME, or --selector.")
    if selector and kind is None:
        raise click.UsageError("--selector goes with KIND.")
    targets = [(kind_of(d.message), d.message.name) for d in read_manifests(files)]
    if kind is not None and name:
        targets = [(kind, full_name(kind, name, tenant))]
    began = time.monotonic()
    with session.client() as client, working("deleting"):
        if kind is not None and selector:
            parent = tenant_name(tenant) if kind.in_tenant else ""
            names = [message.name for message in client.of_kind(kind.kind).list(parent, selector)]
        else:
            names = _existing(client, targets) if ignore_missing else [full for _, full in targets]
        if len(names) == 1 and not dry_run:
            client.of_name(names[0]).delete(names[0], wait=wait)
        elif names:
            client.apply((), names, dry_run=dry_run, wait=wait)
    word = "would be deleted" if dry_run else "deleted"
    text = "\n".join(f"{name}: {word}" for name in names) or "nothing to delete"
    session.show(lambda: {"dry_run": dry_run, "deleted": names}, lambda: text, lambda: names)
    # The daemon answers before its time is over if nothing is left; else it does not say.
    if wait and not dry_run and time.monotonic() - began >= wait:
        fail([f"not all switches have confirmed within {wait:g} s. They are followed up; sdnctl status says how far."])


def _existing(client: Client, targets: Sequence[tuple[KindInfo, str]]) -> list[str]:
    """Those targets that are there, in their order."""
    found: set[str] = set()
    for info in {info.kind: info for info, _ in targets}.values():
        found.update(message.name for message in client.of_kind(info.kind).list())
    return [name for _, name in targets if name in found]
