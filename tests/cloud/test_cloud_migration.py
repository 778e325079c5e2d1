"""A port moves while it is up: numbered packets to it and from it, all the time; none is lost, and none comes twice but
to the two places, while it is at both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab

from sdn.lab.host import Host
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NEW, ROUTER_MAC, MARK = "moved", "06:00:00:00:00:01", b"number:"
ROUND = 6
"""Packets of each sender between two looks at what the API answers."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=8,capacity=1G", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.fixture(params=["other leaf", "same leaf"])
def target(request: pytest.FixtureRequest, lab: CloudLab) -> Iterator[pb.Binding]:
    """A new interface for h1, which is put back where it was afterwards."""
    here = lab.place["h1"].switch
    switch = here if request.param == "same leaf" else next(s for s in leaves(lab) if s != here)
    binding = pb.Binding(switch=switch, interface="moved0")
    lab.network.add_host(NEW, switch, binding.interface)
    yield binding
    back = pb.Binding(switch=here, interface=lab.place["h1"].interface)
    change(lab, binding=back)
    lab.network.remove_host(NEW)


def leaves(lab: CloudLab) -> list[str]:
    return sorted({host.switch for host in lab.place.values()})


def change(lab: CloudLab, **fields: pb.Binding) -> pb.Port:
    """Set binding and migration target of h1; what is not given is cleared."""
    wish = pb.Port(name=lab.port_of("h1"), **fields)  # type: ignore[arg-type]
    return lab.client.ports.update(wish, mask=["binding", "migration_target"], wait=WAIT)


