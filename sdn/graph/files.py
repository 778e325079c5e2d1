"""Topologies as YAML or JSON files.

::

    name: triangle                  # optional: else the file's name
    description: three switches     # optional
    origin: measured by hand        # optional: where the facts come from
    switches:
      - s1                          # datapath ids are numbered from 1 where not given
      - {name: s2, dpid: 00000000000000a2, ports: [eth1, eth2, eth3]}
      - {name: s3, label: Bern, latitude: 46.95, longitude: 7.45}
    links:
      - {a: "s1:s1-eth1", b: s2}    # SWITCH or SWITCH:INTERFACE
      - {a: s2, b: s3, capacity: 10G, latency: 5ms, cost: 10, risk_groups: [duct-7]}
    hosts:
      - {name: h1, switch: s1, interface: s1-eth9}
    demands:
      - {from: s1, to: s3, bandwidth: 200M}

Datapath ids are hexadecimal, as ovs-vsctl writes them. Every error names the file, the line and the field. What may be
said is explained in docs/topologies.md; a file that write.py makes is read back as the same topology.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import yaml

from sdn.graph.assembly import Assembly
from sdn.graph.limits import MAX_INTERFACE
from sdn.graph.yamlfile import Item, Source
from sdn.model.errors import InvalidInput
from sdn.model.topology import DeclaredTopology

_TOP = ("name", "description", "origin", "switches", "links", "hosts", "demands")
_LISTS = ("switches", "links", "hosts", "demands")
_SWITCH = ("name", "dpid", "ports", "label", "latitude", "longitude", "x", "y")
_LINK = ("a", "b", "capacity", "latency", "cost", "risk_groups")
_HOST = ("name", "switch", "interface")
_DEMAND = ("from", "to", "bandwidth")


def read_topology(text: str, file: str, name: str) -> DeclaredTopology:
    """The topology in ``text``. file: for errors; name: of the topology if the text gives none. Raises InvalidInput."""
    source = Source(file)
    root = source.mapping(source.compose(text), "", _TOP)
    if "switches" not in root.parts:
        raise source.at(1, "switches", "missing", "List at least one switch under 'switches:'.")
    assembly = Assembly()

    def rows(key: str, keys: tuple[str, ...], take: Callable[[Item], None]) -> None:
        for field, node in source.items(root.parts.get(key), key):
            take(_named(source, field, node) if key == "switches" else source.mapping(node, field, keys))

    rows("switches", _SWITCH, lambda item: assembly.switch(item, item.row("ports"), item.texts("ports")))
    rows("links", _LINK, lambda item: assembly.link(item, item.row("risk_groups"), item.texts("risk_groups")))
    rows("hosts", _HOST, lambda item: assembly.host(item, item.row()))
    rows("demands", _DEMAND, lambda item: assembly.demand(item, item.row()))
    return assembly.build(root, {"name": name, **root.row(*_LISTS)})


def _named(source: Source, field: str, node: yaml.Node) -> Item:
    """A switch, which may be a name alone."""
    if isinstance(node, yaml.ScalarNode):
        return Item(source, node, field, {"name": node})
    return source.mapping(node, field, _SWITCH)


def assign_interfaces(topology: DeclaredTopology) -> DeclaredTopology:
    """Fill in interfaces that the file leaves open, links first, then hosts; deterministic.

    At a switch that lists its ports the first free one, else the lowest free ``SWITCH-ethN``. Raises InvalidInput when
    a switch's name is too long for interface names, or its ports do not suffice.
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
        if switch in topology.ports:
            chosen = next((port for port in topology.ports[switch] if port not in used[switch]), "")
        else:
            chosen = next(name for n in count(1) if (name := f"{switch}-eth{n}") not in used[switch])
        if not chosen:
            reason = f"it has more links and hosts than ports ({len(topology.ports[switch])})"
            raise InvalidInput.of(f"switches.{switch}", reason, "List more ports, or none at all.")
        if len(chosen) > MAX_INTERFACE:
            reason = f"interface {chosen!r} would be longer than {MAX_INTERFACE} characters"
            raise InvalidInput.of(f"switches.{switch}", reason, "Shorten the switch's name or name its interfaces.")
        used[switch].add(chosen)
        return chosen

    links = tuple(replace(link, a=(link.a[0], fill(*link.a)), b=(link.b[0], fill(*link.b))) for link in topology.links)
    hosts = tuple(replace(host, interface=fill(host.switch, host.interface)) for host in topology.hosts)
    return replace(topology, links=links, hosts=hosts)
