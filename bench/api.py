"""Requests to a running sdnd over loopback, with 1 and 16 clients, beside an empty handler of grpc.aio.

sdnd runs as a process of its own with an empty network and its state in a temporary directory, the empty server as
another; the clients share one process, each with a connection of its own and one request under way. Measured in turns:

* GetTenant (``unary``), which the daemon answers from memory, and the empty handler;
* CreateTenant (``create``): a write that is durable on disk when it is answered;
* Apply: manifests of a tenant with a network, two subnets, a router and bound ports, counted in objects.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc.aio
from _common import arguments, cpu_seconds, finish
from _empty_server import METHOD
from tenancy import network_objects

from sdn.client import Client
from sdn.client.call import CHANNEL_OPTIONS, apply_request
from sdn.lab.daemon import Daemon, free_port
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb
from sdn.v1 import services_pb2_grpc as rpc

CLIENTS = 16
_LEAVES = [f"leaf{n}" for n in range(1, 11)]
_OWN_CONNECTION = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
"""Channels of one process to one address would share a connection."""
_TIMEOUT = 60.0

Call = Callable[[], Awaitable[int]]
"""One request; answers what it counts for."""


class Requests:
    """What one client asks. numbers: of new tenants, shared by all clients; ports: in each applied manifest."""

    def __init__(self, channel: Any, numbers: Iterator[int], ports: int) -> None:
        self._tenants: Any = rpc.TenantServiceStub(channel)
        self._manifests: Any = rpc.ApplyServiceStub(channel)
        self._numbers = numbers
        self._ports = ports

    async def get(self) -> int:
        """A read."""
        await self._tenants.GetTenant(spb.GetTenantRequest(name="tenants/first"), timeout=_TIMEOUT)
        return 1

    async def create(self) -> int:
        """A write."""
        tenant = pb.Tenant(name=f"tenants/c{next(self._numbers)}")
        await self._tenants.CreateTenant(spb.CreateTenantRequest(tenant=tenant), timeout=_TIMEOUT)
        return 1

    async def apply(self) -> int:
        """A manifest."""
        objects, _ = network_objects(next(self._numbers), self._ports, _LEAVES)
        await self._manifests.Apply(apply_request(objects, (), False, 0.0, ""), timeout=_TIMEOUT)
        return len(objects)


def empty_call(channel: Any) -> Call:
    """The empty handler."""
    method = channel.unary_unary("/" + "/".join(METHOD))

    async def ask() -> int:
        await method(b"", timeout=_TIMEOUT)
        return 1

    return ask


async def rate(calls: list[Call], seconds: float) -> float:
    """Per second, with every client asking again as soon as it is answered, for about so many seconds."""
    end = time.monotonic() + seconds

    async def client(call: Call) -> int:
        total = await call()
        while time.monotonic() < end:
            total += await call()
        return total

    start = time.monotonic()
    totals = await asyncio.gather(*(client(call) for call in calls))
    return sum(totals) / (time.monotonic() - start)


@asynccontextmanager
async def channels(address: str) -> AsyncIterator[list[Any]]:
    """Connections of all clients."""
    async with AsyncExitStack() as stack:
        made = [grpc.aio.insecure_channel(address, options=_OWN_CONNECTION) for _ in range(CLIENTS)]
        for channel in made:
            await stack.enter_async_context(channel)
            await asyncio.wait_for(channel.channel_ready(), _TIMEOUT)
        yield made


async def measure(ours: str, empty: str, seconds: float, runs: int, ports: int) -> dict[str, list[float]]:
    """Rates of every run by field."""
    seen: dict[str, list[float]] = {}
    numbers = count()
    async with channels(ours) as to_daemon, channels(empty) as to_empty:
        clients = [Requests(channel, numbers, ports) for channel in to_daemon]
        kinds: dict[str, list[Call]] = {
            "unary_per_s": [client.get for client in clients],
            "empty_per_s": [empty_call(channel) for channel in to_empty],
            "create_per_s": [client.create for client in clients],
            "apply_objects_per_s": [client.apply for client in clients],
        }
        for _ in range(runs):
            for field, calls in kinds.items():
                seen.setdefault(field, []).append(await rate(calls[:1], seconds))
                seen.setdefault(f"{field}_16", []).append(await rate(calls, seconds))
    return seen


def run(seconds: float, runs: int, ports: int) -> tuple[dict[str, list[float]], int, float]:
    """Start both servers, measure, stop them; also how many objects were made and the daemon's CPU seconds."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        daemon = Daemon(Path(directory), openflow=free_port(), grpc=free_port())
        command = [sys.executable, str(here / "_empty_server.py")]
        with daemon, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as empty:
            assert empty.stdout is not None
            with Client(daemon.address) as client:
                daemon.wait_answers(client)
                client.tenants.create(pb.Tenant(name="tenants/first"))
                seen = asyncio.run(
                    measure(daemon.address, f"127.0.0.1:{int(empty.stdout.readline())}", seconds, runs, ports)
                )
                objects = sum(client.status().objects_by_state.values())
            cpu = cpu_seconds(daemon.pid)
            empty.communicate("", timeout=_TIMEOUT)
    return seen, objects, cpu


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "0.1 s each, one run, manifests of 10 ports")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--ports", type=int, default=50, help="ports in each applied manifest")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if args.small:
        args.seconds, args.runs, args.ports = 0.1, 1, 10
    seen, objects, cpu = run(args.seconds, args.runs, args.ports)
    medians = {field: statistics.median(rates) for field, rates in seen.items()}
    result: dict[str, float] = {field: round(value) for field, value in medians.items()}
    result["ratio"] = round(medians["unary_per_s"] / medians["empty_per_s"], 3)
    result["ratio_16"] = round(medians["unary_per_s_16"] / medians["empty_per_s_16"], 3)
    result |= {"objects": objects, "daemon_cpu_s": round(cpu, 2), "runs": args.runs}
    lines = [f"{field}: {', '.join(f'{value:,.0f}' for value in rates)}" for field, rates in seen.items()]
    finish(result, lines, as_json=args.json)


if __name__ == "__main__":
    main()
