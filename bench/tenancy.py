"""A cloud from nothing: H leaves and two spines, N routed networks of P ports, then single changes.

IPv4. One ovs-vswitchd for each switch (dummy datapath, no root). Each network has P ports round robin over the leaves,
two subnets and a router; the interfaces are created inside the clock. CPU seconds are those of the daemon and of all
switches with their databases.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _limit import Limit

from sdn.client import Client
from sdn.graph import load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port
from sdn.v1 import resources_pb2 as pb

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TIMEOUT = 600.0
_PAUSE = 0.1
"""Seconds: an operator's change does not follow the one before within milliseconds."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Memory that a process has in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


class Cloud:
    """The fabric, the daemon and a client."""

    def __init__(self, leaves: int, state: Path, interfaces: str = "dummy") -> None:
        self.interfaces = interfaces
        self.leaves = [f"leaf{n}" for n in range(1, leaves + 1)]
        self.spec = f"leaf-spine:spines=2,leaves={leaves},hosts=0"
        self.daemon = Daemon(state, self.spec, openflow=free_port(), grpc=free_port())
        controller = f"tcp:127.0.0.1:{self.daemon.openflow}"
        self.network = LabNetwork(load_topology(self.spec), controller=controller, daemons="each")
        self.client = Client(self.daemon.address, timeout=_TIMEOUT)

    def wait_ready(self) -> None:
        """All switches in sync and all links up."""
        self.client.wait_ready(_TIMEOUT)

    def wait_programmed(self, objects: int) -> None:
        """Every object is programmed."""
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            if dict(self.client.status().objects_by_state) == {"PROGRAMMED": objects}:
                return
            time.sleep(0.05)
        raise SystemExit(f"not programmed after {_TIMEOUT:g} s: {dict(self.client.status().objects_by_state)}")

    def pids(self) -> list[int]:
        """The daemon and all processes of switches."""
        switches = self.network.topology.switches
        return [self.daemon.pid, *(pid for name in switches for pid in self.network.ovs_of(name).pids)]

    def management(self) -> list[Path]:
        """The leaves' sockets on which OpenFlow is spoken beside the daemon."""
        return [self.network.ovs_of(leaf).directory / f"{self.network.bridge_of(leaf)}.mgmt" for leaf in self.leaves]

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of all, and of the daemon."""
        each = [cpu_seconds(pid) for pid in self.pids()]
        return sum(each), each[0]

    def flows(self) -> int:
        """What the switches say they hold."""
        names = self.network.topology.switches
        return sum("actions=" in line for name in names for line in self.network.flows(name).splitlines())

    def add_interfaces(self, names: list[tuple[str, str]]) -> None:
        """Create interfaces, given as (leaf, name), with one command for each leaf."""
        for leaf in dict.fromkeys(leaf for leaf, _ in names):
            bridge, here = self.network.bridge_of(leaf), [name for at, name in names if at == leaf]
            commands = [["add-port", bridge, n, "--", "set", "interface", n, *self._settings(n)] for n in here]
            self.network.ovs_of(leaf).vsctl_batch(commands)

    def _settings(self, name: str) -> list[str]:
        return [f"type={self.interfaces}"] + ([f"options:peer=no-{name}"] if self.interfaces == "patch" else [])


@contextmanager
def cloud(leaves: int, interfaces: str = "dummy") -> Iterator[Cloud]:
    """A fabric in sync, without tenants. interfaces: ``dummy`` or ``patch``, see ``main``."""
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        made = Cloud(leaves, Path(directory), interfaces)
        with made.daemon, made.client, made.network:
            made.wait_ready()
            yield made


def network_objects(number: int, ports: int, leaves: list[str]) -> tuple[list[object], list[tuple[str, str]]]:
    """A tenant with one network, two subnets, a router and its ports; and (leaf, interface) of each port."""
    tenant = f"tenants/t{number}"
    network = f"{tenant}/networks/n"
    objects: list[object] = [pb.Tenant(name=tenant), pb.Network(name=network)]
    subnets = [f"{tenant}/subnets/s{half}" for half in (0, 1)]
    objects += [pb.Subnet(name=name, network=network, cidr=f"10.0.{half}.0/24") for half, name in enumerate(subnets)]
    objects.append(pb.Router(name=f"{tenant}/routers/r", subnets=subnets))
    places = [(leaves[(number + i) % len(leaves)], f"t{number}p{i}") for i in range(ports)]
    for i, (leaf, interface) in enumerate(places):
        objects.append(
            pb.Port(
                name=f"{tenant}/ports/p{i}",
                network=network,
                addresses=[f"10.0.{i % 2}.{i // 2 + 10}"],
                binding=pb.Binding(switch=leaf, interface=interface),
            )
        )
    return objects, places


def build(made: Cloud, networks: int, ports: int) -> dict[str, float]:
    """The whole cloud, from the first request until everything is programmed."""
    before, daemon_before = made.cpu()
    start = time.monotonic()
    places = []
    count = 0
    for number in range(networks):
        objects, here = network_objects(number, ports, made.leaves)
        made.client.apply(objects)
        places += here
        count += len(objects)
    made.add_interfaces(places)
    made.wait_programmed(count)
    wall = time.monotonic() - start
    after, daemon_after = made.cpu()
    return {"wall_s": wall, "cpu_s_all": after - before, "daemon_cpu_s": daemon_after - daemon_before}


class Changes:
    """Single ports, bound to interfaces that are there, added and deleted until programmed everywhere, in turns with
    the least that the switches could be asked to do."""

    KEEP = 5
    """Ports that stay at first, so that a network is not as before."""

    def __init__(self, made: Cloud, networks: int, times: int) -> None:
        self._made = made
        self._networks = networks
        self.interfaces = [(made.leaves[i % len(made.leaves)], f"spare{i}") for i in range(times)]
        self._names: list[str] = []
        self.added: list[float] = []
        self.deleted: list[float] = []
        self.limits: list[float] = []

    def run(self, limit: Limit, pause: float) -> None:
        """All changes; pause: seconds before each, in which switches finish what the one before made them do."""
        for i in range(len(self.interfaces) + self.KEEP):
            if i < len(self.interfaces):
                self._add(i, pause)
            if i >= self.KEEP:
                self._delete(pause)
                for least in (limit.add, limit.delete):
                    time.sleep(pause)
                    self.limits.append(least())

    def _add(self, i: int, pause: float) -> None:
        leaf, interface = self.interfaces[i]
        tenant = f"tenants/t{i % self._networks}"
        port = pb.Port(
            name=f"{tenant}/ports/x{i}",
            network=f"{tenant}/networks/n",
            addresses=[f"10.0.0.{i % 50 + 200}"],
            binding=pb.Binding(switch=leaf, interface=interface),
        )
        time.sleep(pause)
        start = time.perf_counter()
        self._made.client.ports.create(port, wait=_TIMEOUT / 10)
        self.added.append(time.perf_counter() - start)
        self._names.append(port.name)

    def _delete(self, pause: float) -> None:
        name = self._names.pop(0)
        time.sleep(pause)
        start = time.perf_counter()
        self._made.client.ports.delete(name, wait=_TIMEOUT / 10)
        self.deleted.append(time.perf_counter() - start)


def change(made: Cloud, networks: int, times: int) -> dict[str, float]:
    """Single changes, one right after the other and with pauses, and one more network of 50 ports."""
    changes, paused = Changes(made, networks, times), Changes(made, networks, times)
    made.add_interfaces(changes.interfaces)
    with Limit(made.management()) as limit:
        changes.run(limit, 0)
        paused.run(limit, _PAUSE)
        barriers = [limit.barrier() for _ in range(times)]
    result = {
        "add_port_ms_p50": 1000 * statistics.median(changes.added),
        "add_port_ms_p99": 1000 * p99(changes.added),
        "delete_port_ms_p50": 1000 * statistics.median(changes.deleted),
        "delete_port_ms_p99": 1000 * p99(changes.deleted),
        "limit_change_ms_p50": 1000 * statistics.median(changes.limits),
        "limit_change_ms_p99": 1000 * p99(changes.limits),
        "ratio_change": statistics.median(changes.added + changes.deleted) / statistics.median(changes.limits),
        "paused_add_port_ms_p50": 1000 * statistics.median(paused.added),
        "paused_add_port_ms_p99": 1000 * p99(paused.added),
        "paused_limit_change_ms_p50": 1000 * statistics.median(paused.limits),
        "barrier_ms_p50": 1000 * statistics.median(barriers),
    }
    return result | {"add_network_ms": 1000 * one_more_network(made, networks)}


def p99(values: list[float]) -> float:
    """The value that 99 of 100 do not exceed."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


