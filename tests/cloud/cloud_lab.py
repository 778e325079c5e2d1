"""A network of private switches under a real sdnd, with tenants of equal addresses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from sdn.client import Client, maintenance_target
from sdn.graph import assign_interfaces, load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port
from sdn.lab.host import Host
from sdn.lab.matrix import Matrix, Pair, reachability
from sdn.model.topology import DeclaredHost
from sdn.v1 import resources_pb2 as pb

TENANTS = ("red", "blue")
WAIT = 30.0
_T = TypeVar("_T")


def meanwhile(send: Callable[[], None], doing: Callable[[], _T]) -> _T:
    """Send before, for as long as something takes, and afterwards; answers what that answers."""
    send()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(doing)
        while not future.done():
            send()
    send()
    return future.result()


class CloudLab:
    """``hosts`` by name; of n tenants, host i belongs to tenant i % n and to network a or b of it by i // n % 2."""

    def __init__(
        self,
        spec: str,
        state: Path,
        client: Client,
        daemon: Daemon,
        network: LabNetwork,
        tenants: Sequence[str] = TENANTS,
    ) -> None:
        self.spec, self.state, self.client, self.daemon, self.network = spec, state, client, daemon, network
        self.tenants = tenants
        self.hosts: dict[str, Host] = {}
        self.tenant: dict[str, str] = {}
        self.subnet: dict[str, str] = {}
        self.place = {host.name: host for host in network.topology.hosts}

    def apply(self) -> None:
        """All tenants with all their ports, waited for."""
        objects: list[object] = []
        for tenant in self.tenants:
            base = f"tenants/{tenant}"
            subnets = []
            objects.append(pb.Tenant(name=base))
            for number, network in enumerate("ab", 1):
                objects.append(pb.Network(name=f"{base}/networks/{network}"))
                for version, cidr in (("v4", f"10.0.{number}.0/24"), ("v6", f"fd00:0:0:{number}::/64")):
                    subnets.append(f"{base}/subnets/{network}-{version}")
                    objects.append(pb.Subnet(name=subnets[-1], network=f"{base}/networks/{network}", cidr=cidr))
            objects.append(pb.Router(name=f"{base}/routers/r", subnets=subnets))
        objects += [self._port(index, host) for index, host in enumerate(self.network.topology.hosts)]
        self.client.apply(objects, wait=WAIT)
        states = dict(self.client.status().objects_by_state)
        assert list(states) == ["PROGRAMMED"], states

    def _port(self, index: int, place: DeclaredHost) -> pb.Port:
        row, column = divmod(index, len(self.tenants))
        tenant, number, low = self.tenants[column], row % 2 + 1, row + 10
        mac = f"02:00:00:00:0{number}:{low:02x}"
        addresses = [f"10.0.{number}.{low}", f"fd00:0:0:{number}::{low:x}"]
        gateways = (f"10.0.{number}.1", f"fd00:0:0:{number}::1")
        self.hosts[place.name] = Host.of(place.name, mac, f"{addresses[0]}/24", f"{addresses[1]}/64", gateways=gateways)
        self.tenant[place.name], self.subnet[place.name] = tenant, f"{tenant}-{number}"
        return pb.Port(
            name=self.port_of(place.name),
            network=f"tenants/{tenant}/networks/{'ab'[number - 1]}",
            mac=mac,
            addresses=addresses,
            binding=pb.Binding(switch=place.switch, interface=place.interface),
        )

    def port_of(self, host: str) -> str:
        """Full name of a host's port."""
        return f"tenants/{self.tenant[host]}/ports/{host}"

    @property
    def expected(self) -> set[Pair]:
        """Who must reach whom: hosts of one tenant."""
        return {(a, b) for a in self.hosts for b in self.hosts if a != b and self.tenant[a] == self.tenant[b]}

    def matrix(
        self, version: int = 4, protocol: str = "udp", hosts: list[Host] | None = None, timeout: float = 10.0
    ) -> Matrix:
        """Every ordered pair. timeout: seconds that packets are waited for, see ``reachability``."""
        chosen = list(self.hosts.values()) if hosts is None else hosts
        return reachability(
            self.network, chosen, version=version, protocol=protocol, expected=self.expected, timeout=timeout  # type: ignore[arg-type]
        )  # fmt: skip

    def differences(self, *versions: int, timeout: float = 10.0) -> str:
        """What is not as it must be, for IPv4 and IPv6."""
        found = (self.matrix(version, timeout=timeout) for version in versions or (4, 6))
        return "".join(matrix.explain(self.expected) for matrix in found)

    def members(self, host: str) -> set[str]:
        """The other hosts of its network."""
        return {name for name, subnet in self.subnet.items() if subnet == self.subnet[host]} - {host}

    def free(self) -> list[str]:
        """The last two hosts of each switch that has any: tests of circuits take their ports away."""
        of: dict[str, list[str]] = {}
        for host in self.network.topology.hosts:
            of.setdefault(host.switch, []).append(host.name)
        return [name for names in of.values() for name in names[-2:]]

    def ready(self) -> None:
        """All switches in sync, all declared links up."""
        self.client.wait_ready(WAIT)

    def wait_settled(self) -> None:
        """Traffic goes where it should, and no switch holds anything of before any more."""
        switch = maintenance_target(next(iter(self.network.topology.switches)))
        deadline = time.monotonic() + WAIT
        while not self.client.get_maintenance(switch).settled:
            assert time.monotonic() < deadline, "traffic has not moved"

    def forget_caches(self) -> None:
        """Return when switches forward by their flows as they are: a barrier does not cover the cache of a datapath."""
        for ovs in {self.network.ovs_of(switch) for switch in self.network.topology.switches}:
            ovs.appctl("revalidator/wait")

    def arrivals(self, sender: str, *frames: bytes) -> dict[str, list[bytes]]:
        """What comes to each host, sender included, when one sends these; empty lists left out."""
        for host in self.hosts:
            self.network.received(host)
        self.network.send(sender, *frames)
        self.network.settle()
        found = {host: self.network.received(host) for host in self.hosts}
        return {host: got for host, got in found.items() if got}


@contextmanager
def cloud_lab(
    spec: str,
    state: Path,
    daemons: Literal["auto", "one", "each"] = "auto",
    links: Literal["socket", "patch"] = "socket",
    tenants: Sequence[str] = TENANTS,
) -> Iterator[CloudLab]:
    """The network, the daemon and the tenants, programmed. daemons, links: as of LabNetwork."""
    daemon = Daemon(state, spec, openflow=free_port(), grpc=free_port())
    topology = assign_interfaces(load_topology(spec))
    network = LabNetwork(topology, controller=f"tcp:127.0.0.1:{daemon.openflow}", daemons=daemons, links=links)
    with daemon, Client(daemon.address, timeout=WAIT) as client:
        daemon.wait_answers(client)
        with network:
            lab = CloudLab(spec, state, client, daemon, network, tenants)
            lab.ready()
            lab.apply()
            yield lab
