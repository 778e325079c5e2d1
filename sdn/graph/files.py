"""Topologies as YAML files.

::

    name: triangle                  # optional: else the file's name
    description: three switches     # optional
    switches:
      - s1                          # datapath ids are numbered from 1 where not given
      - {name: s2, dpid: 00000000000000a2}
      - s3
    links:
      - {a: "s1:s1-eth1", b: s2}    # SWITCH or SWITCH:INTERFACE
      - {a: s2, b: s3, capacity: 10G, latency: 5ms, cost: 10, risk_groups: [duct-7]}
    hosts:
      - {name: h1, switch: s1, interface: s1-eth9}

Datapath ids are hexadecimal, as ovs-vsctl writes them. Every error names the file, the line and the field.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import yaml

from sdn.graph.generators import MAX_INTERFACE
from sdn.graph.quantities import parse_capacity, parse_latency
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid, parse_dpid
from sdn.model.topology import DEFAULT_CAPACITY, DEFAULT_COST, DeclaredHost, DeclaredLink, DeclaredTopology

MAX_BYTES = 16 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_INTERFACE = re.compile(r"[!-~]+", re.ASCII)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times faster."""
_MAX_DEPTH = 16
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
_LOOKS_LIKE_DPID = re.compile(r"0[xX].*|[0-9a-fA-F]{16}", re.ASCII)


class _Source:
    """Where values come from, for the errors."""

    def __init__(self, file: str) -> None:
        self.file = file

    def error(self, node: yaml.Node | None, field: str, reason: str, remedy: str) -> SdnError:
        line = node.start_mark.line + 1 if node is not None else 1
        return self.at(line, field, reason, remedy)

    def at(self, line: int, field: str, reason: str, remedy: str) -> SdnError:
        return InvalidInput.of(f"{self.file}:{line}: {field}".removesuffix(": "), reason, remedy)

    def mapping(self, node: yaml.Node, field: str, keys: tuple[str, ...]) -> dict[str, yaml.Node]:
        """The values of a mapping whose keys are all known and not repeated."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, field, "not a mapping", f"Write it with the keys {', '.join(keys)}.")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            inner = f"{field}.{name}" if field else name
            if name not in keys:
                raise self.error(key, inner, "unknown key", f"Use {', '.join(keys)}.")
            if name in found:
                raise self.error(key, inner, "given twice", "Keep one of the two.")
            found[name] = value
        return found

    def items(self, node: yaml.Node | None, field: str) -> Iterator[tuple[str, yaml.Node]]:
        """(field, node) of each element of a list; nothing when it is absent."""
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, field, "not a list", "Write one '- …' line per element.")
        for index, item in enumerate(node.value):
            yield f"{field}[{index}]", item

    def text(self, node: yaml.Node, field: str) -> str:
        """A scalar as it was written: YAML's reading of it (octal, base 60, yes and no) is not wanted here."""
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self.error(node, field, "not a text", "Write one word or number.")
        return str(node.value)


def read_topology(text: str, file: str, name: str) -> DeclaredTopology:
    """The topology in ``text``. file: for errors; name: of the topology if the text gives none. Raises InvalidInput."""
    source = _Source(file)
    root = source.mapping(_compose(text, source), "", ("name", "description", "switches", "links", "hosts"))
    if "name" in root:
        name = source.text(root["name"], "name")
    if "switches" not in root:
        raise source.at(1, "switches", "missing", "List at least one switch under 'switches:'.")
    switches = _switches(source, root["switches"])
    plugged: dict[tuple[str, str], str] = {}
    links = tuple(_link(source, f, n, switches, plugged) for f, n in source.items(root.get("links"), "links"))
    hosts = tuple(_host(source, f, n, switches, plugged) for f, n in source.items(root.get("hosts"), "hosts"))
    _unique_hosts(source, root.get("hosts"), hosts, switches)
    return DeclaredTopology(name, switches, links, hosts)


