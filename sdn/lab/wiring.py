"""The plan of a lab network: which names, which ports, and the ovs-vsctl commands that make them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sdn.model.errors import InvalidInput, Violation
from sdn.model.ids import Dpid, format_dpid
from sdn.model.topology import DeclaredHost, DeclaredTopology

MAX_INTERFACE = 15
"""Bytes of a port's name in OpenFlow 1.3 (section 7.2.1); OVS cuts longer ones off."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """What every bridge gets. controller: target as ovs-vsctl takes it, '' for none; probe: milliseconds.

    datapath: type of it, ``netdev`` for real network devices.

    Open vSwitch tries a lost controller again after at most 1,000 ms, the least that its database admits.
    """

    controller: str = ""
    probe: int = 5000
    datapath: str = "dummy"


def complete(topology: DeclaredTopology) -> DeclaredTopology:
    """The topology with a name for every interface that the declaration leaves open.

    Raises InvalidInput when names cannot be used: too long for OpenFlow, or twice on one switch.
    """
    used = {name for _, name in interfaces(topology)}
    links = []
    for number, link in enumerate(topology.links, 1):
        ends = [
            (switch, name or _free(f"l{number}-{side}", used))
            for side, (switch, name) in (("a", link.a), ("b", link.b))
        ]
        links.append(replace(link, a=ends[0], b=ends[1]))
    done = replace(topology, links=tuple(links))
    check(done)
    return done


def bridge_names(topology: DeclaredTopology) -> dict[str, str]:
    """Switch name → bridge name: the same, unless it is no plain short word or an interface has it."""
    taken = {name for _, name in interfaces(topology)}
    names: dict[str, str] = {}
    for number, switch in enumerate(topology.switches, 1):
        wanted = switch if _PLAIN_NAME.fullmatch(switch) else f"br{number}"
        names[switch] = _free(wanted, taken)
        taken.add(names[switch])
    return names


def interfaces(topology: DeclaredTopology) -> Iterator[tuple[str, str]]:
    """(switch, interface) of every end of a link and every host."""
    for link in topology.links:
        yield link.a
        yield link.b
    for host in topology.hosts:
        yield host.switch, host.interface


def has_unique_interfaces(topology: DeclaredTopology) -> bool:
    """Whether one ovs-vswitchd can hold all interfaces: their names are shared by all its bridges."""
    names = [name for _, name in interfaces(topology)]
    return len(set(names)) == len(names)


def add_bridge(bridge: str, dpid: Dpid, settings: BridgeSettings) -> Iterator[Command]:
    """A bridge that forwards nothing by itself, with a fixed datapath id."""
    yield ("add-br", bridge)
    yield (
        *("set", "bridge", bridge, f"datapath_type={settings.datapath}", "fail_mode=secure", "protocols=OpenFlow13"),
        *(f"other-config:datapath-id={format_dpid(dpid)}", "other-config:disable-in-band=true"),
    )
    if settings.controller:
        yield from set_controller(bridge, settings)


def set_controller(bridge: str, settings: BridgeSettings) -> Iterator[Command]:
    """Connect a bridge to a controller, in place of those it had; to none if the target is empty."""
    if not settings.controller:
        yield ("del-controller", bridge)
        return
    yield ("set-controller", bridge, settings.controller)
    probe = f"inactivity_probe={settings.probe}"
    yield ("set", "controller", bridge, "max_backoff=1000", probe, "connection_mode=out-of-band")


def add_host_port(bridge: str, interface: str, capture: str) -> Iterator[Command]:
    """A port whose outgoing frames go to a capture file."""
    yield ("add-port", bridge, interface)
    yield ("set", "interface", interface, "type=dummy", f"options:tx_pcap={capture}")


def check_host(topology: DeclaredTopology, host: DeclaredHost) -> None:
    """Raises InvalidInput when a host cannot be added."""
    check(replace(topology, hosts=(*topology.hosts, host)))


def check(topology: DeclaredTopology) -> None:
    """Raises InvalidInput when the topology cannot be built."""
    wrong: list[Violation] = []
    for (switch, name), count in Counter(interfaces(topology)).items():
        if switch not in topology.switches:
            wrong.append(Violation(switch, "no such switch", "Declare it, or correct the link or host."))
        if not name or len(name.encode()) > MAX_INTERFACE:
            remedy = f"Use 1 to {MAX_INTERFACE} bytes, as OpenFlow does."
            wrong.append(Violation(switch, f"interface name {name!r} cannot be used", remedy))
        if count > 1:
            wrong.append(Violation(switch, f"interface {name!r} is used {count} times", "Name each of them apart."))
    for name, count in Counter(host.name for host in topology.hosts).items():
        if count > 1:
            wrong.append(Violation(name, f"{count} hosts have this name", "Name each of them apart."))
    if wrong:
        raise InvalidInput(*wrong)


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[: MAX_INTERFACE - 4]}.{number}"
    return name
