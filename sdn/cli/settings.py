"""settings: what the daemon was told, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from sdn.cli.render import enum_word, plain, table
from sdn.cli.session import Session, common_names, fail, pass_session


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--changed", is_flag=True, help="Only those that are not as built in, or will change.")
@common_names
@pass_session
def settings(session: Session, names: Sequence[str], changed: bool) -> None:
    """Show the settings in force in the daemon, and where each comes from: built in, file, environment or flag.

    \b
    sdnctl settings
    sdnctl settings --changed
    sdnctl settings grpc tls_cert -o json | jq -r '.[].value'

    Of keys and tokens it tells the files, never what is in them. LATER is what a setting will be after the next start,
    where the file says something else by now. It takes the role operator or admin.
    """
    with session.client() as client:
        found = client.settings()
    wanted = {name.replace("-", "_").lstrip("_") for name in names}
    if unknown := wanted - {item.name for item in found}:
        fail([f"there is no setting {sorted(unknown)[0]!r}. Choose from {', '.join(item.name for item in found)}."])
    shown = [
        item
        for item in found
        if (not wanted or item.name in wanted) and (not changed or _word(item) != "built in" or item.HasField("later"))
    ]
    session.show(lambda: [_plain(item) for item in shown], lambda: _table(shown), lambda: [item.name for item in shown])


def _plain(item: Any) -> dict[str, Any]:
    return plain(item) | {"later": item.later if item.HasField("later") else None}


def _table(shown: Sequence[Any]) -> str:
    header = ("SETTING", "VALUE", "FROM", "LATER")
    rows = [
        (item.name, item.value, item.where or _word(item), (item.later or "''") if item.HasField("later") else "")
        for item in shown
    ]
    return table(header, rows) if rows else "all settings are as built in"


def _word(item: Any) -> str:
    word = enum_word(item.DESCRIPTOR.fields_by_name["source"].enum_type, item.source)
    return word.removeprefix("SETTING_").lower().replace("_", " ")
