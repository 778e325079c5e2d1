"""Bare circuits of a root and many leaves on real switches: copies of every frame to all leaves, and back to the root
alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from time import time

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab, meanwhile
from probe_free import no_probe_at_hosts
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from test_cloud_circuits import TAGS, carried, end, frames, mpls, tagged

from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NAME = "tenants/red/connections/tree"
IN_PLACE = (pb.PROGRAMMED, pb.VERIFIED)
SWITCHES = ("leaf1", "leaf2", "leaf3")
ROUND = 10
Sent = dict[str, list[bytes]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Of each leaf switch the last two hosts have no port: their interfaces are free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PATH_PROBE_INTERVAL", "1")
        patch.setenv("SDN_COUNTER_INTERVAL", "0.5")
        with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=4,capacity=1G", tmp_path_factory.mktemp("roots")) as lab:
            for host in lab.free():
                lab.client.ports.delete(lab.port_of(host), wait=WAIT)
            yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without connections when a test ends, and no host has got a probe."""
    with no_probe_at_hosts(shared):
        yield shared
        wholes = [one.name for one in shared.client.connections.list("tenants/-") if not one.leg_of]
        shared.client.apply([], wholes, wait=WAIT)
        shared.forget_caches()  # what these frames have counted is not for the entries that the next test has there


def tree(lab: CloudLab, root: str, *leaves: str, forth: bool = True, **fields: object) -> pb.Connection:
    """root, leaves: hosts, with the tag behind it."""
    one, *many = (
        end(lab, host.partition("@")[0], host[host.find("@") :] if "@" in host else "") for host in (root, *leaves)
    )
    ends = {"a": one, "targets": many} if forth else {"b": one, "sources": many}
    return pb.Connection(**{"name": NAME, "bandwidth_bps": 10**6, **ends, **fields})  # type: ignore[arg-type]


def connect(lab: CloudLab, wish: pb.Connection) -> pb.Connection:
    made = lab.client.connections.create(wish, wait=WAIT)
    assert made.status.state in IN_PLACE, made.status
    lab.forget_caches()
    return made


def legs(lab: CloudLab) -> dict[str, pb.Leg]:
    """By the host at the leaf."""
    hosts = {f"{place.switch}:{place.interface}": host for host, place in lab.place.items()}
    return {hosts[leg.port.partition("@")[0]]: leg for leg in lab.client.connections.get(NAME).status.legs}


def until(lab: CloudLab, good: Callable[[pb.Connection], bool], name: str = NAME) -> pb.Connection:
    with lab.client.connections.watch() as changes:
        for change in changes:
            if change.type != "SYNCED" and change.resource.name == name and good(change.resource):
                return change.resource
    raise AssertionError("unreachable")


class Stream:
    """Numbered frames from the root and from leaves, all the time."""

    def __init__(self, lab: CloudLab, root: str, *leaves: str) -> None:
        self._lab, self._root, self._leaves = lab, root, leaves
        self._number = 0
        self._sent: Sent = {host: [] for host in (root, *leaves)}
        for host in lab.hosts:
            lab.network.received(host)

    def send(self) -> None:
        batch = []
        for _ in range(ROUND):
            for sender in (self._root, *self._leaves):
                self._number += 1
                frame = bytes(Ether(dst="01:80:c2:00:00:02", type=0x88B5) / Raw(b"no%08d" % self._number + bytes(50)))
                batch.append((sender, frame))
                for receiver in self._leaves if sender == self._root else (self._root,):
                    self._sent[receiver].append(frame)
        self._lab.network.send_all(batch)

    def while_(self, doing: Callable[[], object]) -> None:
        meanwhile(self.send, doing)

    def check(self, *, but: str = "", also: tuple[str, ...] = ()) -> None:
        """Every frame came once to whom it was for, and to nobody else.

        but: to this leaf some may have been lost; also: these were leaves for some of the time.
        """
        self._lab.network.settle()
        got = {host: self._lab.network.received(host) for host in self._lab.hosts if host not in also}
        ours = {host: Counter(frame for frame in found if b"no0" in frame) for host, found in got.items()}
        lost_to = {host: ours.pop(host) for host in (but, self._root) if but}
        assert {host: found for host, found in ours.items() if found} == {
            host: Counter(sent) for host, sent in self._sent.items() if sent and host not in lost_to
        }
        for host, found in lost_to.items():
            assert not found - Counter(self._sent[host]), "nothing twice, and nothing else"
        if but:
            missing = Counter(self._sent[self._root]) - lost_to[self._root]
            assert {self._sender(frame) for frame in missing} <= {but}, "what others sent has come"
            assert not Counter(self._sent[but][-ROUND:]) - lost_to[but], "in the end all comes again"

    def _sender(self, frame: bytes) -> str:
        return (self._root, *self._leaves)[(int(frame[16:24]) - 1) % (1 + len(self._leaves))]


