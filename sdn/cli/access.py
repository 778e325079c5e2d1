"""How sdnctl finds the daemon and shows who it is: flags, the environment, and contexts in a file.

Each setting is taken from the flag, else the environment, else the context.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from sdn.cli.certs import output_option, security_errors
from sdn.cli.render import clean, plain
from sdn.cli.session import EXIT_USAGE, Session, common_names, fail, pass_session
from sdn.security import ROLES, Subject, add_token

F = TypeVar("F", bound=Callable[..., Any])
_CREDENTIALS = ("tls_ca", "tls_cert", "tls_key", "token", "token_file", "server_name")
_KNOWN = ("address", *_CREDENTIALS)
_MAX_BYTES = 2**20


def access_options(command: F) -> F:
    """--context, --tls-ca and the others, for the whole program."""
    options = (
        ("--server-name", "SDN_SERVER_NAME", "NAME", "Name in the certificate of sdnd, if not that of the address."),
        ("--token", "SDN_TOKEN", "TOKEN", "Who you are; better in $SDN_TOKEN or a file, where others do not see it."),
        ("--token-file", "SDN_TOKEN_FILE", "FILE", "A file with the token."),
        ("--tls-key", "SDN_TLS_KEY", "FILE", "Its private key."),
        ("--tls-cert", "SDN_TLS_CERT", "FILE", "Your certificate, where sdnd asks for one."),
        ("--tls-ca", "SDN_TLS_CA", "FILE", "Authority of sdnd: speak TLS. 'system' for those of this machine."),
        ("--context", "SDN_CONTEXT", "NAME", "A set of these in ~/.config/sdn/sdnctl.toml."),
    )
    for flag, variable, metavar, text in options:
        command = click.option(flag, envvar=variable, show_envvar=True, default="", metavar=metavar, help=text)(command)
    return command


def settings(ctx: click.Context, address: str, context: str, given: Mapping[str, str]) -> Session:
    """The session that flags, environment and context describe; ends the program where they cannot be read."""
    explicit = ctx.get_parameter_source("address") is not click.core.ParameterSource.DEFAULT
    found = _context(context)
    credentials = {name: given[name] or found.get(name, "") for name in _CREDENTIALS}
    for one, other in (("token", "token_file"), ("token_file", "token")):
        if given[one] and not given[other]:
            credentials[other] = ""
    where = address if explicit else found.get("address", address)
    return Session(address=where, credentials={name: text for name, text in credentials.items() if text})


def config_file() -> Path:
    """Where contexts are: $SDN_CONTEXTS, else sdn/sdnctl.toml in the user's configuration."""
    given = os.environ.get("SDN_CONTEXTS")
    home = os.environ.get("XDG_CONFIG_HOME")
    return Path(given) if given else (Path(home) if home else Path.home() / ".config") / "sdn" / "sdnctl.toml"


def _context(name: str) -> dict[str, str]:
    file = config_file()
    try:
        with file.open("rb") as source:
            data = tomllib.loads(source.read(_MAX_BYTES).decode())
    except FileNotFoundError:
        if name:
            fail([f"context: there is no {file}. Write one with [contexts.{name}] in it."], EXIT_USAGE)
        return {}
    except OSError as error:
        fail([f"context: cannot read {file}: {error.strerror}. Make it readable, or remove it."], EXIT_USAGE)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail([f"context: {file} is not TOML: {error}. Correct it."], EXIT_USAGE)
    contexts = data.get("contexts", {})
    wanted = name or data.get("current", "")
    if not wanted:
        return {}
    if not isinstance(contexts, dict) or not isinstance(contexts.get(wanted), dict):
        known = ", ".join(contexts) if isinstance(contexts, dict) and contexts else "none"
        fail([f"context: {file} has no context {wanted!r}. Known are: {known}."], EXIT_USAGE)
    return _checked(contexts[wanted], f"{file}: contexts.{wanted}")


def _checked(found: Mapping[str, Any], where: str) -> dict[str, str]:
    for key, value in found.items():
        if key not in _KNOWN:
            fail([f"{where}.{key}: no such setting. Choose from {', '.join(_KNOWN)}."], EXIT_USAGE)
        if not isinstance(value, str):
            fail([f"{where}.{key}: not text. Write it in quotes."], EXIT_USAGE)
    return dict(found)


@click.command()
@common_names
@pass_session
def whoami(session: Session) -> None:
    """Show who the daemon takes you for, and what role and tenants you have.

    \b
    sdnctl whoami
    """
    with session.client() as client:
        found = client.whoami()
    session.show(lambda: plain(found), lambda: _whoami(plain(found)), lambda: [found.name])


def _whoami(found: Mapping[str, Any]) -> str:
    lines = (
        ("Name", found["name"]),
        ("Role", found["role"] or "none"),
        ("Tenants", ", ".join(found["tenants"]) or ("all" if found["role"] else "none")),
        ("Known by", {"LOCAL": "calling from the same machine"}.get(found["source"], found["source"].lower())),
        ("Key", found["key"] or "-"),
        ("Until", found["expire_time"] or "-"),
    )
    return "\n".join(f"{key + ':':<10}{clean(value)}" for key, value in lines)


@click.group()
def tokens() -> None:
    """Make bearer tokens for the API; see docs/security.md. Nothing here talks to a daemon."""


@tokens.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What it may do.")
@click.option("--tenant", multiple=True, metavar="T", help="For member and tenant-viewer, also several times.")
@click.option("--days", type=click.IntRange(1, 3650), metavar="N", help="Life of the token; else without end.")
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Append the line to this file.")
@output_option
@pass_session
def new(session: Session, name: str, role: str, tenant: tuple[str, ...], days: int | None, file: Path | None) -> None:
    """Make a token for the person or program NAME, and show it, this once.

    \b
    sdnctl tokens new ci --role member --tenant red --days 90 --file /etc/sdn/tokens

    The second line is what makes it valid: one of the file that sdnd has as 'tokens'. It holds a hash; the token itself
    is kept nowhere. To revoke a token, remove its line: sdnd reads the file by itself.
    """
    tenants = tuple(word.removeprefix("tenants/") for word in tenant)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    with security_errors():
        token, line = add_token(Subject(name, role, tenants), expires, file)
    told = {"token": token, "line": line, "file": str(file) if file else ""}
    session.show(lambda: told, lambda: f"{token}\n{line}", lambda: [json.loads(line)["id"]])


COMMANDS = (whoami, tokens)
