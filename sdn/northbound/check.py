"""Forms of single values. Each function notes what is wrong in Problems and then returns a stand-in or None."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from sdn.model.errors import InvalidInput, SdnError, Violation
from sdn.model.ids import Kind, Ref, parse_name
from sdn.model.intent import Address, Prefix
from sdn.model.selector import EVERYTHING, Selector, parse_selector

MAX_PROBLEMS = 20
MAX_REQUEST_ID = 128
_PREFIX = re.compile(r"[0-9A-Fa-f.:]{1,45}/[0-9]{1,3}")


class Problems:
    """What is wrong with a request, collected so that the caller learns of all of it at once."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def add(self, field: str, reason: str, remedy: str) -> None:
        """Note one thing."""
        self.violations.append(Violation(field, reason, remedy))

    def extend(self, error: SdnError) -> None:
        """Note what an error says."""
        self.violations.extend(error.violations)

    @property
    def full(self) -> bool:
        """Whether there are as many as anybody wants to read."""
        return len(self.violations) >= MAX_PROBLEMS

    def settle(self) -> None:
        """Raise InvalidInput if anything was noted."""
        if self.violations:
            raise InvalidInput(*self.violations[:MAX_PROBLEMS])


def shown(text: str) -> str:
    """A value for an error message, quoted and of bounded length."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def name(text: str, field: str, kind: Kind | None, problems: Problems) -> Ref | None:
    """A full resource name."""
    if not text:
        form = "tenants/T" if kind is Kind.TENANT else f"tenants/T/{kind.collection if kind else 'COLLECTION'}/ID"
        problems.add(field, "not given", f"Write it as {form}.")
        return None
    if len(text) > 300:
        problems.add(field, f"{len(text)} characters are too long for a name", "Ids have at most 63 characters.")
        return None
    try:
        return parse_name(text, field, kind)
    except SdnError as error:
        problems.extend(error)
        return None


def tenant_of_parent(text: str, problems: Problems) -> str:
    """The tenant's id in ``tenants/T``, '' for ``tenants/-``."""
    if text == "tenants/-":
        return ""
    form = "Write tenants/T, or tenants/- for all tenants."
    if not text:
        problems.add("parent", "not given", form)
        return ""
    try:
        return parse_name(text[:300], "parent", Kind.TENANT).id
    except SdnError as error:
        problems.add("parent", error.violations[0].reason, form)
        return ""


def selector(text: str, problems: Problems) -> Selector:
    """Which labels objects must have, from the field ``filter``."""
    try:
        return parse_selector(text)
    except SdnError as error:
        problems.extend(error)
        return EVERYTHING


def address(text: str, field: str, problems: Problems) -> Address | None:
    """An IPv4 or IPv6 address without prefix length and zone."""
    try:
        if len(text) <= 45 and "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    problems.add(
        field, f"{shown(text)} is not an IP address", "Write it as 10.0.0.1 or 2001:db8::1, without prefix and zone."
    )
    return None


def prefix(text: str, field: str, problems: Problems) -> Prefix | None:
    """An address range with its prefix length and zero host bits."""
    remedy = "Write it as 10.0.0.0/24 or 2001:db8::/64."
    if not text:
        problems.add(field, "not given", remedy)
        return None
    try:
        if not _PREFIX.fullmatch(text):
            raise ValueError
        network = ip_network(text, strict=False)
    except ValueError:
        problems.add(field, f"{shown(text)} is not an address range", remedy)
        return None
    if ip_address(text.partition("/")[0]) != network.network_address:
        problems.add(field, f"{text} has host bits that are not zero", f"Did you mean {network}? Write the range.")
        return None
    return network


def request_id(text: str, field: str, problems: Problems) -> None:
    """An idempotency key, or nothing."""
    if len(text) > MAX_REQUEST_ID or not text.isprintable():
        problems.add(
            field,
            f"{len(text)} characters are too long" if len(text) > MAX_REQUEST_ID else "holds control characters",
            f"Use at most {MAX_REQUEST_ID} printable characters, best a random UUID.",
        )