def one_more_network(made: Cloud, number: int) -> float:
    """Seconds until a network of 50 ports, with two subnets and a router, is programmed everywhere."""
    objects, places = network_objects(number, 50, made.leaves)
    made.add_interfaces(places)
    start = time.perf_counter()
    made.client.apply(objects, wait=_TIMEOUT / 10)
    return time.perf_counter() - start


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--switches", type=int, default=10, help="leaves")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--ports", type=int, default=20, help="ports per network")
    parser.add_argument("--changes", type=int, default=200, help="single ports added and deleted")
    parser.add_argument(
        "--interfaces",
        choices=("dummy", "patch"),
        default="dummy",
        help="of ports: 'dummy' ones are polled by the main loop of ovs-vswitchd; 'patch' ports without a peer are "
        "not, like those of the kernel's datapath, but carry no packets",
    )
    parser.add_argument("--small", action="store_true", help="3 leaves, 4 networks, 6 ports, 10 changes")
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    args = parser.parse_args()
    if args.small:
        args.switches, args.networks, args.ports, args.changes = 3, 4, 6, 10
    with cloud(args.switches, args.interfaces) as made:
        idle = resident_bytes(made.daemon.pid)
        result: dict[str, float] = build(made, args.networks, args.ports)
        flows, rss = made.flows(), resident_bytes(made.daemon.pid)
        result |= {"flows": flows, "rss_mb": rss / 1e6, "idle_rss_mb": idle / 1e6}
        result["bytes_per_flow"] = (rss - idle) / flows
        result |= change(made, args.networks, args.changes)
    rounded = {key: round(value, 2) for key, value in result.items()}
    if not args.json:
        for key, value in rounded.items():
            print(f"{key:20} {value:12,.2f}")
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
