"""Putting a declared topology together, piece by piece, whatever file the pieces come from.

Here is decided what makes a topology: names, uniqueness, bounds, units, defaults. Must not know file formats: a piece
is a *row* of texts by key, with a ``Where`` that turns a complaint about one of its keys into the user's error, with
file, line and field. All rows raise that error (InvalidInput).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain, count
from typing import Protocol, TypeVar

from sdn.graph import limits
from sdn.graph.limits import Unfit
from sdn.graph.quantities import MAX_COORDINATE, parse_capacity, parse_coordinate, parse_cost, parse_latency
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, parse_dpid
from sdn.model.topology import (
    DEFAULT_CAPACITY,
    DEFAULT_COST,
    DeclaredHost,
    DeclaredLink,
    DeclaredTopology,
    Demand,
    Site,
)

Row = Mapping[str, str]
_T = TypeVar("_T")


class Where(Protocol):
    """A place in a file."""

    def error(self, key: str, reason: str, remedy: str) -> SdnError:
        """The error for a key of the row that stands there; '' for the row itself."""


class Assembly:
    """Collects switches, then links, hosts and demands; ``build`` makes the topology of them."""

    def __init__(self) -> None:
        self._switches: dict[str, Dpid | None] = {}
        self._dpids: dict[Dpid, str] = {}
        self._ports: dict[str, tuple[str, ...]] = {}
        self._sites: dict[str, Site] = {}
        self._links: list[DeclaredLink] = []
        self._hosts: dict[str, DeclaredHost] = {}
        self._demands: list[Demand] = []
        self._plugged: dict[tuple[str, str], str] = {}

    def switch(self, where: Where, row: Row, ports: tuple[str, ...] = ()) -> None:
        """Keys: name; dpid, label, latitude with longitude, x with y. ports: all interfaces it has, if listed."""
        if "name" not in row:
            raise where.error("name", "missing", "Give the switch a name.")
        name = _checked(where, "name", limits.check_name, row["name"])
        if name in self._switches:
            raise where.error("name", f"there is another switch {name!r}", "Rename one of the two.")
        _bounded(where, len(self._switches) + 1, limits.MAX_SWITCHES, "switches")
        self._switches[name] = self._dpid(where, row["dpid"], name) if "dpid" in row else None
        if ports:
            self._ports[name] = _ports(where, ports)
        site = _site(where, row)
        if site != Site():
            self._sites[name] = site

    def link(self, where: Where, row: Row, risk_groups: tuple[str, ...] = ()) -> None:
        """Keys: a and b, as SWITCH or SWITCH:INTERFACE; capacity, latency, cost."""
        _bounded(where, len(self._links) + 1, limits.MAX_LINKS, "links")
        a, b = (self._end(where, key, row.get(key)) for key in ("a", "b"))
        if a[0] == b[0]:
            raise where.error("b", "joins a switch with itself", "Join two different switches.")
        link = DeclaredLink(
            a,
            b,
            _value(where, row, "cost", parse_cost, DEFAULT_COST),
            _value(where, row, "capacity", parse_capacity, DEFAULT_CAPACITY),
            _value(where, row, "latency", parse_latency, 0),
            frozenset(_checked(where, "risk_groups", limits.check_text, group) for group in risk_groups),
        )
        _bounded(where, len(link.risk_groups), limits.MAX_RISK_GROUPS, "risk groups of one link")
        self._links.append(link)

    def host(self, where: Where, row: Row) -> None:
        """Keys: name, switch; interface."""
        _bounded(where, len(self._hosts) + 1, limits.MAX_HOSTS, "hosts")
        for key in ("name", "switch"):
            if key not in row:
                raise where.error(key, "missing", "Give the host a name and a switch.")
        name = _checked(where, "name", limits.check_name, row["name"])
        if name in self._switches or name in self._hosts:
            raise where.error("name", f"there is another host or switch {name!r}", "Rename one of the two.")
        switch = self._known(where, "switch", row["switch"])
        interface = self._plug(where, "interface", switch, row["interface"]) if "interface" in row else ""
        self._hosts[name] = DeclaredHost(name, switch, interface)

    def demand(self, where: Where, row: Row) -> None:
        """Keys: from and to (switches), bandwidth."""
        _bounded(where, len(self._demands) + 1, limits.MAX_DEMANDS, "demands")
        for key in ("from", "to", "bandwidth"):
            if key not in row:
                raise where.error(key, "missing", "Give two switches and a bandwidth.")
        source, target = (self._known(where, key, row[key]) for key in ("from", "to"))
        if source == target:
            raise where.error("to", "the same switch as 'from'", "Give two different switches.")
        self._demands.append(Demand(source, target, _value(where, row, "bandwidth", parse_capacity, 0)))

    def hosts_everywhere(self, where: Where) -> None:
        """One host at each switch, called h1, h2, …; with another beginning where a switch has such a name."""
        names = set(self._switches)
        prefixes = chain(["h"], (f"host{number}-" for number in count(1)))
        series = ([f"{prefix}{number}" for number in range(1, len(names) + 1)] for prefix in prefixes)
        for host, switch in zip(next(filter(names.isdisjoint, series)), self._switches, strict=True):
            self.host(where, {"name": host, "switch": switch})

    def build(self, where: Where, row: Row) -> DeclaredTopology:
        """The topology; switches without a datapath id get the lowest free ones. Keys: name, description, origin."""
        if not self._switches:
            raise where.error("switches", "empty", "List at least one switch.")
        free = (Dpid(n) for n in count(1) if n not in self._dpids)
        texts = {key: _checked(where, key, limits.check_text, text) for key, text in row.items()}
        return DeclaredTopology(
            texts["name"],
            {name: next(free) if dpid is None else dpid for name, dpid in self._switches.items()},
            tuple(self._links),
            tuple(self._hosts.values()),
            self._ports,
            self._sites,
            tuple(self._demands),
            texts.get("description", ""),
            texts.get("origin", ""),
        )

    def _dpid(self, where: Where, text: str, name: str) -> Dpid:
        try:
            dpid = parse_dpid(text[:40])  # longer ones are wrong anyway, and errors show what they complain about
        except SdnError as error:
            violation = error.violations[0]
            raise where.error("dpid", violation.reason, violation.remedy) from None
        if dpid in self._dpids:
            raise where.error("dpid", f"the same datapath id as {self._dpids[dpid]}", "Give each switch its own.")
        self._dpids[dpid] = name
        return dpid

    def _end(self, where: Where, key: str, text: str | None) -> tuple[str, str]:
        if text is None:
            raise where.error(key, "missing", "Give both ends, as SWITCH or SWITCH:INTERFACE.")
        switch, colon, interface = text.partition(":")
        self._known(where, key, switch)
        return switch, self._plug(where, key, switch, interface) if colon else ""

    def _known(self, where: Where, key: str, switch: str) -> str:
        if switch not in self._switches:
            raise where.error(key, f"there is no switch {switch[:80]!r}", "Name a switch listed under 'switches:'.")
        return switch

    def _plug(self, where: Where, key: str, switch: str, interface: str) -> str:
        end = switch, _checked(where, key, limits.check_interface, interface)
        if switch in self._ports and interface not in self._ports[switch]:
            reason = f"{switch} has no port {interface}"
            raise where.error(key, reason, f"Add it to the ports of {switch}, or use one of those.")
        if end in self._plugged:
            reason = f"interface {interface} of {switch} is already used by {self._plugged[end]}"
            raise where.error(key, reason, "Give every link and host an interface of its own.")
        number = f"links[{len(self._links)}]" if key in ("a", "b") else f"hosts[{len(self._hosts)}]"
        self._plugged[end] = f"{number}.{key}"
        return interface


def _checked(where: Where, key: str, check: Callable[[str], _T], text: str) -> _T:
    try:
        return check(text)
    except Unfit as unfit:
        raise where.error(key, unfit.reason, unfit.remedy) from None


def _bounded(where: Where, number: int, most: int, what: str) -> None:
    try:
        limits.check_count(number, most, what)
    except Unfit as unfit:
        raise where.error("", unfit.reason, unfit.remedy) from None


def _value(where: Where, row: Row, key: str, parse: Callable[[str], _T], default: _T) -> _T:
    if key not in row:
        return default
    try:
        return parse(row[key])
    except ValueError as error:
        raise where.error(key, str(error), "Correct the value.") from None


def _ports(where: Where, ports: tuple[str, ...]) -> tuple[str, ...]:
    _bounded(where, len(ports), limits.MAX_PORTS, "ports of one switch")
    seen = set()
    for port in ports:
        if _checked(where, "ports", limits.check_interface, port) in seen:
            raise where.error("ports", f"{port} is listed twice", "Keep one of the two.")
        seen.add(port)
    return ports


def _site(where: Where, row: Row) -> Site:
    label = _checked(where, "label", limits.check_text, row.get("label", ""))
    location = _pair(where, row, ("latitude", 90), ("longitude", 180))
    return Site(label, location, _pair(where, row, ("x", MAX_COORDINATE), ("y", MAX_COORDINATE)))


def _pair(where: Where, row: Row, *axes: tuple[str, int]) -> tuple[float, float] | None:
    """Two coordinates that come together or not at all. axes: key and largest value of each."""
    missing = [key for key, _ in axes if key not in row]
    if len(missing) == len(axes):
        return None
    if missing:
        raise where.error(missing[0], "missing", f"Give {' and '.join(key for key, _ in axes)}, or neither.")
    first, second = (_value(where, row, key, partial(parse_coordinate, most=most), 0.0) for key, most in axes)
    return first, second