@pytest.mark.parametrize("forth", [True, False], ids=["targets", "sources"])
def test_what_comes_in_at_the_root_goes_to_all_leaves_and_from_a_leaf_to_the_root_alone(
    lab: CloudLab, forth: bool
) -> None:
    root, *leaves, other = lab.free()
    connect(lab, tree(lab, root, *leaves, forth=forth))
    assert carried(lab, root, *frames()) == {leaf: frames() for leaf in leaves}
    for leaf in leaves:
        assert carried(lab, leaf, *frames()) == {root: frames()}
    assert carried(lab, other, *frames()) == {}, "no end of it"
    found = until(lab, lambda one: one.status.state == pb.VERIFIED)
    assert {leg.state for leg in found.status.legs} == {pb.VERIFIED}
    assert not lab.client.audit("leaf1").missing


def test_frames_of_vlans_have_the_tag_of_the_end_where_they_leave(lab: CloudLab) -> None:
    """Two leaves at one interface, one of them beside the root, and other frames of the root's interface elsewhere."""
    root, near, a, _, b, c = lab.free()
    connect(lab, tree(lab, f"{root}@7", f"{near}@untagged", f"{near}@8", f"{a}@9", f"{b}@untagged", f"{b}@10"))
    beside = pb.Connection(name=f"{NAME}-2", a=end(lab, root, "@6"), b=end(lab, c, "@untagged"), bandwidth_bps=1000)
    connect(lab, beside)
    plain = [frame for frame in frames() if frame[12:14] not in TAGS]
    for inner in (plain, [tagged(5, frame) for frame in plain[:12]]):
        into = [tagged(7, frame) for frame in inner]
        assert {host: Counter(got) for host, got in carried(lab, root, *into).items()} == {
            near: Counter([*inner, *(tagged(8, frame) for frame in inner)]),
            a: Counter(tagged(9, frame) for frame in inner),
            b: Counter([*inner, *(tagged(10, frame) for frame in inner)]),
        }
        assert carried(lab, b, *(tagged(10, frame) for frame in inner)) == {root: into}
        assert carried(lab, near, *(tagged(8, frame) for frame in inner)) == {root: into}
    assert carried(lab, b, *plain) == {root: [tagged(7, frame) for frame in plain]}
    assert carried(lab, root, *(tagged(6, frame) for frame in plain)) == {c: plain}
    assert carried(lab, root, *plain) == {}
    assert carried(lab, root, *(tagged(8, frame) for frame in plain)) == {}, "nobody's VLAN there"
    until(lab, lambda one: one.status.state == pb.VERIFIED)


