"""An iface-id moves between switches, with numbered packets to its port and from it all the time: what is lost.

As a virtual machine manager moves a host: an interface with the id comes at the new switch while the old one is up, the
host goes on there, and then the old interface goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from test_cloud_migration import MARK, NEW, Stream

from sdn.lab.daemon import free_port
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
ID, INTERFACE = "4f1c0d9e-web1", "moved0"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Each switch has its own database, as on machines of their own."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_OVSDB", f"127.0.0.1:{port}")
        patch.setenv("SDN_BFD", "off")  # the sockets that are cables here are too slow for its usual interval
        spec = "leaf-spine:spines=1,leaves=3,hosts=8,capacity=1G"
        with cloud_lab(spec, tmp_path_factory.mktemp("ids"), daemons="each") as lab:
            for switch in lab.network.topology.switches:
                lab.network.ovs_of(switch).vsctl("set-manager", f"tcp:127.0.0.1:{port}")
            yield lab


@pytest.fixture
def other(lab: CloudLab) -> Iterator[str]:
    """h1 is bound by an iface-id; a switch for it to move to. Afterwards everything is as before."""
    place = lab.place["h1"]
    plug(lab, place.switch, place.interface)
    bind(lab, pb.Binding(iface_id=ID))
    until(lab, lambda port: at(port) == [f"{place.switch}:{place.interface}"])
    other = next(host.switch for host in lab.place.values() if host.switch != place.switch)
    yield other
    bind(lab, pb.Binding(switch=place.switch, interface=place.interface))
    if NEW in {host.name for host in lab.network.topology.hosts}:
        lab.network.remove_host(NEW)
    if "h1" not in {host.name for host in lab.network.topology.hosts}:
        lab.network.add_host("h1", place.switch, place.interface)
    until(lab, lambda port: port.status.state == pb.PROGRAMMED)
    lab.forget_caches()


def bind(lab: CloudLab, binding: pb.Binding, target: pb.Binding | None = None) -> None:
    wish = pb.Port(name=lab.port_of("h1"), binding=binding, migration_target=target)
    lab.client.ports.update(wish, mask=["binding", "migration_target"])


def plug(lab: CloudLab, switch: str, interface: str) -> None:
    lab.network.ovs_of(switch).vsctl("set", "interface", interface, f"external_ids:iface-id={ID}")


def appear(lab: CloudLab, switch: str) -> None:
    """The new place, where the host does not run yet."""
    lab.network.add_host(NEW, switch, INTERFACE)
    plug(lab, switch, INTERFACE)


def at(port: pb.Port) -> list[str]:
    return list(port.status.places) if port.status.state == pb.PROGRAMMED else []


def until(lab: CloudLab, good: Callable[[pb.Port], bool]) -> None:
    """Return when the port of h1 is as wished for; the watch tells."""
    with lab.client.ports.watch("tenants/red") as changes:
        for change in changes:
            if change.resource.name == lab.port_of("h1") and good(change.resource):
                return


def test_nothing_is_lost_when_the_port_says_that_its_id_moves(lab: CloudLab, other: str) -> None:
    place = lab.place["h1"]
    old, new = f"{place.switch}:{place.interface}", f"{other}:{INTERFACE}"
    stream = Stream(lab)
    bind(lab, pb.Binding(iface_id=ID), pb.Binding(iface_id=ID))
    until(lab, lambda port: at(port) == [old])
    before = stream.send()
    appearing = stream.while_(lambda: (appear(lab, other), until(lab, lambda port: at(port) == [old, new])))
    lab.forget_caches()
    both = stream.send()
    stream.mine = NEW  # the host goes on there
    switched = stream.send()
    stream.collect()  # before the old place, and what it got, is gone
    going = stream.while_(lambda: (lab.network.remove_host("h1"), until(lab, lambda port: at(port) == [new])))
    lab.forget_caches()
    after = stream.send()
    collect(stream)
    stream.check(before, at={"h1"})
    stream.check(appearing, at={"h1"}, perhaps={NEW})
    stream.check(both + switched, at={"h1", NEW})
    stream.check(going, at={NEW}, perhaps={"h1"})
    stream.check(after, at={NEW})
    assert appearing
    assert going
    assert lab.client.events(reason="InterfaceIdConflict") == []
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report


def collect(stream: Stream) -> None:
    """What came to the hosts that are there still."""
    gone = stream.lab.hosts.pop("h1")
    try:
        stream.collect()
    finally:
        stream.lab.hosts["h1"] = gone


def test_a_move_may_end_where_it_began(lab: CloudLab, other: str) -> None:
    place = lab.place["h1"]
    old, new = f"{place.switch}:{place.interface}", f"{other}:{INTERFACE}"
    stream = Stream(lab)
    bind(lab, pb.Binding(iface_id=ID), pb.Binding(iface_id=ID))
    appear(lab, other)
    until(lab, lambda port: at(port) == [old, new])
    off = stream.while_(lambda: (lab.network.remove_host(NEW), until(lab, lambda port: at(port) == [old])))
    after = stream.send()
    lab.network.settle()
    lab.network.add_host(NEW, other, "unused0")  # collect asks it too
    stream.collect()
    stream.check(off + after, at={"h1"})


def test_what_is_lost_when_it_does_not_say_so(lab: CloudLab, other: str) -> None:
    """The first place keeps it until it is gone: what comes until then is lost, and while switches are told."""
    stream = Stream(lab)
    appear(lab, other)
    until(lab, lambda port: port.status.reason == "InterfaceIdConflict")
    stream.mine = NEW  # the host goes on there
    conflict = stream.send()
    stream.collect()
    to_it = {number for number in conflict if stream.sent[number][1] == "h1"}
    assert all(set(stream.got[number]) == {"h1"} for number in to_it), "the host is not there any more"
    assert not any(number in stream.got for number in set(conflict) - to_it)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(gone, lab, other)
        times = numbered(lab, lambda: not future.done())
        begun, removed = future.result()
    came = numbers(lab.network.received(NEW))
    lost = [when for number, when in enumerate(times) if number not in came]
    assert came == set(range(len(lost), len(times))), "what is lost is in one piece, and then nothing is"
    if lost:
        share = f"{len(lost)} of {len(times)} packets in {times[-1] - times[0]:.3f} s"
        print(f"lost {share}, the last {(lost[-1] - begun) * 1e3:.0f} ms after it began to go,", end=" ")
        print(f"{(lost[-1] - removed) * 1e3:.0f} ms after it was gone")
    lab.forget_caches()
    after = stream.send()
    collect(stream)
    stream.check(after, at={NEW})


def gone(lab: CloudLab, other: str) -> tuple[float, float]:
    """The old place goes, and the port is at the new one; when the old began to go, and when it was gone."""
    begun = time.monotonic()
    lab.network.remove_host("h1")
    removed = time.monotonic()
    until(lab, lambda port: at(port) == [f"{other}:{INTERFACE}"])
    return begun, removed


def numbered(lab: CloudLab, more: Callable[[], bool]) -> list[float]:
    """A host of another switch sends one packet after the other; when each was sent. Some come behind the end."""
    h1 = lab.hosts["h1"]
    taken = {lab.place["h1"].switch, *(host.switch for host in lab.network.topology.hosts if host.name == NEW)}
    sender = next(lab.hosts[name] for name in lab.members("h1") if lab.place[name].switch not in taken)
    place, times = lab.place[sender.name], []
    ovs, rest = lab.network.ovs_of(place.switch), 20
    while rest:
        rest -= not more()
        payload = MARK + len(times).to_bytes(8, "big")
        frame = sender.udp(h1.ip.ip, h1.mac, payload)  # type: ignore[union-attr]
        times.append(time.monotonic())
        ovs.appctl_batch([("netdev-dummy/receive", place.interface, frame.hex())])
    lab.network.settle()
    return times


def numbers(frames: list[bytes]) -> set[int]:
    """Of the packets among these that are numbered."""
    marked = [(frame, frame.find(MARK)) for frame in frames]
    return {int.from_bytes(frame[at + len(MARK) : at + len(MARK) + 8], "big") for frame, at in marked if at >= 0}
