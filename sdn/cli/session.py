"""What all commands share: where the daemon is, in which form to answer, how errors are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import click

from sdn.cli.render import as_json, as_yaml, clean
from sdn.client import DEFAULT_ADDRESS, ApiError, Client, Credentials, ManifestError
from sdn.client.call import DEFAULT_TIMEOUT

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_UNCERTAIN, EXIT_DIFFERS = range(6)
EXIT_INTERRUPTED = 130
_NO_ANSWER = ("UNAVAILABLE", "DEADLINE_EXCEEDED")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """Options that every command takes. output: table, json, yaml, or name where there are names to print.

    credentials: as Credentials.load takes them.
    """

    address: str = DEFAULT_ADDRESS
    output: str = "table"
    credentials: dict[str, str] = field(default_factory=dict)

    def open(self, timeout: float = DEFAULT_TIMEOUT) -> Client:
        """A connection to the daemon whose errors are the caller's; raises ValueError for wrong credentials."""
        return Client(self.address, timeout=timeout, credentials=Credentials.load(**self.credentials))

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A connection to the daemon; errors of calls within end the program."""
        try:
            opened = self.open()
        except ValueError as error:
            fail([str(error)], EXIT_USAGE)
        with opened as client:
            try:
                yield client
            except ApiError as error:
                fail(str(error).splitlines(), exit_code(error))

    def show(
        self, data: Callable[[], Any], human: Callable[[], str], names: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """Print as asked for; ``data`` is plain values, ``human`` text without a newline at its end."""
        if self.output == "table":
            click.echo(human())
        elif self.output == "name":
            for name in names():
                click.echo(clean(name))
        else:
            click.echo(as_json(data()) if self.output == "json" else as_yaml(data()))


def fail(lines: Iterable[str], code: int = EXIT_FAILED) -> NoReturn:
    """One line each on standard error, then the end."""
    for line in lines:
        click.echo(f"sdnctl: {clean(line)}", err=True)
    raise click.exceptions.Exit(code)


def exit_code(error: ApiError) -> int:
    """3 when the daemon did not answer, 1 when it said no."""
    silent = error.code.name in _NO_ANSWER and error.reason in ("", "Unreachable")
    return EXIT_UNREACHABLE if silent else EXIT_FAILED


@contextmanager
def manifest_errors(code: int = EXIT_FAILED) -> Iterator[None]:
    """Tell what is wrong with a manifest, one line for each problem."""
    try:
        yield
    except ManifestError as error:
        fail((str(problem) for problem in error.problems), code)


pass_session = click.make_pass_decorator(Session, ensure=True)


def _set_address(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Session).address = value


def _set_output(ctx: click.Context, param: click.Parameter, value: str) -> None:
    ctx.ensure_object(Session).output = value


def common(command: F) -> F:
    """The options -o and --address."""
    return _common(command, ["table", "json", "yaml"], "For people (table, the default) or for programs.")


def common_names(command: F) -> F:
    """The same for a command that can print the names of objects alone."""
    help_text = "For people (table, the default), for programs, or full names alone, one a line (name)."
    return _common(command, ["table", "json", "yaml", "name"], help_text)


def _common(command: F, outputs: Sequence[str], help_text: str) -> F:
    command = click.option(
        "--address",
        metavar="HOST:PORT",
        expose_value=False,
        callback=_set_address,
        help=f"Where sdnd listens; else $SDN_ADDRESS, else {DEFAULT_ADDRESS}.",
    )(command)
    return click.option(
        "-o",
        "--output",
        type=click.Choice(outputs),
        default="table",
        expose_value=False,
        callback=_set_output,
        help=help_text,
    )(command)
