"""Classifiers of connections: what one may say, which packets it takes, and whether two take the same ones."""

from __future__ import annotations

from dataclasses import replace

from sdn.model.errors import InvalidInput
from sdn.model.intent import Classifier, Connection, Prefix
from sdn.store.forms import overlap, scoped

MAX_PRECEDENCE = 1000
TCP, UDP = 6, 17
_BOUNDS = (("protocol", 0, 255), ("a_port", 0, 65535), ("b_port", 0, 65535), ("dscp", -1, 63))
_ICMP = {1: 4, 58: 6}
"""IP protocols that belong to one version of IP (RFC 792, RFC 4443)."""


def check_classifier(connection: Connection) -> None:
    """Raises InvalidInput for one that says nothing, or what no packet can be."""
    wish = connection.classifier
    if wish is None:
        return
    for field, least, most in (*_BOUNDS, ("precedence", 0, MAX_PRECEDENCE)):
        value = getattr(wish, field)
        if not least <= value <= most:
            raise InvalidInput.of(f"classifier.{field}", f"{value} is out of range", f"Give {max(least, 0)} to {most}.")
    if wish.ip_version not in (0, 4, 6):
        raise InvalidInput.of("classifier.ip_version", f"{wish.ip_version} is not known", "Give 4 or 6, or 0 for both.")
    if replace(wish, precedence=0) == Classifier():
        raise InvalidInput.of("classifier", "takes every packet", "Say what packets look like, or leave it out.")
    for field in ("a_prefix", "b_prefix"):
        prefix = getattr(wish, field)
        if prefix is not None and scoped(prefix.network_address):
            raise InvalidInput.of(f"classifier.{field}", f"{prefix} has a zone", "Leave out '%' and what follows.")
    for field in ("a_port", "b_port"):
        if getattr(wish, field) and wish.protocol not in (TCP, UDP):
            raise InvalidInput.of(
                f"classifier.{field}", "given without TCP or UDP", f"Set protocol to {TCP} (TCP) or {UDP} (UDP)."
            )
    if len(_said(wish)) > 1:
        reason = "ip_version, prefixes and protocol do not belong to one version of IP"
        raise InvalidInput.of("classifier", reason, "Give prefixes of one version, and no ip_version beside them.")


def _said(wish: Classifier) -> set[int]:
    """The versions of IP that it names."""
    prefixes = (wish.a_prefix, wish.b_prefix)
    return {
        *(prefix.version for prefix in prefixes if prefix is not None),
        *({wish.ip_version} - {0}),
        *({_ICMP.get(wish.protocol, 0)} - {0}),
    }


def versions(wish: Classifier) -> tuple[int, ...]:
    """The versions of IP of the packets that it takes."""
    return tuple(_said(wish)) or (4, 6)


def mirrored(wish: Classifier) -> Classifier:
    """The same packets, told from the other end."""
    return replace(wish, a_prefix=wish.b_prefix, b_prefix=wish.a_prefix, a_port=wish.b_port, b_port=wish.a_port)


def overlapping(one: Classifier, two: Classifier) -> bool:
    """Whether there is a packet that both take, from the same end."""
    return (
        not set(versions(one)).isdisjoint(versions(two))
        and all(_agree(getattr(one, field), getattr(two, field)) for field in ("protocol", "a_port", "b_port"))
        and (one.dscp == two.dscp or -1 in (one.dscp, two.dscp))
        and all(_meet(getattr(one, field), getattr(two, field)) for field in ("a_prefix", "b_prefix"))
    )


def _agree(one: int, two: int) -> bool:
    return one == two or 0 in (one, two)


def _meet(one: Prefix | None, two: Prefix | None) -> bool:
    return one is None or two is None or overlap(one, two)
