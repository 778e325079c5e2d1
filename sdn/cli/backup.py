"""backup and restore."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from sdn.cli.files import file_errors, write_whole
from sdn.cli.progress import working
from sdn.cli.render import clean, count, plain
from sdn.cli.session import Session, common_names, pass_session


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common_names
@pass_session
def backup(session: Session, file: Path) -> None:
    """Write a snapshot of everything the daemon keeps to FILE, while it runs.

    \b
    sdnctl backup sdn-$(date +%F).db

    FILE appears when the snapshot is complete and its checksum is right; a file of this name is replaced then. It
    holds the secret of link probes, and is readable for you alone.
    """
    with session.client() as client, working("taking a snapshot") as tell:
        data = client.backup(told=lambda size: tell(_bytes(size)))
    write_whole(file, data)
    told = {"file": str(file), "size": len(data), "sha256": sha256(data).hexdigest()}
    session.show(
        lambda: told, lambda: f"{clean(str(file))}: {len(data)} bytes, SHA-256 {told['sha256']}", lambda: [str(file)]
    )


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the snapshot and say what would change; write nothing.")
@common_names
@pass_session
def restore(session: Session, file: Path, dry_run: bool) -> None:
    """Make the objects those of the snapshot in FILE: all of it, or nothing and the reason.

    \b
    sdnctl restore sdn-2026-11-25.db --dry-run     what would change?
    sdnctl restore sdn-2026-11-25.db

    The daemon goes on meanwhile; objects that are the same are not touched, others are created, updated or deleted,
    and switches get the difference. When the daemon does not start, see sdnd --restore.
    """
    with file_errors("read", file):
        data = file.read_bytes()
    with session.client() as client, working("checking" if dry_run else "restoring") as tell:
        found = client.restore(data, dry_run=dry_run, told=lambda size: tell(f"{_bytes(size)} of {_bytes(len(data))}"))
    session.show(lambda: plain(found), lambda: _restored(found, dry_run), lambda: _changed(found))


def _bytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _changed(found: Any) -> list[str]:
    return sorted((*found.created, *found.updated, *found.deleted))


def _restored(found: Any, dry_run: bool) -> str:
    words = (("created", found.created), ("updated", found.updated), ("deleted", found.deleted))
    lines = [f"{word:<8} {clean(name)}" for word, names in words for name in sorted(names)]
    total = count(len(lines), "object")
    told = f"{total} would change" if dry_run else f"{total} changed, revision {found.revision}"
    return "\n".join([*lines, told])
