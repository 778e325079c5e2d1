"""Packets lost and the longest gap when a link fails under a stream, over every link of four networks.

# needs: root

Real frames through Open vSwitch's userspace datapath: veth pairs, every switch in a network namespace of its own. For
each link a stream of numbered packets between two hosts is chosen whose way leads over it; then the far end of the link
is taken down, as when a cable is pulled. Four times: with the controller alive and killed, with repair and without. A
gap is the longest time between two arrivals, by the clock of the kernel, around the failure; the same without a failure
is the noise below which nothing can be seen. What never arrives again while the link is down is not repaired, and its
gap as long as was waited for.

With ``--silent`` the cable is not pulled: frames vanish, in both directions or in that of the stream alone, and both
ports stay up. BFD finds that out (``--bfd-interval``); with repair only, with the controller alive and killed.

With ``--flaps N`` the links of one network fail and return N times in all, with the controller alive, and all packets
are counted that are lost until a link is used again, beside how long each failure was unseen.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import networkx as nx
from _common import arguments, finish
from _flaps import Cable, Flap, flap
from _flaps import summary as flaps_summary
from _gaps import Sample, Series, judge, line, silent_summary, summary, totals
from _wire import MAGIC, Receiver, Stream, WireNetwork, burst, enter_namespace, host_end

from sdn.client import Client
from sdn.graph import assign_interfaces, load_topology
from sdn.lab.daemon import Daemon, free_port
from sdn.lab.host import Host
from sdn.model.topology import DeclaredLink, DeclaredTopology
from sdn.v1 import resources_pb2 as pb

NETWORKS = ("leaf-spine:spines=2,leaves=4,hosts=2", "fat-tree:k=4", "ring:switches=8,hosts=1", "abilene")
FLAPPING = "fat-tree:k=4"
SMALL = ("ring:switches=3,hosts=1",)
_TRIES = 20
"""Packets by which it is found over which links a stream goes."""
_PATIENCE = 60.0
_BEFORE = 0.2
_LATE = 0.05
"""Seconds for what is still on its way."""
Silent = Literal["", "one", "both"]
"""Directions in which frames vanish; '' where a cable is pulled instead."""
SILENT: tuple[Silent, ...] = ("both", "one")
Flow = tuple[str, str]
"""(host that sends, host that receives)."""


class Bench:
    """One network with a host at every port that the topology has one for, all in one tenant's network."""

    def __init__(
        self,
        spec: str,
        directory: Path,
        rate: int,
        window: float,
        repair: bool,
        interval: int = 0,
        damping: bool = True,
    ) -> None:
        """interval: of BFD in milliseconds, 0 for none. damping: of links that fail again and again."""
        self.rate, self.window, self.interval = rate, window, interval
        self.silent: Silent = ""
        port = free_port()
        options = ("--openflow", f"0.0.0.0:{port}", "--insecure", "--repair", "on" if repair else "off")
        self.databases = free_port() if interval else 0
        if not damping:
            options += ("--damping-half-life", "0")
        if interval:
            options += ("--ovsdb", f"0.0.0.0:{self.databases}", "--bfd-interval", str(interval))
        self.daemon = Daemon(directory / "state", spec, openflow=port, grpc=free_port(), options=options)
        self.network = WireNetwork(assign_interfaces(load_topology(spec)), directory / "ovs", port)
        self.hosts = {
            place.name: Host.of(place.name, f"02:00:00:00:00:{index:02x}", f"10.0.0.{index}/24")
            for index, place in enumerate(self.topology.hosts, 10)
        }
        self.receivers: dict[str, Receiver] = {}

    @property
    def topology(self) -> DeclaredTopology:
        """With the names of all interfaces."""
        return self.network.topology

    def apply(self, client: Client) -> None:
        """The tenant."""
        objects: list[object] = [pb.Tenant(name="tenants/t"), pb.Network(name="tenants/t/networks/n")]
        objects.append(pb.Subnet(name="tenants/t/subnets/s", network="n", cidr="10.0.0.0/24"))
        for place in self.topology.hosts:
            host = self.hosts[place.name]
            objects.append(
                pb.Port(
                    name=f"tenants/t/ports/{place.name}",
                    network="n",
                    mac=host.mac,
                    addresses=[str(host.address(4))],
                    binding=pb.Binding(switch=place.switch, interface=place.interface),
                )
            )
        client.apply(objects, wait=_PATIENCE)  # type: ignore[arg-type]
        client.wait_ready(_PATIENCE)

    def frame(self, flow: Flow) -> bytes:
        """A packet of a flow."""
        sender, receiver = (self.hosts[name] for name in flow)
        target = receiver.address(4)
        assert target is not None
        return sender.udp(target, receiver.mac, MAGIC + bytes(4))

    def crossed(self, flow: Flow) -> dict[DeclaredLink, str]:
        """The links that a flow uses now, with the end at which it arrives."""
        before, end = self.network.arrived(), time.monotonic() + 1.0
        burst(host_end(flow[0]), self.frame(flow), _TRIES)
        last = host_end(flow[1])
        while self.network.arrived()[last] - before[last] < _TRIES and time.monotonic() < end:
            time.sleep(0.002)
        now = self.network.arrived()
        ends = ((link, self.network.receiving_end(link, before, now, _TRIES)) for link in self.topology.links)
        return {link: name for link, name in ends if name}

    def plan(self) -> dict[DeclaredLink, Flow]:
        """A flow over each link; links that no flow uses are left out."""
        found: dict[DeclaredLink, Flow] = {}
        for flow in itertools.permutations(self.hosts, 2):
            if len(found) == len(self.topology.links):
                break
            for link in self.crossed(flow):
                found.setdefault(link, flow)
        return found

    def await_flow(self, flow: Flow, link: DeclaredLink) -> str:
        """Return when a flow uses a link (again): the end at which it arrives."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            interface = self.crossed(flow).get(link)
            if interface:
                return interface
            time.sleep(0.05)
        raise SystemExit(f"{flow} does not take {link.a} - {link.b} again within {_PATIENCE:g} s")

    def await_all(self, plan: dict[DeclaredLink, Flow], client: Client) -> None:
        """Return when all routes and repair entries are back: call it before nobody can bring them back any more."""
        for link, flow in plan.items():
            self.await_flow(flow, link)
        end = time.monotonic() + _PATIENCE
        while not {switch.repair for switch in client.topology().switches} <= {"READY", "OFF"}:
            if time.monotonic() > end:
                raise SystemExit(f"switches are not ready to repair within {_PATIENCE:g} s")
            time.sleep(0.05)

    def sample(self, stream: Stream, flow: Flow, cut: str) -> Sample:
        """A stream, and in it one failure: the link with this end. '': none."""
        with Receiver(host_end(flow[1])) as receiver:
            stream.start(host_end(flow[0]), self.frame(flow))
            time.sleep(_BEFORE)
            moment = time.time_ns()
            if cut:
                self.fail(cut)
            time.sleep(self.window)
            sent = stream.stop()
            time.sleep(_LATE)
            came = receiver.read()
        if cut:
            self.mend(cut)
        return judge(sent, came, moment)

    def fail(self, end: str) -> None:
        """The link that brings packets to this end fails."""
        if self.silent:
            self.network.silence(end, both=self.silent == "both")
        else:
            self.network.cut(end)

    def mend(self, end: str) -> None:
        """Undo ``fail``."""
        if self.silent:
            self.network.unsilence(end, both=self.silent == "both")
        else:
            self.network.mend(end)

    def await_watched(self) -> None:
        """Return when BFD is up at both ends of all links, at its pace: also those that failed before."""
        end = time.monotonic() + _PATIENCE
        while not self.network.watched(self.interval):
            if time.monotonic() > end:
                raise SystemExit(f"BFD is not up on all links within {_PATIENCE:g} s")
            time.sleep(0.1)

    def series(self, stream: Stream, plan: dict[DeclaredLink, Flow], client: Client | None, *, fail: bool) -> Series:
        """Every link once. client: None when the controller does not run."""
        found = Series()
        for link, flow in plan.items():
            if self.databases:
                self.await_watched()
            interface = self.await_flow(flow, link)
            if client is not None:
                client.wait_ready(_PATIENCE)
            found.samples.append(self.sample(stream, flow, interface if fail else ""))
        return found


@contextmanager
def bench(
    spec: str, rate: int, window: float, *, repair: bool, interval: int = 0, damping: bool = True
) -> Iterator[tuple[Bench, Client, Stream]]:
    """A network with its tenant, programmed."""
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        made = Bench(spec, Path(directory), rate, window, repair, interval, damping)
        with made.daemon, Client(made.daemon.address, timeout=_PATIENCE) as client:
            made.daemon.wait_answers(client)
            with made.network:
                client.wait_ready(_PATIENCE)
                made.apply(client)
                with Stream(rate) as stream:
                    yield made, client, stream


def redundant(topology: DeclaredTopology) -> set[DeclaredLink]:
    """The links that are no bridges."""
    graph = nx.MultiGraph((link.a[0], link.b[0]) for link in topology.links)
    bridges = {frozenset(ends) for ends in nx.bridges(nx.Graph(graph)) if graph.number_of_edges(*ends) == 1}
    return {link for link in topology.links if frozenset((link.a[0], link.b[0])) not in bridges}


def measure(spec: str, rate: int, window: float) -> dict[str, Series]:
    """All series of one network."""
    found: dict[str, Series] = {}
    for repair in (True, False):
        with bench(spec, rate, window, repair=repair) as (made, client, stream):
            plan = {link: flow for link, flow in made.plan().items() if link in redundant(made.topology)}
            suffix = "" if repair else "_without_repair"
            if repair:
                found["floor"] = made.series(stream, plan, client, fail=False)
            found["alive" + suffix] = made.series(stream, plan, client, fail=True)
            client.wait_ready(_PATIENCE)
            made.await_all(plan, client)
            made.daemon.stop(kill=True)
            found["stopped" + suffix] = made.series(stream, plan, None, fail=True)
    return found


def measure_silent(spec: str, rate: int, window: float, interval: int, *, alive: bool) -> dict[str, Series]:
    """All series of one network whose links fail silently. alive: also with the controller alive."""
    found: dict[str, Series] = {}
    # Each link fails several times in a row, and is to be used again each time.
    with bench(spec, rate, window, repair=True, interval=interval, damping=False) as (made, client, stream):
        made.network.tell_databases(made.databases)
        made.await_watched()
        client.wait_ready(_PATIENCE)
        plan = {link: flow for link, flow in made.plan().items() if link in redundant(made.topology)}
        if alive:
            found["floor"] = made.series(stream, plan, client, fail=False)
        for running in (client, None) if alive else (None,):
            if running is None:
                made.await_watched()
                client.wait_ready(_PATIENCE)
                made.await_all(plan, client)
                made.daemon.stop(kill=True)
            for silent in SILENT:
                made.silent = silent
                name = f"silent_{silent}_{'alive' if running else 'stopped'}"
                found[name] = made.series(stream, plan, running, fail=True)
    return found


def measure_flaps(spec: str, rate: int, window: float, count: int) -> list[Flap]:
    """So many flaps, one link after the other, again from the first when there are no more."""
    found: list[Flap] = []
    with bench(spec, rate, window, repair=True, damping=False) as (made, client, stream):
        plan = {link: flow for link, flow in made.plan().items() if link in redundant(made.topology)}
        for link, flow in itertools.islice(itertools.cycle(plan.items()), count):
            cable = Cable(*flow, made.frame(flow), made.await_flow(flow, link))
            client.wait_ready(_PATIENCE)
            found.append(flap(stream, cable, made.network, window, lambda: client.wait_ready(_PATIENCE)))
    return found


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "a ring of three")
    parser.add_argument("--rate", type=int, default=2000, help="packets a second")
    parser.add_argument("--window", type=float, default=0.6, help="seconds that a link is down")
    parser.add_argument("--topology", action="append", help="instead of the four networks; may be given again")
    parser.add_argument("--silent", action="store_true", help="frames vanish and ports stay up, with BFD")
    parser.add_argument("--bfd-interval", type=int, default=20, help="milliseconds between BFD frames")
    parser.add_argument("--flaps", type=int, default=0, help="so many failures and returns (of a fat tree of k=4)")
    args = parser.parse_args()
    networks = args.topology or (SMALL if args.small else NETWORKS)
    enter_namespace()
    if args.flaps:
        spec = networks[0] if args.topology or args.small else FLAPPING
        flaps = measure_flaps(spec, args.rate, args.window if not args.small else 0.2, args.flaps)
        finish(flaps_summary(flaps, args.rate), map(str, flaps), as_json=args.json)
        return
    total: dict[str, Series] = {}
    lines = []
    for spec in networks:
        window = args.window if args.silent or not args.small else 0.2
        measured = (
            measure_silent(spec, args.rate, window, args.bfd_interval, alive=not args.small)
            if args.silent
            else measure(spec, args.rate, window)
        )
        for name, series in measured.items():
            total.setdefault(name, Series()).samples += series.samples
            lines.append(line(spec, name, series))
    result = silent_summary(total, args.bfd_interval) if args.silent else summary(total)
    result |= totals(total) | {"failures": len(next(iter(total.values())).samples), "rate": args.rate}
    finish(result, lines, as_json=args.json)


if __name__ == "__main__":
    main()
