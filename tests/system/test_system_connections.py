"""Connections in Mininet, with real packets: the reserved path is the one that packets take, whatever happens to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.lab import MininetLab  # noqa: E402 - only where Mininet is

from sdn.client import ApiError  # noqa: E402
from sdn.v1 import resources_pb2 as pb  # noqa: E402

TENANT = "tenants/lab"
WAIT = 20.0
PACKETS = 100
Link = tuple[str, str]


@pytest.fixture(scope="module")
def wan() -> Iterator[MininetLab]:
    with MininetLab("abilene") as lab:
        lab.everybody("10.0.0.0/24")
        yield lab


@pytest.fixture(scope="module")
def tree() -> Iterator[MininetLab]:
    with MininetLab("fat-tree:k=4") as lab:
        lab.everybody("10.0.0.0/24")
        yield lab


@pytest.fixture(autouse=True)
def without_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for fixture in ("wan", "tree"):
        if fixture in request.fixturenames:
            client = request.getfixturevalue(fixture).client
            client.apply([], [connection.name for connection in client.connections.list(TENANT)], wait=WAIT)


def host_at(lab: MininetLab, switch: str) -> str:
    return str(next(host.name for host in lab.network.topology.hosts if host.switch == switch))


def connect(lab: MininetLab, a: str, b: str, name: str = "c", **fields: object) -> pb.Connection:
    """Between hosts."""
    ends = {"a": lab.endpoint(a).port, "b": lab.endpoint(b).port}
    wish = pb.Connection(name=f"{TENANT}/connections/{name}", bandwidth_bps=10**9, **ends, **fields)  # type: ignore[arg-type]
    return lab.client.connections.create(wish, wait=WAIT)


def links_of(hops: Sequence[pb.PathHop]) -> set[Link]:
    return {(a.switch, b.switch) for a, b in itertools.pairwise(hops)}


def taken(lab: MininetLab, a: str, b: str) -> set[Link]:
    """Directed links that packets of a to b take, all of which arrive and are answered."""
    before = lab.carried()
    _, lost, _ = lab.start_stream(a, b, interval=0.002, count=PACKETS).result()
    assert lost == 0
    busy = {pair for pair, count in lab.carried(before).items() if count * 2 >= PACKETS}
    back = {pair for pair in busy if pair[::-1] in busy}
    assert back == busy, "the answers take the same way"
    return busy


def both_ways(links: set[Link]) -> set[Link]:
    return links | {link[::-1] for link in links}


def protected_again(lab: MininetLab, name: str) -> None:
    """Wait until a connection has two paths, for as long as the test may take."""
    with lab.client.connections.watch(TENANT) as changes:
        for change in changes:
            if change.resource.name == name and change.resource.status.backup_path:
                return


def survives(lab: MininetLab, a: str, b: str) -> None:
    """Each link of the primary path is cut once, under traffic, and mended again."""
    connection = connect(lab, a, b, protection=pb.Protection(mode=pb.REQUIRED, scope=pb.LINK))
    assert connection.status.state in (pb.PROGRAMMED, pb.VERIFIED)
    primary, backup = links_of(connection.status.path), links_of(connection.status.backup_path)
    assert backup
    assert not both_ways(primary) & backup
    for link in sorted(primary):
        stream = lab.start_stream(a, b, interval=0.005, count=300)
        lab.cut(link)
        try:
            sent, lost, _ = stream.result()
            assert lost < sent // 3, "it goes on"
            now = lab.client.connections.get(connection.name)
            assert not both_ways(links_of(now.status.path)) & both_ways({link})
            assert taken(lab, a, b) == both_ways(links_of(now.status.path))
        finally:
            lab.mend(link)
            lab.ready()
        protected_again(lab, connection.name)


def test_a_protected_connection_survives_the_cut_of_any_link_of_its_path(wan: MininetLab) -> None:
    survives(wan, host_at(wan, "sttl"), host_at(wan, "nycm"))


def test_a_protected_connection_in_a_fat_tree(tree: MininetLab) -> None:
    hosts = tree.network.topology.hosts
    survives(tree, hosts[0].name, hosts[-1].name)


def test_a_latency_limit_avoids_the_slow_way(wan: MininetLab) -> None:
    """Houston to Chicago: by Kansas City 10.94 ms, by Atlanta 9.65 ms."""
    a, b = host_at(wan, "hstn"), host_at(wan, "chin")
    slow = connect(wan, a, b, "slow", constraints=pb.Constraints(via=["kscy"]))
    assert taken(wan, a, b) == both_ways(links_of(slow.status.path))
    wan.client.connections.delete(slow.name, wait=WAIT)
    fast = connect(wan, a, b, "fast", constraints=pb.Constraints(max_latency_us=10_000))
    assert [hop.switch for hop in fast.status.path] == ["hstn", "atla", "ipls", "chin"]
    assert taken(wan, a, b) == both_ways(links_of(fast.status.path))


def test_connections_that_are_diverse_share_no_link(wan: MininetLab) -> None:
    a, b = host_at(wan, "sttl"), host_at(wan, "wash")
    c, d = host_at(wan, "snva"), host_at(wan, "nycm")
    first = connect(wan, a, b, "first")
    second = connect(wan, c, d, "second", constraints=pb.Constraints(diverse_from=[first.name], diversity=pb.LINK))
    ways = [taken(wan, *ends) for ends in ((a, b), (c, d))]
    assert ways == [both_ways(links_of(item.status.path)) for item in (first, second)]
    assert not ways[0] & ways[1]


@pytest.mark.parametrize(
    ("fields", "field", "remedy"),
    [
        ({"constraints": pb.Constraints(max_latency_us=9_000)}, "max_latency_us", "9650"),
        ({"constraints": pb.Constraints(max_hops=2)}, "max_hops", "3"),
        ({"bandwidth_bps": 20 * 10**9}, "bandwidth_bps", "9920000000"),
    ],
)
def test_a_refusal_names_what_stands_in_the_way(
    wan: MininetLab, fields: dict[str, object], field: str, remedy: str
) -> None:
    a, b = (wan.endpoint(host_at(wan, switch)).port for switch in ("hstn", "chin"))
    wish = {"bandwidth_bps": 10**9, **fields}
    with pytest.raises(ApiError) as caught:
        wan.client.connections.create(pb.Connection(name=f"{TENANT}/connections/c", a=a, b=b, **wish))  # type: ignore[arg-type]
    (violation,) = caught.value.violations
    assert violation.field.endswith(field)
    assert remedy in violation.description.replace(",", "")
    assert not list(wan.client.connections.list(TENANT))
