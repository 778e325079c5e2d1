"""Connections on real switches: numbered packets all the time, while paths are changed, broken and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab, meanwhile

from sdn.client import ApiError
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
MARK = b"number:"
NAME = "tenants/red/connections/c"
ROUND = 8
IN_PLACE = (pb.PROGRAMMED, pb.VERIFIED)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=3,leaves=2,hosts=4,capacity=1G", tmp_path_factory.mktemp("paths")) as lab:
        yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without connections when a test ends."""
    yield shared
    for connection in list(shared.client.connections.list("tenants/-")):
        shared.client.connections.delete(connection.name, wait=WAIT)
    shared.ready()


def ends(lab: CloudLab) -> tuple[str, str]:
    """Two hosts of one network of tenant red on different leaves."""
    red = [host for host in lab.hosts if lab.tenant[host] == "red"]
    return next((a, b) for a in red for b in lab.members(a) if b in red and lab.place[a].switch != lab.place[b].switch)


def connect(lab: CloudLab, **fields: object) -> pb.Connection:
    a, b = (lab.port_of(host) for host in ends(lab))
    wish = pb.Connection(name=NAME, a=a, b=b, bandwidth_bps=10**8, **fields)  # type: ignore[arg-type]
    return lab.client.connections.create(wish, wait=WAIT)


def spine(connection: pb.Connection, *, backup: bool = False) -> str:
    hops = connection.status.backup_path if backup else connection.status.path
    assert len(hops) == 3
    return hops[1].switch


class Stream:
    """Numbered packets of the two ends to each other."""

    def __init__(self, lab: CloudLab) -> None:
        self._lab = lab
        self._hosts = [lab.hosts[name] for name in ends(lab)]
        self._sent = 0
        self._got: list[int] = []
        self._collect()
        self._got.clear()

    def send(self) -> None:
        frames = []
        for _ in range(ROUND):
            for a, b in (self._hosts, self._hosts[::-1]):
                target = b.address(4)
                assert target is not None
                frames.append((a.name, a.udp(target, b.mac, MARK + self._sent.to_bytes(8, "big"))))
                self._sent += 1
        self._lab.network.send_all(frames)

    def while_(self, doing: Callable[[], pb.Connection]) -> pb.Connection:
        """Send before, for as long as something takes, and afterwards."""
        return meanwhile(self.send, doing)

    def _collect(self) -> None:
        self._lab.network.settle()
        for host in self._hosts:
            for frame in self._lab.network.received(host.name):
                at = frame.find(MARK)
                if at >= 0:
                    self._got.append(int.from_bytes(frame[at + len(MARK) : at + len(MARK) + 8], "big"))

    def missing(self) -> set[int]:
        """Numbers that did not arrive; none arrived twice."""
        self._collect()
        assert len(self._got) == len(set(self._got))
        return set(range(self._sent)) - set(self._got)


def test_no_packet_is_lost_while_a_connection_is_made_moved_and_ended(lab: CloudLab) -> None:
    stream = Stream(lab)
    connection = stream.while_(lambda: connect(lab))
    assert connection.status.state in IN_PLACE
    used = [spine(connection)]
    for _ in range(4):
        wish = pb.Connection(name=NAME, constraints=pb.Constraints(exclude_switches=[used[-1]]))
        connection = stream.while_(
            lambda wish=wish: lab.client.connections.update(wish, mask=["constraints"], wait=WAIT)  # type: ignore[misc]
        )
        assert connection.status.state in IN_PLACE
        assert spine(connection) != used[-1]
        used.append(spine(connection))
    stream.while_(lambda: lab.client.connections.delete(NAME, wait=WAIT) or connection)
    for _ in range(20):
        stream.send()
    assert stream.missing() == set()


def test_a_protected_connection_survives_the_cut_of_each_link_of_its_primary(lab: CloudLab) -> None:
    wish = pb.Protection(mode=pb.REQUIRED, scope=pb.SWITCH)
    connection = connect(lab, protection=wish)
    for number in (0, 1):
        connection = lab.client.connections.get(NAME)
        first, second = spine(connection), spine(connection, backup=True)
        assert first != second
        leaf = connection.status.path[2 * number].switch
        stream = Stream(lab)
        cable = lab.network.link(leaf, first)
        lab.network.cut(cable)
        with lab.client.connections.watch() as changes:
            for change in changes:
                status = change.resource.status
                if status.state in IN_PLACE and status.path and status.path[1].switch == second:
                    break
        for _ in range(10):
            stream.send()
        assert stream.missing() == set()
        lab.network.mend(cable)
        lab.ready()


def test_questions_about_paths(lab: CloudLab) -> None:
    client = lab.client
    a, b = (lab.port_of(host) for host in ends(lab))
    found = client.find_paths(ppb.PathQuery(source=a, destination=b, count=16))
    assert [len(path.hops) for path in found[:3]] == [3, 3, 3]
    assert all(path.free_bps == path.reverse_free_bps == 10**9 for path in found)
    assert found[0].hops[0].ingress == lab.place[ends(lab)[0]].interface
    apart = client.find_paths(ppb.PathQuery(source=a, destination=b, count=16, disjoint=pb.SWITCH))
    assert len(apart) == 3
    assert len({path.hops[1].switch for path in apart}) == 3
    wish = pb.Connection(a=a, b=b, bandwidth_bps=2 * 10**9)
    refused = client.check_connection(wish)
    assert not refused.admitted
    (obstacle,) = refused.obstacles
    assert obstacle.field == "connection.bandwidth_bps"
    assert "Ask for at most 1000000000 bit/s" in obstacle.remedy
    wish.bandwidth_bps = 10**9
    answer = client.check_connection(wish)
    assert answer.admitted
    assert not list(client.connections.list("tenants/red")), "asking reserves nothing"
    with pytest.raises(ApiError) as caught:
        connect(lab, constraints=pb.Constraints(max_hops=1))
    assert "connection.constraints.max_hops" in str(caught.value)
