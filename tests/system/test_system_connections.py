"""Connections in Mininet, with real packets: the reserved path is the one that packets take, whatever happens to it."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from refusals import ABSENT, GROUPS, UPLINKS, Case, busy, cases
from traffic import FRAME, counted, udp, unheard, unread

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.experiment import load  # noqa: E402 - only where Mininet is
from sdn_lab.lab import MininetLab  # noqa: E402
from sdn_lab.steps import Steps  # noqa: E402

from sdn.client import ApiError  # noqa: E402
from sdn.controller.connections.asking import REASONS  # noqa: E402
from sdn.graph import assign_interfaces, load_topology  # noqa: E402
from sdn.graph.write import to_yaml  # noqa: E402
from sdn.v1 import resources_pb2 as pb  # noqa: E402

TENANT = "tenants/lab"
CONNECTIONS = f"{TENANT}/connections"
WAIT = 20.0
PACKETS = 100
Link = tuple[str, str]
SLOW = ("agg1_1", "core1")
SLOW_US, FAST_US = 5000, 10
CEILING = 20 * 10**6


@pytest.fixture(scope="module", autouse=True)
def settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", "0.5")
        yield


@pytest.fixture(scope="module")
def wan() -> Iterator[MininetLab]:
    with MininetLab("abilene") as lab:
        lab.everybody("10.0.0.0/24")
        yield lab


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MininetLab]:
    """A fat tree with one link that is declared to be slow, and two that are risk groups."""
    plain = assign_interfaces(load_topology("fat-tree:k=4"))
    links = [replace(link, latency=SLOW_US if (link.a[0], link.b[0]) == SLOW else FAST_US) for link in plain.links]
    assert sum(link.latency == SLOW_US for link in links) == 1
    groups = {uplink: frozenset({group}) for uplink, group in zip(UPLINKS, GROUPS, strict=True)}
    links = [replace(link, risk_groups=groups.get(":".join(link.a), frozenset())) for link in links]
    file = tmp_path_factory.mktemp("tree") / "tree.yaml"
    file.write_text(to_yaml(replace(plain, links=tuple(links))))
    with MininetLab(str(file)) as lab:
        lab.everybody("10.0.0.0/24")
        yield lab


@pytest.fixture(params=["wan", "tree"])
def either(request: pytest.FixtureRequest) -> Iterator[MininetLab]:
    lab = request.getfixturevalue(request.param)
    yield lab
    clear(lab)


def clear(lab: MininetLab) -> None:
    """Without connections."""
    lab.client.apply([], [connection.name for connection in lab.client.connections.list(TENANT)], wait=WAIT)


@pytest.fixture(autouse=True)
def without_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for fixture in ("wan", "tree"):
        if fixture in request.fixturenames:
            clear(request.getfixturevalue(fixture))


def host_at(lab: MininetLab, switch: str) -> str:
    return str(next(host.name for host in lab.network.topology.hosts if host.switch == switch))


def connect(
    lab: MininetLab, a: str, b: str, name: str = "c", *, bandwidth: int = 10**9, wait: float = WAIT, **fields: object
) -> pb.Connection:
    """Between hosts."""
    ends = {"a": lab.endpoint(a).port, "b": lab.endpoint(b).port}
    wish = pb.Connection(name=f"{TENANT}/connections/{name}", bandwidth_bps=bandwidth, **ends, **fields)  # type: ignore[arg-type]
    return lab.client.connections.create(wish, wait=wait)


def until(lab: MininetLab, name: str, wanted: Callable[[pb.ResourceStatus], bool]) -> pb.ResourceStatus:
    """The status of a connection when it is as wanted."""
    end = time.monotonic() + WAIT
    while not wanted(status := lab.client.connections.get(f"{CONNECTIONS}/{name}").status):
        assert time.monotonic() < end, status
    return status


def switches(status: pb.ResourceStatus) -> list[str]:
    return [hop.switch for hop in status.path]


def steered(status: pb.ResourceStatus) -> bool:
    return status.state in (pb.PROGRAMMED, pb.VERIFIED)


def far(lab: MininetLab) -> tuple[str, str]:
    """Two hosts on different sides."""
    hosts = lab.network.topology.hosts
    return hosts[0].name, hosts[-1].name


def links_of(hops: Sequence[pb.PathHop]) -> set[Link]:
    return {(a.switch, b.switch) for a, b in itertools.pairwise(hops)}


def taken(lab: MininetLab, a: str, b: str) -> set[Link]:
    """Directed links that packets of a to b take, all of which arrive and are answered."""
    before = lab.carried()
    _, lost, _ = lab.start_stream(a, b, interval=0.002, count=PACKETS).result()
    assert lost == 0
    return {pair for pair, count in lab.carried(before).items() if count * 2 >= PACKETS}


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


def test_a_latency_limit_avoids_the_slow_link_of_a_fat_tree(tree: MininetLab) -> None:
    a, b = far(tree)
    slow = connect(tree, a, b, "slow", constraints=pb.Constraints(via=[SLOW[1]]))
    assert SLOW in links_of(slow.status.path)
    assert taken(tree, a, b) == both_ways(links_of(slow.status.path))
    tree.client.connections.delete(slow.name, wait=WAIT)
    fast = connect(tree, a, b, "fast", constraints=pb.Constraints(max_latency_us=SLOW_US))
    way = links_of(fast.status.path)
    assert taken(tree, a, b) == both_ways(way)
    assert not both_ways(way) & both_ways({SLOW})
    tree.client.connections.delete(fast.name, wait=WAIT)
    with pytest.raises(ApiError) as caught:
        connect(tree, a, b, "both", constraints=pb.Constraints(via=[SLOW[1]], max_hops=4, max_latency_us=SLOW_US))
    assert str(SLOW_US + 3 * FAST_US) in str(caught.value).replace(",", ""), "the latency that there is"


def test_connections_that_are_diverse_share_no_link_of_a_fat_tree(tree: MininetLab) -> None:
    hosts = tree.network.topology.hosts
    (a, b), (c, d) = (hosts[0].name, hosts[-1].name), (hosts[1].name, hosts[-2].name)
    first = connect(tree, a, b, "first")
    apart = pb.Constraints(diverse_from=[first.name], diversity=pb.LINK)
    second = connect(tree, c, d, "second", constraints=apart)
    ways = [taken(tree, *ends) for ends in ((a, b), (c, d))]
    assert ways == [both_ways(links_of(item.status.path)) for item in (first, second)]
    assert not ways[0] & ways[1]


def test_ceilings_hold_within_ten_percent_and_counters_agree_with_iperf3(either: MininetLab) -> None:
    a, b = far(either)
    made = connect(either, a, b, bandwidth=CEILING // 4, ceiling_bps=CEILING)
    entrance = next(host.interface for host in either.network.topology.hosts if host.name == a)
    before, dropped = counted(either, made.name), unread(either, entrance)
    busy = unread(either) + unheard(either, b)
    packets, lost, rate = udp(either, a, b, 2 * CEILING)
    assert lost > 0
    busy = unread(either) + unheard(either, b) - busy
    assert rate < 1.1 * CEILING
    assert rate + busy * FRAME * 8 / 4 > 0.9 * CEILING, "but for what a busy machine drops"
    after, dropped = counted(either, made.name), unread(either, entrance) - dropped
    # Beside the packets themselves there is the TCP connection by which iperf3 agrees about the test.
    assert packets <= after.rx_packets - before.rx_packets + dropped <= packets + 60
    assert (packets - dropped) * FRAME <= after.rx_bytes - before.rx_bytes <= packets * FRAME + 20_000


def test_who_is_displaced_goes_another_way_or_is_told_so_and_loses_no_packet(tree: MininetLab) -> None:
    hosts = tree.network.topology.hosts
    free_ends, bound_ends, urgent_ends = ((hosts[at].name, hosts[-1 - at].name) for at in (2, 3, 0))
    core = pb.Constraints(via=["core4"], max_hops=4)
    connect(tree, *bound_ends, "bound", bandwidth=3 * 10**9, constraints=core)
    free = connect(
        tree, *free_ends, "free", bandwidth=6 * 10**9, constraints=pb.Constraints(affine_to=[f"{CONNECTIONS}/bound"])
    )
    assert "core4" in switches(free.status)
    dropped = unread(tree)
    streams = [tree.start_stream(*ends, interval=0.005, count=400) for ends in (free_ends, bound_ends)]
    urgent = connect(tree, *urgent_ends, "urgent", bandwidth=9 * 10**9, priority=5, constraints=core)
    assert steered(urgent.status)
    moved = until(tree, "free", lambda status: steered(status) and "core4" not in switches(status))
    told = until(tree, "bound", lambda status: status.reason == "Preempted")
    assert told.state == pb.DEGRADED
    assert urgent.name in told.message
    for stream in streams:
        sent, lost, _ = stream.result()
        assert lost <= unread(tree) - dropped, f"of {sent}"
    assert taken(tree, *free_ends) == both_ways(links_of(moved.path))
    assert taken(tree, *urgent_ends) == both_ways(links_of(urgent.status.path))
    tree.client.connections.delete(urgent.name, wait=WAIT)
    again = until(tree, "bound", steered)
    assert "core4" in switches(again), "it is back as soon as there is room"
    assert taken(tree, *bound_ends) == both_ways(links_of(again.path))


@pytest.mark.parametrize(("name", "checks"), [("booked", 14), ("many", 9)])
def test_experiments_of_connections(wan: MininetLab, name: str, checks: int) -> None:
    """In the network that is there already: it is the same that the file asks for."""
    experiment = load(Path(__file__).parents[2] / f"mininet/experiments/{name}.yaml")
    assert (experiment.topology, experiment.everybody) == ("abilene", "10.0.0.0/24")
    outcomes = Steps(wan, experiment, lambda outcome: None).run()
    assert [(item.title, item.text) for item in outcomes if item.right is False] == []
    assert sum(item.right is True for item in outcomes) >= checks


def test_a_connection_with_a_calendar_has_its_path_at_its_time_and_loses_no_packet(tree: MininetLab) -> None:
    a, b = far(tree)
    ordinary = taken(tree, a, b)
    assert ordinary == {link[::-1] for link in ordinary}, "the answers take the same way"
    core = next(
        core for core in ("core2", "core3", "core4") if core not in {name for link in ordinary for name in link}
    )
    dropped, stream = unread(tree), tree.start_stream(a, b, interval=0.02, count=400)
    start = math.ceil(time.time()) + 3
    calendar = pb.Calendar()
    calendar.start.seconds, calendar.end.seconds = start, start + 3
    tree.client.connections.create(
        pb.Connection(
            name=f"{CONNECTIONS}/tonight",
            a=tree.endpoint(a).port,
            b=tree.endpoint(b).port,
            bandwidth_bps=10**9,
            calendar=calendar,
            constraints=pb.Constraints(via=[core]),
        )
    )
    waiting = until(tree, "tonight", lambda status: status.state == pb.ADMITTED and status.reason == "NotYet")
    assert core in switches(waiting), "its path is reserved"
    assert taken(tree, a, b) == ordinary
    now = until(tree, "tonight", steered)
    assert start <= time.time() < start + 3
    assert taken(tree, a, b) == both_ways(links_of(now.path))
    over = until(tree, "tonight", lambda status: status.state == pb.EXPIRED and not status.realised_path)
    assert (over.reason, list(over.path)) == ("TimeOver", [])
    assert taken(tree, a, b) == ordinary
    sent, lost, _ = stream.result()
    assert lost <= unread(tree) - dropped, f"of {sent}"


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


def test_one_connection_to_many_leads_each_its_own_way(either: MininetLab) -> None:
    """Point to multipoint with real traffic: each leg takes its path, and each link has the bandwidth once."""
    hub, *others = (host.name for host in either.network.topology.hosts)
    targets = [others[index] for index in (2, len(others) // 2, -1)]
    made = either.client.connections.create(
        pb.Connection(
            name=f"{CONNECTIONS}/many",
            a=either.endpoint(hub).port,
            targets=[either.endpoint(target).port for target in targets],
            bandwidth_bps=10**9,
        ),
        wait=WAIT,
    )
    assert steered(made.status)
    paths = {leg.port.rpartition("/")[2]: leg.path for leg in made.status.legs}
    assert set(paths) == set(targets)
    for target in targets:
        assert taken(either, hub, target) == both_ways(links_of(paths[target]))
    links = either.client.topology().links
    assert {amount for link in links for amount in (link.reserved_ab_bps, link.reserved_ba_bps)} == {0, 10**9}
    shared = set.intersection(*(links_of(path) for path in paths.values()))
    used = set.union(*(links_of(path) for path in paths.values()))
    assert sum(link.reserved_ab_bps > 0 for link in links) == len(used), shared


def test_one_to_many_is_displaced_as_a_whole_and_loses_no_packet(tree: MininetLab) -> None:
    hosts = [host.name for host in tree.network.topology.hosts]
    core = pb.Constraints(via=["core4"])
    wish = pb.Connection(
        name=f"{CONNECTIONS}/many",
        a=tree.endpoint(hosts[0]).port,
        targets=[tree.endpoint(hosts[index]).port for index in (4, 9, -1)],
        bandwidth_bps=6 * 10**9,
        constraints=core,
    )
    tree.client.connections.create(wish, wait=WAIT)
    dropped = unread(tree)
    streams = [tree.start_stream(hosts[0], hosts[index], interval=0.005, count=400) for index in (4, 9, -1)]
    urgent = connect(tree, hosts[3], hosts[-2], "urgent", bandwidth=6 * 10**9, priority=3, constraints=core)
    told = until(tree, "many", lambda status: status.reason == "Preempted")
    assert told.state == pb.DEGRADED
    assert not any(leg.path for leg in told.legs), "all legs, also those that could have stayed"
    tree.client.connections.delete(urgent.name, wait=WAIT)
    again = until(tree, "many", steered)
    assert all("core4" in [hop.switch for hop in leg.path] for leg in again.legs)
    for stream in streams:
        sent, lost, _ = stream.result()
        assert lost <= unread(tree) - dropped, f"of {sent}"


@pytest.mark.parametrize("many", [False, True])
def test_a_link_and_a_switch_that_are_to_be_used_are_on_the_way(wan: MininetLab, many: bool) -> None:
    """Seattle to Chicago goes by Denver and Kansas City; what is named is on the other way, by Los Angeles."""
    a, b = host_at(wan, "sttl"), host_at(wan, "chin")
    ordinary = taken(wan, a, b)
    link = next(link for link in wan.network.topology.links if {link.a[0], link.b[0]} == {"losa", "hstn"})
    use = pb.Constraints(include_links=[":".join(link.a)], include_switches=["atla"])
    assert not {("losa", "hstn"), ("hstn", "losa")} & ordinary
    if many:
        wish = pb.Connection(
            name=f"{CONNECTIONS}/c",
            a=wan.endpoint(a).port,
            targets=[wan.endpoint(b).port],
            bandwidth_bps=10**9,
            constraints=use,
        )
        (leg,) = wan.client.connections.create(wish, wait=WAIT).status.legs
        path = leg.path
    else:
        path = connect(wan, a, b, constraints=use).status.path
    way = links_of(path)
    assert ("losa", "hstn") in way
    assert "atla" in {name for pair in way for name in pair}
    assert taken(wan, a, b) == both_ways(way)


def obstacles(lab: MininetLab, wish: pb.Connection) -> list[tuple[str, str, str]]:
    """What CheckConnection says against a request: words, fields and descriptions."""
    try:
        answer = lab.client.check_connection(wish)
    except ApiError as error:  # of requests that are wrong in themselves
        return [(v.reason, v.field, v.description) for v in error.violations]
    assert not answer.admitted
    return [(o.word, o.field, f"{o.reason}. {o.remedy}") for o in answer.obstacles]


def refused(lab: MininetLab, wish: pb.Connection, case: Case) -> str:
    """The description in which a refusal says why, the same to who asks and to who only wants to know."""
    with pytest.raises(ApiError) as caught:
        lab.client.connections.create(wish)
    found = [(v.reason, v.field, v.description) for v in caught.value.violations]
    assert found == obstacles(lab, wish)
    word, field, description = found[0]
    assert (word, field.endswith(case.field)) == (case.reason, True), field
    for text in case.named:
        assert text in description
    return description


def test_refused_requests_have_the_right_reason_and_the_nearest_one_is_admitted(tree: MininetLab) -> None:
    a, b, others = (tree.endpoint(name).port for name in ("h1", "h16", "h2"))
    last = tree.endpoint("h7").port
    for number, fields in enumerate(busy(others, last)):
        tree.client.connections.create(pb.Connection(name=f"{CONNECTIONS}/busy{number}", **fields))
    table = cases(int(time.time()) - 86400)
    for case in table:
        ends = {"name": f"{CONNECTIONS}/c", "a": a, "b": b}
        asked = {"bandwidth_bps": 10**9, **case.wish}
        description = refused(tree, pb.Connection(**ends, **asked), case)  # type: ignore[arg-type]
        nearest = {"bandwidth_bps": 10**9, **case.nearest(description)}
        made = tree.client.connections.create(pb.Connection(**ends, **nearest), wait=WAIT)  # type: ignore[arg-type]
        assert steered(made.status), (case.reason, made.status)
        tree.client.connections.delete(made.name)
    assert {case.reason for case in table} | set(ABSENT) | {"NoPath", "EndIsLink"} == {
        *REASONS.values(),
        "NotTogether",
        "SearchGivenUp",
        "EndIsLink",
        "NotPossible",
    }, "each reason is in the table, or it is said why not"


def test_no_path_at_all_names_the_cut_and_a_link_is_no_end(tree: MininetLab) -> None:
    end = pb.Connection(name=f"{CONNECTIONS}/line", a=UPLINKS[0], b="edge4_2:spare", bandwidth_bps=10**9)
    refused(tree, end, Case("EndIsLink", "a", {}, ("edge1_1:edge1_1-eth1", "agg1_1:agg1_1-eth1"), lambda text: {}))
    a, b = tree.endpoint("h1").port, tree.endpoint("h16").port
    wish = pb.Connection(name=f"{CONNECTIONS}/c", a=a, b=b, bandwidth_bps=10**9)
    cables = [("edge4_2", "agg4_1"), ("edge4_2", "agg4_2")]
    for cable in cables:
        tree.cut(cable)
    try:
        gone = pb.Connection()
        gone.CopyFrom(wish)
        gone.no_path = pb.WAIT
        waits = tree.client.connections.create(gone)
        told = until(tree, "c", lambda status: status.reason == "NoPath")  # the cuts are noticed
        assert told.state in (pb.PENDING, pb.DEGRADED)
        tree.client.connections.delete(waits.name)
        names = ("down are the links around edge4_2", "agg4_1:agg4_1-eth", "agg4_2:agg4_2-eth")
        refused(tree, wish, Case("NoPath", "connection", {}, names, lambda text: {}))
    finally:
        for cable in cables:
            tree.mend(cable)
        tree.ready()
    assert steered(tree.client.connections.create(wish, wait=WAIT).status)
