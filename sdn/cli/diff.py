"""diff: what apply would change, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from sdn.cli.apply import error_lines
from sdn.cli.files import read_manifests
from sdn.cli.progress import working
from sdn.cli.render import as_json_line, clean
from sdn.cli.session import EXIT_UNREACHABLE, EXIT_USAGE, Session, common_names, exit_code, fail, pass_session
from sdn.client import AnyObject, ApiError, Client, to_dict, unwrap

_MISSING = "<none>"


@dataclass(frozen=True, slots=True)
class Difference:
    """What apply would do to one object. before: None for one that it would create."""

    name: str
    kind: str
    fields: tuple[tuple[str, Any, Any], ...]
    created: bool

    def plain(self) -> dict[str, Any]:
        """For JSON and YAML."""
        fields = [{"field": field, "before": before, "after": after} for field, before, after in self.fields]
        change = "created" if self.created else "updated"
        return {"name": self.name, "kind": self.kind, "change": change, "fields": fields}

    def lines(self) -> Iterator[str]:
        """For people: what is new is marked +, what changes ~."""
        yield f"{'+' if self.created else '~'} {clean(self.name)}"
        for field, before, after in self.fields:
            old = "" if self.created else f"{_shown(before)} -> "
            yield f"    {field}: {old}{_shown(after)}"


@click.command()
@click.option("-f", "--file", "files", multiple=True, required=True, metavar="FILE", help="YAML or JSON; - reads.")
@common_names
@pass_session
def diff(session: Session, files: Sequence[str]) -> None:
    """Compare manifests with what is stored: what would apply create and change, field by field?

    \b
    sdnctl diff -f red.yaml
    sdnctl diff -f red.yaml -o json | jq '.[].name'
    sdnctl diff -f red.yaml && echo "nothing to do"

    Nothing is written. Fields that a manifest leaves out are compared as apply would fill them in. Objects that no
    manifest names are not looked at.

    \b
    Exit codes, as of diff(1):
      0  no difference
      1  there are differences
      2  the command line or a manifest is wrong, or apply would be refused
      3  the daemon does not answer
    """
    documents = read_manifests(files, EXIT_USAGE)
    with session.client() as client:
        try:
            with working("comparing"):
                found = list(_differences(client, [document.message for document in documents]))
        except ApiError as error:
            code = EXIT_UNREACHABLE if exit_code(error) == EXIT_UNREACHABLE else EXIT_USAGE
            fail(error_lines(error, documents), code)
    session.show(
        lambda: [difference.plain() for difference in found],
        lambda: "\n".join(line for difference in found for line in difference.lines()) or "no difference",
        lambda: [difference.name for difference in found],
    )
    if found:
        raise click.exceptions.Exit(1)


def _differences(client: Client, messages: Sequence[AnyObject]) -> Iterator[Difference]:
    response = client.apply(messages, dry_run=True)
    changed = set(response.changed)
    for resource in response.resources:
        message = unwrap(resource)
        if message.name in changed:
            yield _difference(_stored(client, message.name), message)


def _stored(client: Client, name: str) -> AnyObject | None:
    try:
        found: AnyObject = client.of_name(name).get(name)
    except ApiError as error:
        if error.code.name == "NOT_FOUND":
            return None
        raise
    return found


def _difference(before: AnyObject | None, after: AnyObject) -> Difference:
    old = dict(_flat(to_dict(before))) if before is not None else {}
    new = dict(_flat(to_dict(after)))
    names = [*new, *(name for name in old if name not in new)]
    fields = tuple(
        (name, old.get(name), new.get(name))
        for name in names
        if name not in ("name", "kind") and old.get(name) != new.get(name)
    )
    return Difference(after.name, type(after).DESCRIPTOR.name, fields, before is None)


def _flat(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if isinstance(item, dict) and item:
            yield from _flat(item, where)
        else:
            yield where, item


def _shown(value: Any) -> str:
    if value is None:
        return _MISSING
    return clean(value if isinstance(value, str) else as_json_line(value))
