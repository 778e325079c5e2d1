"""certs: the certificates of the daemon, its clients and its switches. Nothing here talks to a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from sdn.cli.render import table
from sdn.cli.session import Session, fail, pass_session
from sdn.security import CA_DAYS, DAYS, ROLES, Directory, Entry, SdnError, Subject, format_dpid, parse_dpid

_LOCAL = ("localhost", "127.0.0.1", "::1")
F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def certs() -> None:
    """Make and renew certificates for TLS; see docs/security.md.

    \b
    sdnctl certs init /etc/sdn/certs --san sdn.example.org     authority, server, administrator
    sdnctl certs client ci --role member --tenant red --dir /etc/sdn/certs
    sdnctl certs switch 1 2 --name rack1 --dir /etc/sdn/certs  one Open vSwitch, two bridges
    sdnctl certs renew server --dir /etc/sdn/certs
    sdnctl certs show --dir /etc/sdn/certs                     what is there, and until when

    Keys have mode 0600, and nothing is replaced but by renew and server. The authority's key is needed for making
    certificates alone: keep ca-key/ca.key where no daemon runs, and name it with --ca-key.
    """


def _days(default: int, help: str) -> Callable[[F], F]:
    return click.option("--days", default=default, show_default=True, metavar="N", help=help)


def _set_output(ctx: click.Context, param: click.Parameter, value: str) -> None:
    ctx.ensure_object(Session).output = value


def output_option(command: F) -> F:
    """The option -o, for commands that ask no daemon."""
    forms = click.Choice(["table", "json", "yaml", "name"])
    return click.option(
        "-o",
        "--output",
        type=forms,
        default="table",
        expose_value=False,
        callback=_set_output,
        help="For people, for programs, or names alone (name: files, or the id of a token).",
    )(command)


def _directory(command: F) -> F:
    """The options --dir and --ca-key."""
    path = click.Path(path_type=Path)
    command = click.option("--ca-key", type=path, metavar="FILE", help="The authority's key; else DIR/ca-key/ca.key.")(
        command
    )
    return click.option(
        "--dir",
        "path",
        type=path,
        default=".",
        envvar="SDN_CERTS",
        show_envvar=True,
        metavar="DIR",
        help="Where all is.",
    )(command)


@certs.command()
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--san", multiple=True, metavar="HOST", help="A name or address of sdnd; else localhost, 127.0.0.1, ::1.")
@click.option("--admin", default="admin", show_default=True, metavar="NAME", help="Name of the administrator.")
@_days(DAYS, "Life of the certificates.")
@click.option("--ca-days", default=CA_DAYS, show_default=True, metavar="N", help="Life of the authority.")
@click.option("--ca-key", type=click.Path(path_type=Path), metavar="FILE", help="Write the authority's key there.")
@output_option
@pass_session
def init(
    session: Session, path: Path, san: tuple[str, ...], admin: str, days: int, ca_days: int, ca_key: Path | None
) -> None:
    """Make a working set in DIR: authority, server certificate, certificate of an administrator.

    \b
    sdnctl certs init /etc/sdn/certs --san sdn.example.org --san 192.0.2.7

    --san may be given several times.
    """
    with security_errors():
        made = Directory(path, ca_key).init(san or _LOCAL, admin, days, ca_days)
    _tell(session, made)


@certs.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What it may do.")
@click.option("--tenant", multiple=True, metavar="T", help="For member and tenant-viewer, also several times.")
@_days(DAYS, "Life of the certificate.")
@_directory
@output_option
@pass_session
def client(
    session: Session, name: str, role: str, tenant: tuple[str, ...], days: int, path: Path, ca_key: Path | None
) -> None:
    """Make a certificate for the person or program NAME.

    \b
    sdnctl certs client ci --role member --tenant red --dir /etc/sdn/certs
    """
    tenants = tuple(word.removeprefix("tenants/") for word in tenant)
    with security_errors():
        made = Directory(path, ca_key).client(Subject(name, role, tenants), days)
    _tell(session, [made])


@certs.command()
@click.argument("dpid", nargs=-1, required=True)
@click.option("--name", default="", help="Name of the files; else the first datapath id.")
@_days(DAYS, "Life of the certificate.")
@_directory
@output_option
@pass_session
def switch(session: Session, dpid: tuple[str, ...], name: str, days: int, path: Path, ca_key: Path | None) -> None:
    """Make a certificate for an Open vSwitch whose bridges have these datapath ids (hexadecimal).

    \b
    sdnctl certs switch 1 2 --name rack1 --dir /etc/sdn/certs
    """
    with security_errors():
        made = Directory(path, ca_key).switch(name, [parse_dpid(text) for text in dpid], days)
    _tell(session, [made])


@certs.command()
@click.option("--san", multiple=True, required=True, metavar="HOST", help="A name or address, also several times.")
@_days(DAYS, "Life of the certificate.")
@_directory
@output_option
@pass_session
def server(session: Session, san: tuple[str, ...], days: int, path: Path, ca_key: Path | None) -> None:
    """Make a server certificate for other names, in place of the one that is there.

    \b
    sdnctl certs server --san sdn2.example.org --dir /etc/sdn/certs
    """
    with security_errors():
        made = Directory(path, ca_key).server(san, days)
    _tell(session, [made])


@certs.command()
@click.argument("name", nargs=-1, required=True)
@click.option("--days", type=int, metavar="N", help=f"Life from now on; else {DAYS}, and {CA_DAYS} for ca.")
@_directory
@output_option
@pass_session
def renew(session: Session, name: tuple[str, ...], days: int | None, path: Path, ca_key: Path | None) -> None:
    """Make certificates anew with the same names and a new key: server, client-admin, switch-rack1, …

    \b
    sdnctl certs renew server client-admin --dir /etc/sdn/certs

    'ca' gets a new end of its life and keeps its key, so that all it signed stays valid. sdnd takes renewed files by
    itself.
    """
    with security_errors():
        made = [Directory(path, ca_key).renew(word.removesuffix(".crt"), days) for word in name]
    _tell(session, made)


@certs.command()
@_directory
@output_option
@pass_session
def show(session: Session, path: Path, ca_key: Path | None) -> None:
    """List what is there, and until when it is valid.

    \b
    sdnctl certs show --dir /etc/sdn/certs
    """
    with security_errors():
        found = list(Directory(path, ca_key).entries())
    _tell(session, found)


def _tell(session: Session, entries: Sequence[Entry]) -> None:
    rows = [
        {
            "file": str(entry.file),
            "kind": entry.kind,
            "name": entry.subject.name,
            "role": entry.subject.role,
            "tenants": list(entry.subject.tenants),
            "switches": [format_dpid(dpid) for dpid in entry.subject.switches],
            "expires": entry.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "serial": entry.serial,
        }
        for entry in entries
    ]
    lines = [
        [row["file"], row["kind"], row["expires"], ", ".join(entry.names)]
        for row, entry in zip(rows, entries, strict=True)
    ]
    session.show(
        lambda: rows,
        lambda: table(["FILE", "KIND", "UNTIL", "FOR"], lines),
        lambda: [str(entry.file) for entry in entries],
    )


@contextmanager
def security_errors() -> Iterator[None]:
    """One line for each thing that is wrong, then the end."""
    try:
        yield
    except SdnError as error:
        fail(str(violation) for violation in error.violations)