def assign_interfaces(topology: DeclaredTopology) -> DeclaredTopology:
    """Fill in interfaces that the file leaves open: the lowest free ``SWITCH-ethN``, links first, then hosts.

    Deterministic. Raises InvalidInput when a switch's name is too long for interface names.
    """
    used: dict[str, set[str]] = defaultdict(set)
    for link in topology.links:
        for switch, interface in (link.a, link.b):
            used[switch].add(interface)
    for host in topology.hosts:
        used[host.switch].add(host.interface)

    def fill(switch: str, interface: str) -> str:
        if interface:
            return interface
        chosen = next(name for n in count(1) if (name := f"{switch}-eth{n}") not in used[switch])
        if len(chosen) > MAX_INTERFACE:
            reason = f"interface {chosen!r} would be longer than {MAX_INTERFACE} characters"
            raise InvalidInput.of(f"switches.{switch}", reason, "Shorten the switch's name or name its interfaces.")
        used[switch].add(chosen)
        return chosen

    links = tuple(replace(link, a=(link.a[0], fill(*link.a)), b=(link.b[0], fill(*link.b))) for link in topology.links)
    hosts = tuple(replace(host, interface=fill(host.switch, host.interface)) for host in topology.hosts)
    return replace(topology, links=links, hosts=hosts)


def _compose(text: str, source: _Source) -> yaml.Node:
    if len(text) > MAX_BYTES:
        raise source.at(1, "", f"larger than {MAX_BYTES} characters", "Split the network into several files.")
    try:
        _check_tokens(text, source)
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "not YAML"
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1  # libyaml may point behind the end
        raise source.at(line, "", reason, "Correct the YAML at this place.") from None
    except yaml.YAMLError as error:
        raise source.at(1, "", str(error).splitlines()[0], "Save the file as UTF-8 text.") from None
    if node is None:
        raise source.at(1, "", "empty", "List at least one switch under 'switches:'.")
    return node


def _check_tokens(text: str, source: _Source) -> None:
    """Refuse before anything is built what topologies have no use for and what would cost much time or memory."""
    depth = 0
    for token in yaml.scan(text, Loader=_LOADER):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.AliasToken):
            raise source.at(line, "", "aliases are not supported", "Write the value out.")
        depth += isinstance(token, _OPENING)
        depth -= isinstance(token, _CLOSING)
        if depth > _MAX_DEPTH:
            raise source.at(line, "", "nested too deeply", "Write the topology as described in the documentation.")


def _switches(source: _Source, node: yaml.Node) -> dict[str, Dpid]:
    declared: dict[str, Dpid | None] = {}
    owners: dict[Dpid, str] = {}
    for field, item in source.items(node, "switches"):
        plain = isinstance(item, yaml.ScalarNode)
        parts = {"name": item} if plain else source.mapping(item, field, ("name", "dpid"))
        if "name" not in parts:
            raise source.error(item, f"{field}.name", "missing", "Give the switch a name.")
        name = _name(source, parts["name"], f"{field}.name")
        if name in declared:
            raise source.error(item, f"{field}.name", f"there is another switch {name!r}", "Rename one of the two.")
        declared[name] = None
        if "dpid" in parts:
            dpid = _dpid(source, parts["dpid"], f"{field}.dpid")
            if dpid in owners:
                reason = f"the same datapath id as {owners[dpid]}"
                raise source.error(parts["dpid"], f"{field}.dpid", reason, "Give each switch its own.")
            owners[dpid] = name
            declared[name] = dpid
    if not declared:
        raise source.error(node, "switches", "empty", "List at least one switch.")
    free = (Dpid(n) for n in count(1) if n not in owners)
    return {name: next(free) if dpid is None else dpid for name, dpid in declared.items()}


def _dpid(source: _Source, node: yaml.Node, field: str) -> Dpid:
    try:
        return parse_dpid(source.text(node, field))
    except SdnError as error:
        violation = error.violations[0]
        if violation.field.startswith(source.file):
            raise
        raise source.error(node, field, violation.reason, violation.remedy) from None


def _name(source: _Source, node: yaml.Node, field: str) -> str:
    name = source.text(node, field)
    if not _NAME.fullmatch(name) or _LOOKS_LIKE_DPID.fullmatch(name):
        raise source.error(
            node,
            field,
            f"{name[:80]!r} is not a name",
            "Use up to 63 letters, digits, '_', '.' and '-', beginning with a letter or digit, unlike a datapath id.",
        )
    return name


