"""where: whose is an address or a MAC?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import click

from sdn.cli import again
from sdn.cli.again import watch_options
from sdn.cli.columns import state
from sdn.cli.objects import tenant_option
from sdn.cli.progress import working
from sdn.cli.render import Plain, plain_object, table
from sdn.cli.session import Session, common_names, fail, pass_session
from sdn.cli.words import tenant_name
from sdn.client import Client

_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}")
_HEADER = ("NAME", "WHAT", "NETWORK", "SWITCH", "INTERFACE", "STATE")


class Found(NamedTuple):
    """An object that has the address; what: address, MAC, allowed beside its own (also: and has it), or gateway."""

    message: Any
    what: str


@click.command()
@click.argument("what", metavar="ADDRESS|MAC")
@click.option("-l", "--selector", default="", metavar="LABELS", help="Only objects with these labels: env=prod.")
@watch_options
@tenant_option
@common_names
@pass_session
def where(session: Session, what: str, tenant: str, selector: str, watching: bool, every: float) -> None:
    """Find who has an ADDRESS or MAC: ports of all tenants (also by address pairs), and subnets whose gateway it is.

    \b
    sdnctl where 10.0.1.12
    sdnctl where fd00:0:0:1::a -t red
    sdnctl where 02-00-00-00-01-0C
    sdnctl where 10.0.1.12 -o json | jq '.[].binding'
    sdnctl where 10.0.1.12 --watch            also when it moves

    Tenants may use the same addresses, so several may be found. The exit code is 1 when nobody has it.
    """
    wanted = _wanted(what)
    with session.client() as client:

        def look() -> list[Found]:
            with working("looking through ports"):
                found = list(_search(client, wanted, tenant_name(tenant), selector))
            if not found and not watching:
                fail([f"nobody has {wanted}" + (f" in {tenant_name(tenant)}" if tenant else "")])
            return found

        again.show(session, watching, every, look, _plain, _table, _names)


def _plain(found: Sequence[Found]) -> list[Plain]:
    return [plain_object(f.message) for f in found]


def _table(found: Sequence[Found]) -> str:
    return table(_HEADER, map(_row, found)) if found else "nobody"


def _names(found: Sequence[Found]) -> list[str]:
    return [f.message.name for f in found]


def _wanted(text: str) -> str:
    """The address or MAC as the API writes it."""
    if _MAC.fullmatch(text):
        return text.lower().replace("-", ":")
    try:
        return str(ip_address(text))
    except ValueError:
        raise click.UsageError(f"{text[:60]!r} is neither an address nor a MAC.") from None


def _search(client: Client, wanted: str, parent: str, selector: str = "") -> Iterator[Found]:
    for port in client.ports.list(parent, selector):
        for what, values in (("address", port.addresses), ("MAC", (port.mac,))):
            if wanted in values:
                yield Found(port, what)
        if any(_allows(pair, wanted) for pair in port.allowed_address_pairs):
            held = any(item.address == wanted and item.port == port.name for item in port.status.shared_addresses)
            yield Found(port, "allowed, has it" if held else "allowed")
    for subnet in () if _MAC.fullmatch(wanted) else client.subnets.list(parent, selector):
        if subnet.gateway == wanted:
            yield Found(subnet, "gateway")


def _allows(pair: Any, wanted: str) -> bool:
    """Whether an address pair permits this address, or brings this MAC."""
    if _MAC.fullmatch(wanted):
        return bool(pair.mac == wanted)
    return ip_address(wanted) in ip_network(pair.address)


def _row(found: Found) -> tuple[str, ...]:
    message = found.message
    bound = found.what != "gateway" and message.HasField("binding")
    place = (message.binding.switch, message.binding.interface) if bound else ("", "")
    if bound and message.status.places:
        switches, interfaces = zip(*(text.split(":", 1) for text in message.status.places), strict=True)
        place = (", ".join(switches), ", ".join(interfaces))
    return (message.name, found.what, message.network, *place, state(message))
