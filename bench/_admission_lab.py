"""Connections end to end: from the call of the API until the last switch has confirmed, on real switches.

sdnd and a private Open vSwitch (dummy datapath, no root) with all switches of a topology and some ports on each. The
requests come one at a time, each protected against any link and within twice the least latency, and are waited for: the
answer comes when every switch concerned has answered the barrier behind its entries and the ends send along the path.
Between two requests the same switches are asked for a barrier, and for one small bundle, by bare sockets.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from _limit import Limit

from sdn.client import ApiError, Client
from sdn.graph import assign_interfaces, load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb

_TIMEOUT = 120.0
_PORTS = 6
"""On each switch; two ports have at most one connection."""
_TENANT = "tenants/t"
_BANDWIDTH = 10**6


def measure(spec: str, count: int, seed: int) -> dict[str, float]:
    """Milliseconds of that many admitted requests; keys end with their unit."""
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        daemon = Daemon(Path(directory), spec, openflow=free_port(), grpc=free_port())
        topology = assign_interfaces(load_topology(spec))
        network = LabNetwork(topology, controller=f"tcp:127.0.0.1:{daemon.openflow}", links="patch", daemons="one")
        with daemon, Client(daemon.address, timeout=_TIMEOUT) as client:
            daemon.wait_answers(client)
            with network:
                client.wait_ready(_TIMEOUT)
                places = _ports(network, client)
                sockets = [network.ovs_of(s).directory / f"{network.bridge_of(s)}.mgmt" for s in topology.switches]
                with Limit(sockets) as limit:
                    return _Run(client, limit).all(_pairs(places, seed), count)


def _ports(network: LabNetwork, client: Client) -> list[tuple[str, str]]:
    """Ports on every switch, programmed: (name, switch)."""
    places = []
    commands: dict[str, list[list[str]]] = {}
    objects: list[object] = [
        pb.Tenant(name=_TENANT),
        pb.Network(name=f"{_TENANT}/networks/n"),
        pb.Subnet(name=f"{_TENANT}/subnets/s", network=f"{_TENANT}/networks/n", cidr="10.0.0.0/16"),
    ]
    for at, switch in enumerate(network.topology.switches):
        for index in range(_PORTS):
            name = f"p{at}x{index}"
            setting = ["--", "set", "interface", name, "type=dummy"]
            commands.setdefault(switch, []).append(["add-port", network.bridge_of(switch), name, *setting])
            binding = pb.Binding(switch=switch, interface=name)
            places.append((f"{_TENANT}/ports/{name}", switch))
            objects.append(pb.Port(name=places[-1][0], network=f"{_TENANT}/networks/n", binding=binding))
    for switch, batch in commands.items():
        network.ovs_of(switch).vsctl_batch(batch)
    client.apply(objects, wait=_TIMEOUT)
    return places


def _pairs(places: list[tuple[str, str]], seed: int) -> Iterator[tuple[str, str]]:
    """Pairs of ports at different switches in random order, each at most once."""
    pairs = [(a, b) for (a, here), (b, there) in combinations(places, 2) if here != there]
    random.Random(seed).shuffle(pairs)
    yield from pairs


class _Run:
    def __init__(self, client: Client, limit: Limit) -> None:
        self._client = client
        self._limit = limit
        self._times: list[float] = []
        self._barriers: list[float] = []
        self._bundles: list[float] = []
        self._refused = 0

    def all(self, pairs: Iterator[tuple[str, str]], count: int) -> dict[str, float]:
        """Ask until so many are admitted, or there are no more pairs."""
        bounds: dict[tuple[str, str], int] = {}
        for number, (a, b) in enumerate(pairs):
            if len(self._times) == count:
                break
            self._one(f"{_TENANT}/connections/c{number}", a, b, self._bound(bounds, a, b))
            self._barriers.append(self._limit.barrier())
            self._bundles += [self._limit.add(), self._limit.delete()]
        return self._result()

    def _bound(self, known: dict[tuple[str, str], int], a: str, b: str) -> int:
        """Twice the least latency, in microseconds; asked outside of what is measured."""
        key = a.partition("x")[0], b.partition("x")[0]
        if key not in known:
            wish = ppb.PathQuery(source=a, destination=b, count=1, constraints=pb.Constraints(strategy=pb.LATENCY))
            known[key] = 2 * self._client.find_paths(wish)[0].latency_us
        return known[key]

    def _one(self, name: str, a: str, b: str, bound: int) -> None:
        wish = pb.Connection(
            name=name,
            a=a,
            b=b,
            bandwidth_bps=_BANDWIDTH,
            constraints=pb.Constraints(max_latency_us=bound),
            protection=pb.Protection(mode=pb.REQUIRED, scope=pb.LINK),
        )
        start = time.perf_counter()
        try:
            made = self._client.connections.create(wish, wait=_TIMEOUT)
        except ApiError:
            self._refused += 1
            return
        self._times.append(time.perf_counter() - start)
        if made.status.state not in (pb.PROGRAMMED, pb.VERIFIED):
            raise SystemExit(f"{name} is {pb.State.Name(made.status.state)}: {made.status.message}")

    def _result(self) -> dict[str, float]:
        if not self._times:
            raise SystemExit("no request was admitted: no two paths within the bound")
        times, quarter = self._times, max(1, len(self._times) // 4)
        return {
            "e2e_admitted": len(times),
            "e2e_refused": self._refused,
            "e2e_p50_ms": 1000 * statistics.median(times),
            "e2e_p99_ms": 1000 * sorted(times)[int(len(times) * 0.99)],
            "e2e_last_to_first": statistics.median(times[-quarter:]) / statistics.median(times[:quarter]),
            "limit_barrier_ms_p50": 1000 * statistics.median(self._barriers),
            "limit_bundle_ms_p50": 1000 * statistics.median(self._bundles),
        }
