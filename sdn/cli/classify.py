"""Which packets a connection takes, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from sdn.client import messages as m

_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58, "sctp": 132}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}


class ProtocolType(click.ParamType[int]):
    """A protocol of IP by name or number."""

    name = "protocol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; fails with the remedy."""
        if isinstance(value, int):
            return value
        number = _PROTOCOLS.get(value.lower(), int(value) if value.isdecimal() and len(value) <= 3 else 0)
        if not 1 <= number <= 255:
            self.fail(
                f"{value!r} is no protocol. Write {', '.join(_PROTOCOLS)}, or a number from 1 to 255.", param, ctx
            )
        return number


def classifier_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What packets look like; the values arrive as keyword arguments, for ``classifier_of``."""
    port = click.IntRange(1, 65535)
    for option in reversed(
        (
            click.option("--protocol", type=ProtocolType(), metavar="tcp|udp|NUMBER", help="Take only such packets."),
            click.option("--a-port", type=port, help="Port of TCP or UDP at A."),
            click.option("--b-port", type=port, help="Port of TCP or UDP at B."),
            click.option("--a-prefix", default="", metavar="PREFIX", help="Addresses at A: 10.0.0.0/8."),
            click.option("--b-prefix", default="", metavar="PREFIX", help="Addresses at B."),
            click.option("--dscp", type=click.IntRange(0, 63), help="Packets marked so."),
            click.option("--ip", type=click.Choice(["4", "6"]), help="Only this version of IP."),
            click.option(
                "--precedence",
                type=click.IntRange(0, 1000),
                default=0,
                help="Which of several takes a packet: the highest.",
            ),
        )
    ):
        command = option(command)
    return command


def classifier_of(options: dict[str, Any]) -> m.Classifier | None:
    """The message for what ``classifier_options`` gave; None if they gave nothing."""
    result = m.Classifier(
        ip_version=int(options["ip"] or 0),
        protocol=options["protocol"] or 0,
        a_port=options["a_port"] or 0,
        b_port=options["b_port"] or 0,
        a_prefix=options["a_prefix"],
        b_prefix=options["b_prefix"],
        precedence=options["precedence"],
    )
    if options["dscp"] is not None:
        result.dscp = options["dscp"]
    return result if result.ByteSize() else None


def classifier_text(connection: Any) -> str:
    """tcp, port 80 at b, DSCP 46; empty for one that takes everything."""
    if not connection.HasField("classifier"):
        return ""
    wish = connection.classifier
    parts = [f"IPv{wish.ip_version}"] if wish.ip_version else []
    parts += [_NAMES.get(wish.protocol, f"protocol {wish.protocol}")] if wish.protocol else []
    for end in ("a", "b"):
        prefix, port = getattr(wish, f"{end}_prefix"), getattr(wish, f"{end}_port")
        parts += [f"{prefix} at {end}"] if prefix else []
        parts += [f"port {port} at {end}"] if port else []
    parts += [f"DSCP {wish.dscp}"] if wish.HasField("dscp") else []
    parts += [f"precedence {wish.precedence}"] if wish.precedence else []
    return ", ".join(parts)
