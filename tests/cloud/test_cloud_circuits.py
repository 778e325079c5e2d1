"""Bare circuits on real switches: every frame comes out as it went in, whatever it is, and nowhere else."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, LLC, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Raw

from sdn.client import ApiError
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NAME = "tenants/red/connections/line"
TAGS = (b"\x81\x00", b"\x88\xa8")
OURS = bytes.fromhex("02aaaaaaaa01")
PAYLOAD = bytes(range(60))
SPINES = ("spine1", "spine2")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Of each leaf the last two hosts have no port: their interfaces are free."""
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=6,capacity=1G", tmp_path_factory.mktemp("circuits")) as lab:
        for host in lab.free():
            lab.client.ports.delete(lab.port_of(host), wait=WAIT)
        yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without connections when a test ends."""
    yield shared
    for connection in list(shared.client.connections.list("tenants/-")):
        shared.client.connections.delete(connection.name, wait=WAIT)


def end(lab: CloudLab, host: str, tag: str = "") -> str:
    return f"{lab.place[host].switch}:{lab.place[host].interface}{tag}"


def connect(lab: CloudLab, a: str, b: str, name: str = NAME, **fields: object) -> pb.Connection:
    wish = pb.Connection(name=name, a=a, b=b, bandwidth_bps=1000, **fields)  # type: ignore[arg-type]
    made = lab.client.connections.create(wish, wait=WAIT)
    assert made.status.state in (pb.PROGRAMMED, pb.VERIFIED), made.status
    lab.forget_caches()
    return made


def frames() -> list[bytes]:
    """Of all kinds; among them what bridges never forward."""
    mac = "02:aa:aa:aa:aa:01"
    known = [
        Dot3(dst="01:80:c2:00:00:00", src=mac) / LLC() / STP(),
        Ether(dst="01:80:c2:00:00:0e", src=mac, type=0x88CC) / Raw(PAYLOAD),
        Ether(dst="01:80:c2:00:00:02", src=mac, type=0x8809) / Raw(PAYLOAD),
        Ether(dst="01:80:c2:00:00:03", src=mac, type=0x888E) / Raw(PAYLOAD),
        Ether(dst="01:00:0c:cc:cc:cc", src=mac, type=0x2000) / Raw(PAYLOAD),
        Ether(dst="ff:ff:ff:ff:ff:ff", src=mac) / ARP(psrc="1.2.3.4", pdst="1.2.3.5") / Raw(PAYLOAD),
        Ether(dst="02:bb:bb:bb:bb:01", src=mac) / IP(src="9.9.9.9", dst="8.8.8.8", ttl=1) / UDP() / Raw(PAYLOAD),
        Ether(dst="42:00:01:00:00:01", src=mac) / IPv6(src="::1", dst="::2") / UDP() / Raw(PAYLOAD),
        Ether(dst="02:bb:bb:bb:bb:01", src=mac) / Dot1Q(vlan=7, prio=5) / IP() / UDP() / Raw(PAYLOAD),
        Ether(dst="02:bb:bb:bb:bb:01", src=mac) / Dot1AD(vlan=8) / Dot1Q(vlan=9) / IP() / UDP() / Raw(PAYLOAD),
        Ether(dst="02:bb:bb:bb:bb:01", src=mac, type=0x88B5) / Raw(PAYLOAD),
    ]
    chance = random.Random(5)
    noise = [chance.randbytes(chance.randrange(60, 1400)) for _ in range(20)]
    assert not any(frame[12:14] in (b"\x88\x47", b"\x88\x48") for frame in noise)
    return [*map(bytes, known), *noise]


def carried(lab: CloudLab, source: str, *sent: bytes) -> dict[str, list[bytes]]:
    """What comes out, and where; without the probes by which discovery looks for links at free interfaces."""
    arrived = lab.arrivals(source, *sent)
    ours = {host: [f for f in got if f[12:14] != b"\x88\xcc" or f[6:12] == OURS] for host, got in arrived.items()}
    return {host: got for host, got in ours.items() if got}


def test_all_frames_come_out_as_they_went_in(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    made = connect(lab, end(lab, a), end(lab, b))
    first, _, last = made.status.path
    assert (first.switch, first.ingress) == ("leaf1", lab.place[a].interface)
    assert last.egress == lab.place[b].interface
    for source, target in ((a, b), (b, a)):
        assert carried(lab, source, *frames()) == {target: frames()}


def test_the_way_is_that_of_the_path_and_moves_and_falls_back(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    for spine in (*SPINES, SPINES[0]):
        wish = pb.Constraints(exclude_switches=[other for other in SPINES if other != spine])
        if spine == SPINES[0] and not list(lab.client.connections.list("tenants/red")):
            made = connect(lab, end(lab, a), end(lab, b), constraints=wish)
        else:
            update = pb.Connection(name=NAME, constraints=wish)
            made = lab.client.connections.update(update, mask=["constraints"], wait=WAIT)
            lab.forget_caches()  # until then frames of several flows go two ways, and overtake each other
        assert made.status.path[1].switch == spine
        assert carried(lab, a, *frames()) == {b: frames()}
    cable = lab.network.link("leaf1", "spine1")
    lab.network.cut(cable)
    with lab.client.connections.watch() as changes:
        next(change for change in changes if change.resource.status.state == pb.DEGRADED)
    lab.forget_caches()
    assert carried(lab, a, *frames()) == {b: frames()}, "by the shortest way, without a path"
    lab.network.mend(cable)
    lab.ready()


def mpls(*tags: int) -> bytes:
    """A frame that is MPLS itself, behind so many VLAN tags."""
    frame = Ether(dst="02:bb:bb:bb:bb:01", src="02:aa:aa:aa:aa:01")
    for tag in tags:
        frame /= Dot1Q(vlan=tag)
    return bytes(frame / MPLS(label=77, s=1) / IP() / UDP() / Raw(PAYLOAD))


def test_mpls_is_dropped_as_open_vswitch_does_not_survive_wrapping_it(lab: CloudLab) -> None:
    a, a2, b, _ = lab.free()
    connect(lab, end(lab, a), end(lab, b))
    connect(lab, end(lab, a2, "@100"), end(lab, lab.free()[3], "@100"), f"{NAME}2")
    for source, tags in ((a, ()), (a, (5,)), (a2, (100,))):
        frame = mpls(*tags)
        assert carried(lab, source, frame, frame.replace(b"\x88\x47", b"\x88\x48", 1)) == {}
    # Behind two tags Open vSwitch does not see it.
    assert carried(lab, a, mpls(5, 6)) == {b: [mpls(5, 6)]}
    assert carried(lab, a2, mpls(100, 7)) == {lab.free()[3]: [mpls(100, 7)]}
    assert lab.network.ovs_of("leaf1").running
    assert carried(lab, a, *frames()) == {b: frames()}


@pytest.mark.parametrize("tags", [("", ""), ("@untagged", "@9")], ids=["all", "tagged"])
def test_on_one_switch(lab: CloudLab, tags: tuple[str, str]) -> None:
    a, b, _, _ = lab.free()
    connect(lab, end(lab, a, tags[0]), end(lab, b, tags[1]), reverse_ceiling_bps=10_000)
    sent = [*frames(), mpls(), mpls(3)] if not tags[0] else [f for f in frames() if f[12:14] not in TAGS]
    assert carried(lab, a, *sent) == {b: [tagged(9, frame) for frame in sent] if tags[0] else sent}
    back = [tagged(9, bytes(1000)) if tags[0] else bytes(1000)] * 150
    assert 40 < len(carried(lab, b, *back)[a]) < 100
    lab.forget_caches()
    counted = re.findall(r"table=30, n_packets=(\d+),.*reg1=", lab.network.flows("leaf1"))
    assert sorted(map(int, counted)) == sorted((len(sent), len(back))), "before the ceiling"


def tagged(vlan: int, inner: bytes) -> bytes:
    return inner[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + inner[12:]


def test_vlans_of_an_interface_go_their_own_ways(lab: CloudLab) -> None:
    a, a2, b, b2 = lab.free()
    connect(lab, end(lab, a, "@100"), end(lab, b, "@200"))
    connect(lab, end(lab, a, "@untagged"), end(lab, b2, "@300"), f"{NAME}2")
    connect(lab, end(lab, a, "@101"), end(lab, a2, "@untagged"), f"{NAME}3")
    plain = [frame for frame in frames()[:12] if frame[12:14] not in TAGS]
    assert len(plain) > 8
    for inner in (plain, [tagged(5, frame) for frame in plain]):
        into, out = [tagged(100, frame) for frame in inner], [tagged(200, frame) for frame in inner]
        assert carried(lab, a, *into) == {b: out}
        assert carried(lab, b, *out) == {a: into}
        assert carried(lab, a, *[tagged(101, frame) for frame in inner]) == {a2: inner}
    assert carried(lab, a, *plain) == {b2: [tagged(300, frame) for frame in plain]}
    assert carried(lab, b2, *[tagged(300, frame) for frame in plain]) == {a: plain}
    assert carried(lab, a, *[tagged(102, frame) for frame in plain]) == {}, "nobody's VLAN"
    assert carried(lab, b, *plain) == {}


def test_tenants_and_circuits_do_not_meet(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    connect(lab, end(lab, a), end(lab, b))
    hosts = [host for host in lab.hosts.values() if host.name not in lab.free()]
    assert lab.matrix(hosts=hosts).explain({(x, y) for x, y in lab.expected if not {x, y} & set(lab.free())}) == ""
    forged = bytes(Ether(dst="42:00:01:00:00:01", src=hosts[0].mac, type=0x8847) / Raw(PAYLOAD))
    assert carried(lab, hosts[0].name, forged) == {}


def test_ceilings_and_counters_are_those_of_connections(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    connect(lab, end(lab, a), end(lab, b), ceiling_bps=10_000)
    many = [bytes(1000)] * 150
    assert 40 < len(carried(lab, a, *many)[b]) < 100
    assert len(carried(lab, b, *many)[a]) == len(many)


def test_conflicts_are_told_with_the_name_of_who_has_the_interface(lab: CloudLab) -> None:
    a, a2, b, b2 = lab.free()
    taken = next(host for host in lab.hosts if host not in lab.free() and lab.place[host].switch == "leaf2")
    connect(lab, end(lab, a, "@5"), end(lab, b, "@5"))
    for ends, says in (
        ((end(lab, a, "@5"), end(lab, b2, "@5")), NAME),
        ((end(lab, a), end(lab, a)), "both ends are"),
        ((end(lab, a), end(lab, taken)), lab.port_of(taken)),
        ((end(lab, a, "@6"), end(lab, b)), "both with a VLAN"),
        ((end(lab, a2), "leaf2:leaf2-eth1"), "connection.b: leaf2:leaf2-eth1 is an end of the link"),
        ((end(lab, a, "@4095"), end(lab, b, "@1")), "is not an end of a circuit"),
        ((end(lab, a, "@6"), lab.port_of(taken)), "is not an end of a circuit"),
    ):
        with pytest.raises(ApiError) as caught:
            connect(lab, *ends, f"{NAME}2")
        assert says in str(caught.value), ends
    # What the names of interfaces do not show is found when they are looked up.
    wish = pb.Connection(name=f"{NAME}2", a=end(lab, a), b=end(lab, b2), bandwidth_bps=1)
    late = lab.client.connections.create(wish)
    assert (late.status.state, late.status.reason) == (pb.PENDING, "EndNotAttached")
    assert f"{NAME} is at the same interface" in late.status.message
    port = pb.Port(
        name="tenants/red/ports/late",
        network="tenants/red/networks/a",
        binding=pb.Binding(switch=lab.place[a].switch, interface=lab.place[a].interface),
    )
    with pytest.raises(ApiError, match=f"{NAME}2"):
        lab.client.ports.create(port, wait=WAIT)
    lab.client.connections.delete(f"{NAME}2", wait=WAIT)
    bound = lab.client.ports.create(port, wait=WAIT)
    assert (bound.status.reason, NAME in bound.status.message) == ("BindingConflict", True)
    lab.client.connections.delete(NAME, wait=WAIT)
    lab.client.ports.delete(port.name, wait=WAIT)


def entries(lab: CloudLab) -> list[str]:
    """Of the circuit at leaf1: wrapping, what is not wrapped, counting, its path, and unwrapping."""
    lines = lab.network.ovs_of("leaf1").ofctl("dump-flows", "leaf1", "--no-stats").splitlines()
    wanted = (("cap(",), ("mpls", "in_port"), (" table=3", "reg1"))
    return [line for line in lines if any(all(word in line for word in words) for words in wanted)]


def test_a_restart_of_the_daemon_disturbs_nothing(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    connect(lab, end(lab, a), end(lab, b))
    before = entries(lab)
    assert len(before) == 6
    lab.daemon.stop(kill=True)
    assert carried(lab, a, *frames())[b] == frames(), "others hear probes while discovery begins"
    lab.daemon.start()
    lab.ready()
    assert entries(lab) == before
    assert lab.client.connections.get(NAME).status.state in (pb.PROGRAMMED, pb.VERIFIED)
    assert carried(lab, a, *frames())[b] == frames(), "others hear probes while discovery begins"