def test_as_many_leaves_as_there_may_be(lab: CloudLab) -> None:
    root, *hosts = lab.free()
    leaves = [f"{host}@{vlan}" for host in hosts for vlan in range(1, 14)][:64]
    connect(lab, tree(lab, f"{root}@untagged", *leaves, bandwidth_bps=1000))
    frame = bytes(200)
    wanted: Sent = {}
    for leaf in leaves:
        host, _, vlan = leaf.partition("@")
        wanted.setdefault(host, []).append(tagged(int(vlan), frame))
    arrived = carried(lab, root, frame)
    assert {host: sorted(got) for host, got in arrived.items()} == {host: sorted(got) for host, got in wanted.items()}
    assert carried(lab, hosts[-1], tagged(12, frame)) == {root: [frame]}


def test_mpls_goes_to_leaves_at_the_switch_of_the_root_alone(lab: CloudLab) -> None:
    root, near, far, *_ = lab.free()
    connect(lab, tree(lab, root, near, far))
    for frame in (mpls(), mpls(5)):
        assert carried(lab, root, frame) == {near: [frame]}
        assert carried(lab, near, frame) == {root: [frame]}
        assert carried(lab, far, frame) == {}
    assert carried(lab, root, mpls(5, 6)) == {near: [mpls(5, 6)], far: [mpls(5, 6)]}
    assert lab.network.ovs_of("leaf1").running
    assert carried(lab, root, *frames()) == {near: frames(), far: frames()}


def test_the_ceiling_of_the_root_holds_before_the_copies_and_each_frame_counts_once(lab: CloudLab) -> None:
    root, near, far, *_ = lab.free()
    connect(lab, tree(lab, root, near, far, bandwidth_bps=1000, ceiling_bps=10_000))
    many = [bytes(1000)] * 150
    arrived = carried(lab, root, *many)
    assert set(arrived) == {near, far}
    assert 40 < len(arrived[near]) == len(arrived[far]) < 100
    assert len(carried(lab, far, *many)[root]) == len(many)
    assert len(carried(lab, near, *many[:20])[root]) == 20
    lab.forget_caches()
    since = time()
    with lab.client.counters.watch(interval=1) as rounds:
        for found in rounds:
            counts = {item.name: item.counted for item in found.objects if item.name.startswith(NAME)}
            if all(item.time.ToNanoseconds() > since * 1e9 for item in counts.values()):
                break
    told = {name: (item.total.rx_packets, item.total.tx_packets) for name, item in counts.items()}
    names = {host: leg.name for host, leg in legs(lab).items()}
    assert told == {NAME: (150, 170), names[near]: (150, 20), names[far]: (150, 150)}, "before the ceiling"


def test_legs_come_go_and_move_and_nobody_else_loses_a_frame(lab: CloudLab) -> None:
    root, near, moving, late, steady, other = lab.free()
    connect(lab, tree(lab, root, near))

    def change(*leaves: str, **fields: object) -> Callable[[], object]:
        return lambda: lab.client.connections.update(
            tree(lab, root, *leaves, **fields), mask=["targets", "constraints"], wait=WAIT
        )

    alone = Stream(lab, root, near)
    alone.while_(change(near, moving, steady, other))
    alone.while_(change(near))
    alone.while_(change(near, moving, steady, other))
    alone.check(also=(moving, steady, other))

    spine = legs(lab)[moving].path[1].switch
    stream = Stream(lab, root, near, moving, steady, other)
    stream.while_(change(near, moving, steady, other, late))
    stream.while_(change(near, moving, steady, other))
    stream.while_(change(near, moving, steady, other, constraints=pb.Constraints(exclude_switches=[spine])))
    assert spine not in {leg.path[1].switch for host, leg in legs(lab).items() if host != near}
    stream.while_(change(near, moving, steady, other))
    stream.while_(lambda: lab.wait_settled())
    lab.network.settle()
    got = [frame for frame in lab.network.received(late) if b"no0" in frame]
    assert got, "the one that came and went got copies meanwhile"
    stream.check()

    # A cut concerns the leg that goes there.
    spine = legs(lab)[moving].path[1].switch
    cable = lab.network.link("leaf2", spine)
    stream = Stream(lab, root, near, moving, steady, other)

    def moved(leg: pb.Connection) -> bool:
        return leg.status.state in IN_PLACE and spine not in str(leg.status.path)

    name = legs(lab)[moving].name
    stream.send()
    lab.network.cut(cable)
    stream.while_(lambda: until(lab, moved, name))
    lab.forget_caches()
    stream.send()
    stream.check(but=moving)
    lab.network.mend(cable)
    lab.ready()


