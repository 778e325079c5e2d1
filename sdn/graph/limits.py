"""How large a topology may be, and what its names and texts may look like.

Topology files come from anywhere, so every size is bounded, before memory is spent where that is possible. The checks
here raise Unfit; whoever knows the place (file and line, or parameter) makes the user's error of it.
"""

from __future__ import annotations

import re

MAX_BYTES = 16 * 1024 * 1024
"""Of a file."""
MAX_VALUES = 1_000_000
"""Scalars in a YAML file, elements in an XML file: what is built from a file stays below about 1 GB of memory."""
MAX_DEPTH = 64
"""Elements within elements, in XML; the yFiles extension nests about ten."""
MAX_SWITCHES = 10_000
MAX_LINKS = 100_000
MAX_HOSTS = 100_000
MAX_DEMANDS = 100_000
MAX_PORTS = 4096
"""Interfaces that one switch lists."""
MAX_RISK_GROUPS = 64
"""Of one link."""
MAX_TEXT = 1000
"""Characters of a label, a description or an origin."""
MAX_INTERFACE = 15
"""Characters of an interface name: the limit of Linux (IFNAMSIZ) and of ports in OpenFlow 1.3."""
MAX_COST = 65535

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_INTERFACE = re.compile(r"[!-~]+", re.ASCII)
_LOOKS_LIKE_DPID = re.compile(r"0[xX].*|[0-9a-fA-F]{16}", re.ASCII)


class Unfit(Exception):
    """A value that cannot be used. reason: what is wrong; remedy: a full sentence."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def is_name(text: str) -> bool:
    """Whether a switch or host may be called that."""
    return bool(_NAME.fullmatch(text)) and not _LOOKS_LIKE_DPID.fullmatch(text)


def check_name(text: str) -> str:
    """The name of a switch or host; raises Unfit."""
    if not is_name(text):
        raise Unfit(
            f"{text[:80]!r} is not a name",
            "Use up to 63 letters, digits, '_', '.' and '-', beginning with a letter or digit, unlike a datapath id.",
        )
    return text


def check_interface(text: str) -> str:
    """The name of an interface; raises Unfit."""
    if not _INTERFACE.fullmatch(text) or len(text) > MAX_INTERFACE:
        raise Unfit(
            f"{text[:80]!r} is not an interface name",
            f"Use 1 to {MAX_INTERFACE} printable characters without blanks.",
        )
    return text


def check_text(text: str) -> str:
    """A text for people, blanks and line ends reduced to single blanks; raises Unfit."""
    text = " ".join(text.split())
    if not text.isprintable():
        raise Unfit("it holds unprintable characters", "Remove them.")
    if len(text) > MAX_TEXT:
        raise Unfit(f"longer than {MAX_TEXT} characters", "Shorten it.")
    return text


def check_count(count: int, most: int, what: str) -> None:
    """Raises Unfit when there are more than ``most``."""
    if count > most:
        raise Unfit(f"more than {most} {what}", "Divide the network into smaller ones.")