@dataclass
class Stream:
    """Numbered packets of hosts near and far to h1, and of h1 to them. mine: where h1 runs."""

    lab: CloudLab
    mine: str = "h1"
    sent: dict[int, tuple[str, str]] = field(default_factory=dict)
    """By number: sender and receiver."""
    got: dict[int, Counter[str]] = field(default_factory=dict)

    def others(self) -> list[Host]:
        """Hosts on every leaf, in h1's network and behind the router."""
        chosen: dict[tuple[str, bool], Host] = {}
        for name, host in self.lab.hosts.items():
            if name != "h1" and self.lab.tenant[name] == self.lab.tenant["h1"]:
                chosen.setdefault((self.lab.place[name].switch, name in self.lab.members("h1")), host)
        return list(chosen.values())

    def send(self, rounds: int = ROUND) -> list[int]:
        """Some packets in both directions and both versions; their numbers."""
        frames: list[tuple[str, bytes]] = []
        first = len(self.sent)
        h1 = self.lab.hosts["h1"]
        for turn in range(rounds):
            version = 4 if turn % 2 else 6
            for host in self.others():
                routed = host.name not in self.lab.members("h1")
                for place, a, b in ((host.name, host, h1), (self.mine, h1, host)):
                    number = len(self.sent)
                    self.sent[number] = (a.name, b.name)
                    mac = ROUTER_MAC if routed else b.mac
                    payload = MARK + number.to_bytes(8, "big")
                    target = b.address(version)
                    assert target is not None
                    frames.append((place, a.udp(target, mac, payload, sport=1000 + number % 50)))
        self.lab.network.send_all(frames)
        return list(range(first, len(self.sent)))

    def while_(self, doing: Callable[[], object]) -> list[int]:
        """Send for as long as something takes, once at least."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(doing)
            numbers = self.send()
            while not future.done():
                numbers += self.send()
            future.result()
        return numbers

    def collect(self) -> None:
        self.lab.network.settle()
        for host in (*self.lab.hosts, NEW):
            for frame in self.lab.network.received(host):
                at = frame.find(MARK)
                if at >= 0:
                    number = int.from_bytes(frame[at + len(MARK) : at + len(MARK) + 8], "big")
                    self.got.setdefault(number, Counter())[host] += 1

    def check(self, numbers: list[int], *, at: set[str], perhaps: set[str] | None = None) -> None:
        """Packets to h1 came to each of these places once, and at most once where they may; those from it once."""
        for number in numbers:
            sender, receiver = self.sent[number]
            got = self.got.get(number, Counter())
            assert not got or max(got.values()) == 1, (number, sender, receiver, got)
            if receiver == "h1":
                assert at <= set(got) <= at | (perhaps or set()), (number, sender, got)
            else:
                assert set(got) == {receiver}, (number, sender, receiver, got)


def is_probe(frame: bytes) -> bool:
    """Of a link (LLDP): an interface that is not bound any more is probed."""
    return frame[12:14] == b"\x88\xcc"


def move(lab: CloudLab, target: pb.Binding) -> Stream:
    stream = Stream(lab)
    here = pb.Binding(switch=lab.place["h1"].switch, interface=lab.place["h1"].interface)
    before = stream.send()
    starting = stream.while_(lambda: change(lab, binding=here, migration_target=target))
    port = lab.client.ports.get(lab.port_of("h1"))
    assert port.status.state == pb.PROGRAMMED
    lab.forget_caches()
    both = stream.send()
    stream.mine = NEW  # the host goes on there; it is still bound here
    switched = stream.send()
    finishing = stream.while_(lambda: change(lab, binding=target))
    lab.forget_caches()
    after = stream.send()
    stream.collect()
    stream.check(before, at={"h1"})
    stream.check(starting, at={"h1"}, perhaps={NEW})
    stream.check(both + switched, at={"h1", NEW})
    stream.check(finishing, at={NEW}, perhaps={"h1"})
    stream.check(after, at={NEW})
    assert starting
    assert finishing
    return stream


def test_nothing_is_lost_when_a_port_moves(lab: CloudLab, target: pb.Binding) -> None:
    before = lab.client.ports.get(lab.port_of("h1"))
    move(lab, target)
    after = lab.client.ports.get(lab.port_of("h1"))
    assert (after.mac, list(after.addresses)) == (before.mac, list(before.addresses))
    assert after.binding == target
    assert not after.HasField("migration_target")
    assert after.status.state == pb.PROGRAMMED
    frame = lab.hosts["h1"].udp(lab.hosts["h5"].address(4), lab.hosts["h5"].mac)  # type: ignore[arg-type]
    got = {
        host: [frame for frame in frames if not is_probe(frame)] for host, frames in lab.arrivals("h1", frame).items()
    }
    assert not any(got.values()), "the old place is nobody's"
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report


def test_nothing_is_lost_with_a_connection(lab: CloudLab, target: pb.Binding) -> None:
    """Traffic on a path of its own leaves it when its end moves, and takes another one later."""
    far = next(h for h in Stream(lab).others() if lab.place[h.name].switch == leaves(lab)[-1])
    name = "tenants/red/connections/c"
    wish = pb.Connection(name=name, a=lab.port_of("h1"), b=lab.port_of(far.name), bandwidth_bps=10**8)
    lab.client.connections.create(wish, wait=WAIT)
    try:
        assert len(settled_path(lab, name)) == 3
        move(lab, target)
        path = settled_path(lab, name)
        assert (path[0].switch, path[0].ingress) == (target.switch, target.interface)
    finally:
        lab.client.connections.delete(name, wait=WAIT)


def settled_path(lab: CloudLab, name: str) -> list[pb.PathHop]:
    """The path of a connection once it is in the switches, or even verified already; the watch tells."""
    with lab.client.connections.watch() as changes:
        for change in changes:
            status = change.resource.status
            if change.resource.name == name and status.state in (pb.PROGRAMMED, pb.VERIFIED):
                return list(status.path)
    raise AssertionError("the watch ended")


def test_a_move_may_be_called_off(lab: CloudLab, target: pb.Binding) -> None:
    stream = Stream(lab)
    here = pb.Binding(switch=lab.place["h1"].switch, interface=lab.place["h1"].interface)
    change(lab, binding=here, migration_target=target)
    off = stream.while_(lambda: change(lab, binding=here))
    lab.forget_caches()
    after = stream.send()
    stream.collect()
    stream.check(off, at={"h1"}, perhaps={NEW})
    stream.check(after, at={"h1"})


def test_broadcasts_and_next_hops_reach_both_places(lab: CloudLab, target: pb.Binding) -> None:
    here = pb.Binding(switch=lab.place["h1"].switch, interface=lab.place["h1"].interface)
    route = pb.StaticRoute(prefix="0.0.0.0/0", next_hop=str(lab.hosts["h1"].address(4)))
    router = "tenants/red/routers/r"
    lab.client.routers.update(pb.Router(name=router, routes=[route]), mask=["routes"], wait=WAIT)
    change(lab, binding=here, migration_target=target)
    lab.forget_caches()
    try:
        for host in Stream(lab).others():
            for frame, members in (
                (host.broadcast(b"everybody"), lab.members(host.name)),
                (host.udp(lab.hosts["h1"].address(4).__class__("203.0.113.7"), ROUTER_MAC), {"h1"}),
            ):
                lab.network.received(NEW)
                got = lab.arrivals(host.name, frame)
                assert {name: len(frames) for name, frames in got.items()} == dict.fromkeys(members, 1)
                assert len(lab.network.received(NEW)) == ("h1" in members)
    finally:
        lab.client.routers.update(pb.Router(name=router), mask=["routes"], wait=WAIT)


def test_a_target_that_is_not_there_yet_or_any_more(lab: CloudLab) -> None:
    here = pb.Binding(switch=lab.place["h1"].switch, interface=lab.place["h1"].interface)
    there = pb.Binding(switch=leaves(lab)[-1], interface="later0")
    wish = pb.Port(name=lab.port_of("h1"), binding=here, migration_target=there)
    port = lab.client.ports.update(wish, mask=["binding", "migration_target"])
    assert (port.status.state, port.status.reason) == (pb.PENDING, "InterfaceMissing")
    assert "moves to" in port.status.message
    sender = lab.hosts["h5"]
    frame = sender.udp(lab.hosts["h1"].address(4), lab.hosts["h1"].mac)  # type: ignore[arg-type]
    assert lab.arrivals("h5", frame) == {"h1": [frame]}
    lab.network.add_host(NEW, there.switch, there.interface)
    try:
        with lab.client.ports.watch() as changes:
            for change_ in changes:
                if change_.resource.name == port.name and change_.resource.status.state == pb.PROGRAMMED:
                    break
        lab.forget_caches()
        assert lab.arrivals("h5", frame) == {"h1": [frame]}
        got = [found for found in lab.network.received(NEW) if found[12:14] != b"\x88\xcc"]
        assert got == [frame], "beside probes, which an interface gets until a port is bound to it"
    finally:
        change(lab, binding=here)
        lab.network.remove_host(NEW)