def test_tenants_and_other_circuits_do_not_meet_it(lab: CloudLab) -> None:
    root, near, far, a, b, _ = lab.free()
    connect(lab, tree(lab, root, near, far))
    connect(lab, pb.Connection(name=f"{NAME}-2", a=end(lab, a), b=end(lab, b), bandwidth_bps=1000))
    hosts = [host for host in lab.hosts.values() if host.name not in lab.free()]
    assert lab.matrix(hosts=hosts).explain({(x, y) for x, y in lab.expected if not {x, y} & set(lab.free())}) == ""
    assert carried(lab, a, *frames()) == {b: frames()}
    assert carried(lab, root, *frames()) == {near: frames(), far: frames()}
    sender = next(host for host in hosts if lab.place[host.name].switch == "leaf1")
    (number,) = re.findall(r"in_port=\d+ actions=set_field:(0x\w+)->reg1,goto_table:30", lab.network.flows("leaf1"))
    label = b"\x82\x00\x01" + int(number, 16).to_bytes(3, "big")
    forged = bytes(Ether(dst=label.hex(":"), src=sender.mac, type=0x8847) / Raw(bytes(60)))
    assert carried(lab, sender.name, forged) == {}


def test_what_is_lost_at_the_root_is_found_by_probes_and_written_again(lab: CloudLab) -> None:
    root, near, far, *_ = lab.free()
    connect(lab, tree(lab, root, near, far))
    until(lab, lambda one: one.status.state == pb.VERIFIED)
    names = [leg.name for leg in lab.client.connections.get(NAME).status.legs]
    port = lab.network.ports("leaf1")[lab.place[root].interface]
    with lab.client.connections.watch() as changes:
        lab.network.ofctl("leaf1", "del-flows", f"table=0,in_port={port}")
        lost: set[str] = set()
        for change in changes:
            status = change.resource.status
            if change.resource.name in names and (status.state, status.reason) == (pb.DEGRADED, "ProbeLost"):
                lost.add(change.resource.name)
            if change.resource.name == NAME and lost and status.state == pb.VERIFIED:
                break
    assert lost
    assert carried(lab, root, *frames()) == {near: frames(), far: frames()}


def test_a_restart_of_the_daemon_disturbs_nothing(lab: CloudLab) -> None:
    root, near, far, *_ = lab.free()
    connect(lab, tree(lab, root, near, far))

    def entries() -> tuple[list[str], list[str]]:
        """What of leaf1 looks at a sender, and the groups of copies to which it leads."""
        ovs = lab.network.ovs_of("leaf1")
        lines = [line for line in ovs.ofctl("dump-flows", "leaf1", "--no-stats").splitlines() if "reg1" in line]
        used = [number for line in lines if "table=32" in line for number in re.findall(r"group:(\d+)", line)]
        groups = [line for line in lab.network.groups("leaf1").splitlines() if any(f"={n}," in line for n in used)]
        return sorted(lines), sorted(groups)

    before = entries()
    assert len([group for group in before[1] if "resubmit(,30)" in group]) == 2
    lab.daemon.stop(kill=True)
    sent = frames()
    found = carried(lab, root, *sent)
    assert (found[near], found[far]) == (sent, sent), "others hear probes while discovery begins"
    lab.daemon.start()
    lab.ready()
    assert entries() == before
    until(lab, lambda one: one.status.state in IN_PLACE)
    report = lab.client.audit("leaf1")
    assert not report.missing
    found = carried(lab, root, *sent)
    assert (found[near], found[far]) == (sent, sent)
