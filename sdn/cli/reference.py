"""All commands as one page of Markdown, made of their help: ``python -m sdn.cli.reference > docs/sdnctl.md``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from sdn.cli.main import cli

_HEAD = """\
# sdnctl

Every command, as `sdnctl COMMAND --help` tells it. This page is made from the commands themselves by `./dev reference`;
a test compares it.
"""


def page() -> str:
    """The page."""
    return "\n".join([_HEAD, *_sections(click.Context(cli, info_name="sdnctl", **cli.context_settings))])


def _sections(ctx: click.Context) -> Iterator[str]:
    command = ctx.command
    yield f"## {ctx.command_path}\n"
    yield f"```\n{ctx.get_usage().removeprefix('Usage: ')}\n```\n"
    yield _text(inspect.cleandoc(command.help or ""))
    options = [record for param in command.get_params(ctx) if (record := _record(param, ctx))]
    if options:
        yield "| option | |\n| --- | --- |"
        yield "\n".join(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in options) + "\n"
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(ctx)):
            found = command.get_command(ctx, name)
            if found is not None and not found.hidden:
                yield from _sections(click.Context(found, info_name=name, parent=ctx))


def _record(param: click.Parameter, ctx: click.Context) -> tuple[str, str] | None:
    """Names and text of an option; not of the one for help, which all commands have."""
    return None if param.name == "help" else param.get_help_record(ctx)


def _text(text: str) -> str:
    """Paragraphs as they are; those that click must not wrap (after a line with a backspace) as code."""
    parts = []
    for paragraph in text.split("\n\n"):
        raw = paragraph.startswith("\b\n")
        body = paragraph.removeprefix("\b\n")
        parts.append(f"```\n{body}\n```" if raw else body)
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    click.echo(page(), nl=False)
