"""The whole experiment: sdnd, a network in Mininet, a manifest applied through the API, and hosts set accordingly."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from google.protobuf.message import Message

from sdn.client import Client, load
from sdn.graph import load_topology
from sdn.lab.daemon import Daemon
from sdn.v1 import resources_pb2 as pb

from . import intent
from .agents import Agents, Json
from .intent import Endpoint, HostSettings, Objects
from .machine import MachineError
from .matrix import Protocol, Reachability, measure
from .network import LinkRef, MininetNetwork

_POLL_SECONDS = 0.05
_MOVE_SECONDS = 10.0


class MininetLab:
    """A running experiment, as a context manager.

    Errors are MachineError, LabError, ApiError, ManifestError or AgentError.

    topology: as sdnd takes it; state: directory of sdnd's state and log, a temporary one if None.
    ``client``, ``daemon``, ``network`` and ``agents`` are there to be used; ``endpoints`` are the hosts with a port.
    """

    def __init__(
        self, topology: str, *, state: Path | None = None, openflow: int = 0, grpc: int = 0, ready: float = 60.0
    ) -> None:
        self.spec = topology
        self.network: MininetNetwork
        self.daemon: Daemon
        self.client: Client
        self.agents: Agents
        self.endpoints: dict[str, Endpoint] = {}
        self._set: dict[str, HostSettings] = {}
        self._state = state
        self._ports = (openflow, grpc)
        self._ready = ready
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            state = self._state
            if state is None:
                state = Path(tempfile.mkdtemp(prefix="sdn-demo-"))
                stack.callback(shutil.rmtree, state, ignore_errors=True)
            topology = load_topology(self.spec)
            self.daemon = Daemon(state, self.spec, openflow=self._ports[0], grpc=self._ports[1])
            stack.enter_context(self.daemon)
            self.client = stack.enter_context(Client(self.daemon.address))
            self.daemon.wait_answers(self.client)
            self.network = stack.enter_context(MininetNetwork(topology, self.daemon.openflow))
            spawn = {host.name: self.network.node(host.name).popen for host in topology.hosts}
            self.daemon.wait_ready(self.client, self._ready)
            self.agents = stack.enter_context(Agents(spawn))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    def apply(self, manifest: Path | str, *, wait: float = 30.0) -> int:
        """Apply a manifest, wait until it is in the switches, and set the hosts. Returns the number of objects.

        Raises MachineError naming objects that are not programmed after ``wait`` seconds.
        """
        return self.apply_all([document.message for document in load(manifest)], wait=wait)

    def everybody(self, cidr: str, *, wait: float = 60.0) -> int:
        """Put all hosts into one network, tenants/lab/networks/all, with addresses of an IPv4 range; see ``apply``."""
        tenant, network = "tenants/lab", "tenants/lab/networks/all"
        objects: list[Message] = [pb.Tenant(name=tenant), pb.Network(name=network)]
        objects.append(pb.Subnet(name=f"{tenant}/subnets/v4", network=network, cidr=cidr))
        for host in self.network.topology.hosts:
            binding = pb.Binding(switch=host.switch, interface=host.interface)
            objects.append(pb.Port(name=f"{tenant}/ports/{host.name}", network=network, binding=binding))
        return self.apply_all(objects, wait=wait)

    def apply_all(self, objects: Iterable[Message], *, wait: float = 30.0) -> int:
        """The same as ``apply`` for objects."""
        response = self.client.apply(objects, wait=wait)
        self.check_programmed()
        self.configure_hosts()
        return len(response.resources)

    def check_programmed(self) -> None:
        """Raise MachineError when an object is not as it should be, with the reasons."""
        kinds = ("Tenant", "Network", "Subnet", "Router", "Port")
        items = [item for kind in kinds for item in self.client.of_kind(kind).list()]
        late = [
            f"{item.name}: {item.status.reason} {item.status.message}".strip()
            for item in items
            if item.status.state != pb.PROGRAMMED
        ]
        if late:
            raise MachineError("not programmed: " + "; ".join(late[:10]))

    def configure_hosts(self) -> None:
        """Set every host that has a port to what the API reports.

        Those that are so already are left alone: to set a host costs it its addresses, and what it sends, for a moment.
        """
        client = self.client
        objects = Objects(client.networks.list(), client.subnets.list(), client.routers.list(), client.ports.list())
        self.endpoints = intent.endpoints(self.network.topology, objects)
        wanted = {name: endpoint.settings() for name, endpoint in self.endpoints.items()}
        self.network.configure({name: new for name, new in wanted.items() if self._set.get(name) != new})
        self._set = wanted
        self.network.wait_addresses(self.endpoints)

    def matrix(self, version: int = 4, protocol: Protocol = "ping", *, timeout: float = 20.0) -> Reachability:
        """Who reaches whom, against what the objects say."""
        ends = list(self.endpoints.values())
        return measure(self.agents, ends, intent.expected(ends, version), version, protocol, timeout)

    def cut(self, link: LinkRef) -> None:
        """Take a link down."""
        self.network.cut(link)

    def mend(self, link: LinkRef) -> None:
        """Bring it back."""
        self.network.mend(link)

    def stop_switch(self, switch: str) -> None:
        """A switch loses power."""
        self.network.stop_switch(switch)

    def start_switch(self, switch: str) -> None:
        """It comes back, empty."""
        self.network.start_switch(switch)

    def move(self, host: str, switch: str) -> str:
        """Plug a host into another switch, and tell the daemon; returns the interface there."""
        interface = self.network.move(host, switch)
        end = self.endpoints.get(host)
        if end is not None:
            binding = pb.Binding(switch=switch, interface=interface)
            self.client.ports.update(pb.Port(name=end.port, binding=binding), mask=["binding"], wait=_MOVE_SECONDS)
        return interface

    def carried(self, before: Mapping[tuple[str, str], int] | None = None) -> dict[tuple[str, str], int]:
        """(switch, neighbour) → packets from the one to the other, since ``before`` was taken."""
        return {pair: count - (before or {}).get(pair, 0) for pair, count in self.network.carried().items()}

    def endpoint(self, host: str) -> Endpoint:
        """A host that has a port; raises MachineError."""
        if host not in self.endpoints:
            there = ", ".join(self.endpoints) or "none"
            raise MachineError(f"there is no host {host!r} with a port. There are: {there}.")
        return self.endpoints[host]

    def ready(self, timeout: float = 30.0) -> None:
        """Wait until the daemon says that all switches are in sync and all declared links are up."""
        self.daemon.wait_ready(self.client, timeout)

    def start_stream(
        self, sender: str, receiver: str, *, version: int = 4, interval: float, count: int
    ) -> StreamTicket:
        """Let a host send ``count`` UDP packets, one every ``interval`` seconds, which the receiver answers."""
        self.endpoint(sender)
        address = self.endpoint(receiver).address(version)
        if address is None:
            raise MachineError(f"{receiver} has no IPv{version} address.")
        command: Json = {"op": "stream", "target": str(address.interface.ip), "interval": interval, "count": count}
        return StreamTicket(self.agents, self.agents.start({sender: command}), interval * count + 2)

    def broadcast(self, sender: str, tag: str) -> set[str]:
        """Send an IPv4 broadcast; returns the other hosts that got it when all members have, or after 5 seconds.

        The sender's own sockets always hear it (Linux loops broadcasts back inside the host).
        """
        address = self.endpoint(sender).address(4)
        if address is None:
            raise MachineError(f"{sender} has no IPv4 address.")
        self.agents.ask({name: {"op": "seen"} for name in self.endpoints})
        self.agents.ask({sender: {"op": "broadcast", "address": str(address.interface.network[-1]), "tag": tag}})
        members = {e.host for e in self.endpoints.values() if _heard_by(self.endpoints[sender], e)}
        return self._who_saw(tag, members) - {sender}

    def _who_saw(self, tag: str, wanted: Iterable[str]) -> set[str]:
        """Ask until all wanted hosts have seen it, and then what the others saw in the time of a ping."""
        found: set[str] = set()
        missing = set(wanted)
        end = time.monotonic() + 5
        while missing and time.monotonic() < end:
            answers = self.agents.ask({name: {"op": "seen"} for name in self.endpoints})
            found |= {name for name, answer in answers.items() if tag in answer["tags"]}
            missing -= found
            time.sleep(_POLL_SECONDS)
        # Who must not get it has had at least as long as those who must, and a little more.
        time.sleep(_POLL_SECONDS)
        answers = self.agents.ask({name: {"op": "seen"} for name in self.endpoints})
        return found | {name for name, answer in answers.items() if tag in answer["tags"]}


class StreamTicket:
    """A stream under way."""

    def __init__(self, agents: Agents, tickets: dict[str, tuple[str, int]], timeout: float) -> None:
        self._agents = agents
        self._tickets = tickets
        self._timeout = timeout

    def result(self) -> tuple[int, int, float]:
        """Await the end: (packets sent, lost, longest time in seconds without an answer)."""
        (answer,) = self._agents.finish(self._tickets, self._timeout).values()
        return answer["sent"], answer["lost"], answer["gap"]


def _heard_by(sender: Endpoint, other: Endpoint) -> bool:
    return sender.network == other.network and sender.host != other.host
