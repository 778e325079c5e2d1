"""Several connections between the same two hosts of real switches: each kind of packet takes the way of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from sdn.client import ApiError
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
SPINES = ("spine1", "spine2", "spine3")
TCP_NUMBER, UDP_NUMBER = 6, 17


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Between a and b: web by spine1, marked by spine2, all else by spine3."""
    with cloud_lab("leaf-spine:spines=3,leaves=2,hosts=4,capacity=1G", tmp_path_factory.mktemp("classes")) as lab:
        web = pb.Classifier(protocol=TCP_NUMBER, b_port=80)
        marked = pb.Classifier(dscp=46, precedence=10)
        for name, classifier, spine in (("web", web, "spine1"), ("marked", marked, "spine2"), ("rest", None, "spine3")):
            made = connect(lab, name, spine, classifier)
            assert made.status.path[1].switch == spine
        yield lab


def ends(lab: CloudLab) -> tuple[str, str]:
    """Two hosts of one network of tenant red on different leaves."""
    red = [host for host in lab.hosts if lab.tenant[host] == "red"]
    return next((a, b) for a in red for b in lab.members(a) if lab.place[a].switch != lab.place[b].switch)


def connect(lab: CloudLab, name: str, spine: str, classifier: pb.Classifier | None) -> pb.Connection:
    a, b = map(lab.port_of, ends(lab))
    others = pb.Constraints(exclude_switches=[other for other in SPINES if other != spine])
    wish = pb.Connection(name=f"tenants/red/connections/{name}", a=a, b=b, bandwidth_bps=10**6, constraints=others)
    if classifier is not None:
        wish.classifier.CopyFrom(classifier)
    return lab.client.connections.create(wish, wait=WAIT)


def counted(lab: CloudLab) -> dict[str, int]:
    """Packets by the spine by which connections lead them."""
    found = {}
    for spine in SPINES:
        ovs = lab.network.ovs_of(spine)
        ovs.appctl("revalidator/purge")
        lines = [line for line in ovs.ofctl("dump-flows", spine, "table=36").splitlines() if "dl_dst=82:" in line]
        found[spine] = sum(int(number) for line in lines for number in re.findall(r"n_packets=(\d+)", line))
    return found


def way_of(lab: CloudLab, sender: str, *frames: bytes) -> set[str]:
    """Spines that these frames pass on paths; all of them arrive at the other end."""
    receiver = next(host for host in ends(lab) if host != sender)
    before = counted(lab)
    lab.network.received(receiver)
    lab.network.send(sender, *frames)
    lab.network.settle()
    assert len(lab.network.received(receiver)) == len(frames)
    after = counted(lab)
    assert sum(after.values()) - sum(before.values()) == len(frames)
    return {spine for spine in SPINES if after[spine] > before[spine]}


def packet(lab: CloudLab, body: Any, *, back: bool = False, version: int = 4, dscp: int = 0) -> bytes:
    a, b = (lab.hosts[name] for name in (ends(lab)[::-1] if back else ends(lab)))
    source, target = a.address(version), b.address(version)
    if version == 4:
        head = IP(src=str(source), dst=str(target), tos=dscp << 2)
    else:
        head = IPv6(src=str(source), dst=str(target), tc=dscp << 2)
    return bytes(Ether(src=a.mac, dst=b.mac) / head / body)


TO_WEB, FROM_WEB = TCP(sport=999, dport=80), TCP(sport=80, dport=999)
OTHER: tuple[Callable[[], Any], ...] = (lambda: UDP(sport=999, dport=80), lambda: TCP(sport=999, dport=81), ICMP)


@pytest.mark.parametrize("version", [4, 6])
def test_each_class_takes_its_own_way_in_both_directions(lab: CloudLab, version: int) -> None:
    a, b = ends(lab)
    assert way_of(lab, a, packet(lab, TO_WEB, version=version)) == {"spine1"}
    assert way_of(lab, b, packet(lab, FROM_WEB, version=version, back=True)) == {"spine1"}
    # On the way back port 80 is that of the sender.
    assert way_of(lab, b, packet(lab, TO_WEB, version=version, back=True)) == {"spine3"}
    for sender, back in ((a, False), (b, True)):
        assert way_of(lab, sender, packet(lab, UDP(), version=version, dscp=46, back=back)) == {"spine2"}
        assert way_of(lab, sender, packet(lab, UDP(), version=version, dscp=45, back=back)) == {"spine3"}
    assert way_of(lab, a, packet(lab, TO_WEB, version=version, dscp=46)) == {"spine2"}, "the higher precedence"
    for body in OTHER[:2]:
        assert way_of(lab, a, packet(lab, body(), version=version)) == {"spine3"}


def test_fragments_go_as_if_they_had_no_ports(lab: CloudLab) -> None:
    a, _ = ends(lab)
    whole = Ether(packet(lab, TCP(sport=999, dport=80) / Raw(bytes(2000))))
    pieces = [bytes(piece) for piece in fragment(whole, fragsize=1000)]
    assert len(pieces) == 3
    assert way_of(lab, a, *pieces) == {"spine3"}, "the first one too, so that they keep their order"
    marked = Ether(packet(lab, TCP(sport=999, dport=80) / Raw(bytes(2000)), dscp=46))
    assert way_of(lab, a, *[bytes(piece) for piece in fragment(marked, fragsize=1000)]) == {"spine2"}


def test_a_classifier_is_changed_and_taken_away(lab: CloudLab) -> None:
    a, b = ends(lab)
    address = lab.hosts[b].address(4)
    assert isinstance(address, IPv4Address | IPv6Address)
    extra = pb.Classifier(protocol=UDP_NUMBER, b_prefix=f"{address}/32", b_port=53)
    name = connect(lab, "dns", "spine1", extra).name
    query = packet(lab, UDP(sport=999, dport=53))
    assert way_of(lab, a, query) == {"spine1"}
    extra.b_port = 54
    wish = pb.Connection(name=name, classifier=extra)
    lab.client.connections.update(wish, mask=["classifier"], wait=WAIT)
    lab.forget_caches()
    assert way_of(lab, a, query) == {"spine3"}
    assert way_of(lab, a, packet(lab, UDP(sport=999, dport=54))) == {"spine1"}
    lab.client.connections.delete(name, wait=WAIT)
    lab.forget_caches()
    assert way_of(lab, a, packet(lab, UDP(sport=999, dport=54))) == {"spine3"}


def test_overlaps_are_refused(lab: CloudLab) -> None:
    for classifier, says in (
        (pb.Classifier(protocol=TCP_NUMBER), "tenants/red/connections/web takes some of these packets"),
        (pb.Classifier(b_port=80), "Set protocol to 6"),
        (pb.Classifier(a_prefix="10.0.0.1/8"), "connection.classifier.a_prefix"),
        (pb.Classifier(dscp=64), "Give 0 to 63"),
        (pb.Classifier(), "takes every packet"),
        (None, "already joins these ports"),
    ):
        with pytest.raises(ApiError) as caught:
            connect(lab, "another", "spine1", classifier)
        assert says in str(caught.value)