_LINK_KEYS = ("a", "b", "capacity", "latency", "cost", "risk_groups")
_Plugged = dict[tuple[str, str], str]


def _link(source: _Source, field: str, node: yaml.Node, switches: dict[str, Dpid], plugged: _Plugged) -> DeclaredLink:
    parts = source.mapping(node, field, _LINK_KEYS)
    ends = []
    for key in ("a", "b"):
        if key not in parts:
            raise source.error(node, f"{field}.{key}", "missing", "Give both ends, as SWITCH or SWITCH:INTERFACE.")
        switch, colon, interface = source.text(parts[key], f"{field}.{key}").partition(":")
        _known_switch(source, parts[key], f"{field}.{key}", switch, switches)
        if colon:
            _plug(source, parts[key], f"{field}.{key}", (switch, interface), plugged)
        ends.append((switch, interface))
    if ends[0][0] == ends[1][0]:
        raise source.error(node, f"{field}.b", "joins a switch with itself", "Join two different switches.")
    groups = (source.text(n, f) for f, n in source.items(parts.get("risk_groups"), f"{field}.risk_groups"))
    return DeclaredLink(
        ends[0],
        ends[1],
        _value(source, parts.get("cost"), f"{field}.cost", _cost, DEFAULT_COST),
        _value(source, parts.get("capacity"), f"{field}.capacity", parse_capacity, DEFAULT_CAPACITY),
        _value(source, parts.get("latency"), f"{field}.latency", parse_latency, 0),
        frozenset(groups),
    )


def _host(source: _Source, field: str, node: yaml.Node, switches: dict[str, Dpid], plugged: _Plugged) -> DeclaredHost:
    parts = source.mapping(node, field, ("name", "switch", "interface"))
    for key in ("name", "switch"):
        if key not in parts:
            raise source.error(node, f"{field}.{key}", "missing", "Give the host a name and a switch.")
    name = _name(source, parts["name"], f"{field}.name")
    switch = source.text(parts["switch"], f"{field}.switch")
    _known_switch(source, parts["switch"], f"{field}.switch", switch, switches)
    interface = ""
    if "interface" in parts:
        interface = source.text(parts["interface"], f"{field}.interface")
        _plug(source, parts["interface"], f"{field}.interface", (switch, interface), plugged)
    return DeclaredHost(name, switch, interface)


def _unique_hosts(
    source: _Source, node: yaml.Node | None, hosts: tuple[DeclaredHost, ...], switches: dict[str, Dpid]
) -> None:
    seen = set(switches)
    for (field, item), host in zip(source.items(node, "hosts"), hosts, strict=True):
        if host.name in seen:
            reason = f"there is another host or switch {host.name!r}"
            raise source.error(item, f"{field}.name", reason, "Rename one of the two.")
        seen.add(host.name)


def _known_switch(source: _Source, node: yaml.Node, field: str, switch: str, switches: dict[str, Dpid]) -> None:
    if switch not in switches:
        reason = f"there is no switch {switch[:80]!r}"
        raise source.error(node, field, reason, "Name a switch listed under 'switches:'.")


def _plug(source: _Source, node: yaml.Node, field: str, end: tuple[str, str], plugged: _Plugged) -> None:
    if not _INTERFACE.fullmatch(end[1]) or len(end[1]) > MAX_INTERFACE:
        remedy = f"Use 1 to {MAX_INTERFACE} printable characters without blanks."
        raise source.error(node, field, f"{end[1][:80]!r} is not an interface name", remedy)
    if end in plugged:
        reason = f"interface {end[1]} of {end[0]} is already used by {plugged[end]}"
        raise source.error(node, field, reason, "Give every link and host an interface of its own.")
    plugged[end] = field


def _cost(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65535):
        raise ValueError(f"{text[:40]!r} is not a number from 1 to 65535")
    return int(text)


def _value(source: _Source, node: yaml.Node | None, field: str, parse: Callable[[str], int], default: int) -> int:
    if node is None:
        return default
    try:
        return parse(source.text(node, field))
    except ValueError as error:
        raise source.error(node, field, str(error), "Correct the value.") from None
