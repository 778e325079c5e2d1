"""The declared topology in Mininet: Open vSwitch bridges on the userspace datapath, veth links, hosts in namespaces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mininet.link import Link
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSSwitch

from sdn.graph import assign_interfaces
from sdn.model.ids import format_dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology

from . import machine
from .intent import HostSettings
from .machine import MachineError

LinkRef = DeclaredLink | tuple[str, str]
"""A link, or the names of the two switches that it alone connects."""


class Controller:
    """Where switches connect, in the form that Mininet's switches ask for."""

    protocol = "tcp"
    name = "c0"

    def __init__(self, port: int) -> None:
        self.port = port

    def IP(self) -> str:  # noqa: N802 - Mininet's name
        """The address."""
        return "127.0.0.1"


class MininetNetwork:
    """A running network, as a context manager. controller_port: on 127.0.0.1, 0 for none. Errors are MachineError.

    ``topology`` holds the names of all interfaces; ``net`` is Mininet's own object, for its prompt.
    """

    def __init__(self, topology: DeclaredTopology, controller_port: int = 0) -> None:
        self.topology = assign_interfaces(topology)
        self.controllers = [Controller(controller_port)] if controller_port else []
        self.net: Any = None
        self._bridges: dict[str, str] = {}
        self._cut: set[DeclaredLink] = set()
        self._stopped: set[str] = set()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException as error:
            self.stop()
            if isinstance(error, SystemExit):  # how Mininet reports that it cannot work
                raise MachineError("Mininet gave up. Its reason is above.") from None
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Boot everything; the hosts have no addresses yet."""
        setLogLevel("warning")
        machine.ensure_open_vswitch()
        taken = machine.taken_names()
        machine.check_interfaces((name for _, name in self._interfaces()), taken)
        reserved = taken | {name for _, name in self._interfaces()} | {host.name for host in self.topology.hosts}
        self._bridges = machine.bridge_names(self.topology.switches, reserved)
        self.net = Mininet(switch=OVSSwitch, link=Link, controller=None, build=False)
        for switch, dpid in self.topology.switches.items():
            self.net.addSwitch(
                self._bridges[switch],
                dpid=format_dpid(dpid),
                datapath="user",
                protocols="OpenFlow13",
                failMode="secure",
            )
        for host in self.topology.hosts:
            self.net.addHost(host.name, ip=None)
        self._add_links()
        self.net.build()
        for switch in self.topology.switches:
            self.node(switch).start(self.controllers)
        self._check_started()

    def stop(self) -> None:
        """Take everything away by its own name, whatever state it is in."""
        if self.net is None:
            return
        try:
            self.net.stop()
        except Exception as error:
            print(f"Mininet could not stop cleanly ({error}); removing what is ours.")
        finally:
            self._remove_rest()
            self.net = None

    def node(self, name: str) -> Any:
        """Mininet's object for a switch or host of the topology."""
        return self.net.get(self._bridges.get(name, name))

    def bridge_of(self, switch: str) -> str:
        """The bridge of a switch, for commands of Open vSwitch."""
        return self._bridges[switch]

    def flows(self, switch: str) -> str:
        """All flows as ``ovs-ofctl dump-flows`` prints them."""
        return machine.run("ovs-ofctl", "-O", "OpenFlow13", "dump-flows", self._bridges[switch])

    def ofctl(self, switch: str, command: str, *args: str) -> str:
        """``ovs-ofctl COMMAND`` on a switch."""
        return machine.run("ovs-ofctl", "-O", "OpenFlow13", command, self._bridges[switch], *args)

    # ---- hosts ---------------------------------------------------------------------------------------------------

    def configure(self, hosts: dict[str, HostSettings]) -> None:
        """Set MACs, addresses and routes of hosts, in place of those they had."""
        running = [(name, self._in_host(name, _script(f"{name}-eth0", settings))) for name, settings in hosts.items()]
        for name, process in running:
            output, _ = process.communicate(timeout=60)
            if process.returncode:
                raise MachineError(f"host {name} cannot be set: {output.decode(errors='replace').strip()}")

    def wait_addresses(self, hosts: Iterable[str], timeout: float = 10.0) -> None:
        """Return when no IPv6 address of these hosts is tentative any more (duplicate address detection, RFC 4862)."""
        script = (
            f"end=$(($(date +%s) + {timeout:.0f})); while ip -6 addr show | grep -q ' tentative'; do "
            "[ $(date +%s) -lt $end ] || exit 1; sleep 0.05; done"
        )
        running = [(name, self._in_host(name, script)) for name in hosts]
        late = [name for name, process in running if process.wait()]
        if late:
            raise MachineError(f"IPv6 addresses of {', '.join(late)} stay tentative. Look for a loop or a duplicate.")

    def _in_host(self, name: str, script: str) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = self.node(name).popen(
            ["sh", "-ec", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return process

    # ---- links and switches --------------------------------------------------------------------------------------

    def link(self, a: str, b: str) -> DeclaredLink:
        """The only link between two switches; raises MachineError when there is none or more."""
        found = [link for link in self.topology.links if {link.a[0], link.b[0]} == {a, b}]
        if len(found) != 1:
            raise MachineError(f"{len(found)} links connect {a} and {b}. Pick one from topology.links.")
        return found[0]

    def cut(self, link: LinkRef) -> None:
        """Take a link down at both ends."""
        declared = link if isinstance(link, DeclaredLink) else self.link(*link)
        self._cut.add(declared)
        self._set_links()

    def mend(self, link: LinkRef) -> None:
        """Undo ``cut``."""
        declared = link if isinstance(link, DeclaredLink) else self.link(*link)
        self._cut.discard(declared)
        self._set_links()

    @property
    def cut_links(self) -> list[tuple[str, str]]:
        """Pairs of switches whose link was cut."""
        return [(link.a[0], link.b[0]) for link in self._cut]

    def carried(self) -> dict[tuple[str, str], int]:
        """(neighbour, switch) → packets that the switch has received from the neighbour since the port was made.

        Parallel links are added up. What the kernel counts at the switch's end of each cable.
        """
        found: dict[tuple[str, str], int] = {}
        for link in self.topology.links:
            for (here, interface), (there, _) in ((link.a, link.b), (link.b, link.a)):
                file = Path("/sys/class/net") / interface / "statistics" / "rx_packets"
                count = int(file.read_text()) if file.exists() else 0
                found[there, here] = found.get((there, here), 0) + count
        return found

    def move(self, host: str, switch: str) -> str:
        """Plug a host's cable into another switch; returns the name of the interface there."""
        place = next((h for h in self.topology.hosts if h.name == host), None)
        if place is None or switch not in self.topology.switches:
            raise MachineError(f"there is no {'switch ' + switch if place else 'host ' + host}.")
        if place.switch == switch:
            return place.interface
        taken = machine.taken_names() | {name for _, name in self._interfaces()}
        names = (f"{self._bridges[switch]}-eth{number}" for number in range(1, 10_000))
        new = next(name for name in names if name not in taken)
        machine.check_interfaces([new], taken)
        machine.run("ovs-vsctl", "del-port", self._bridges[place.switch], place.interface)
        for change in (("down",), ("name", new), ("up",)):
            device = new if change == ("up",) else place.interface
            machine.run("ip", "link", "set", "dev", device, *change)
        machine.run("ovs-vsctl", "add-port", self._bridges[switch], new)
        self._move_node(place, switch, new)
        hosts = tuple(DeclaredHost(host, switch, new) if h is place else h for h in self.topology.hosts)
        self.topology = replace(self.topology, hosts=hosts)
        return new

    def _move_node(self, place: DeclaredHost, switch: str, new: str) -> None:
        """Mininet's own records of an interface that has another switch and name now."""
        before, after = self.node(place.switch), self.node(switch)
        interface = before.nameToIntf.pop(place.interface)
        del before.intfs[before.ports.pop(interface)]
        interface.name, interface.node = new, after
        after.addIntf(interface, moveIntfFn=lambda *_: None)

    def stop_switch(self, switch: str) -> None:
        """A power failure: the bridge is gone, and its neighbours and hosts see their carrier go."""
        self._stopped.add(switch)
        machine.run("ovs-vsctl", "--if-exists", "del-br", self._bridges[switch])
        self._set_links()
        self._set_hosts(switch, "down")

    def start_switch(self, switch: str) -> None:
        """Bring a stopped switch back with an empty table."""
        self._stopped.discard(switch)
        self._set_links()
        self._set_hosts(switch, "up")
        self.node(switch).start(self.controllers)
        self._check_started()

    def _set_links(self) -> None:
        for link in self.topology.links:
            works = link not in self._cut and not self._stopped & {link.a[0], link.b[0]}
            for _, interface in (link.a, link.b):
                machine.run("ip", "link", "set", "dev", interface, "up" if works else "down")

    def _set_hosts(self, switch: str, state: str) -> None:
        for host in self.topology.hosts:
            if host.switch == switch:
                machine.run("ip", "link", "set", "dev", host.interface, state)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _interfaces(self) -> list[tuple[str, str]]:
        ends = [end for link in self.topology.links for end in (link.a, link.b)]
        return ends + [(host.switch, host.interface) for host in self.topology.hosts]

    def _add_links(self) -> None:
        for link in self.topology.links:
            (a, a_port), (b, b_port) = link.a, link.b
            self.net.addLink(self.node(a), self.node(b), intfName1=a_port, intfName2=b_port)
        for host in self.topology.hosts:
            names = {"intfName1": f"{host.name}-eth0", "intfName2": host.interface}
            self.net.addLink(self.node(host.name), self.node(host.switch), **names)

    def _check_started(self) -> None:
        """Mininet does not look at what ovs-vsctl says."""
        there = set(machine.run("ovs-vsctl", "list-br").split())
        wanted = {bridge for switch, bridge in self._bridges.items() if switch not in self._stopped}
        if not wanted <= there:
            raise MachineError(f"Open vSwitch did not make {', '.join(sorted(wanted - there))}. See its log.")

    def _remove_rest(self) -> None:
        """What Mininet left, by the names that were free before we took them."""
        try:
            taken = machine.taken_names()
            for bridge in self._bridges.values():
                if bridge in taken:
                    machine.run("ovs-vsctl", "--if-exists", "del-br", bridge)
            for _, interface in self._interfaces():
                if self._bridges and interface in taken:
                    subprocess.run(["ip", "link", "del", interface], capture_output=True, check=False)
        except MachineError as error:
            print(f"not everything could be removed: {error}")


def _script(interface: str, settings: HostSettings) -> str:
    lines = [
        # On veth the userspace datapath would send TCP and UDP with unfinished checksums.
        f"ethtool -K {interface} tx off >/dev/null",
        f"sysctl -qw net.ipv6.conf.{interface}.accept_ra=0 net.ipv6.conf.{interface}.addr_gen_mode=0",
        f"ip link set dev {interface} down",
        f"ip addr flush dev {interface}",
        f"ip link set dev {interface} address {settings.mac} mtu {settings.mtu}",
        f"ip link set dev {interface} up",
        "ip link set dev lo up",
    ]
    lines += [f"ip addr add {address} dev {interface}" for address in settings.addresses]
    lines += [
        f"ip {'-6' if ':' in gateway else '-4'} route replace default via {gateway} dev {interface}"
        for gateway in settings.gateways
    ]
    return "\n".join(lines)
