import itertools
from collections.abc import Iterator

import pytest
from lab_topologies import fat_tree, line, same_names

from sdn.lab import LabError, LabNetwork
from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology

pytestmark = pytest.mark.lab


def frame(number: int, destination: str = "020000000002") -> bytes:
    return bytes.fromhex(destination + "020000000001" + "88b5") + number.to_bytes(8, "big") + bytes(38)


def forward(network: LabNetwork, switch: str, source: str, *targets: str) -> None:
    """Whatever comes in by an interface goes out by others."""
    ports = network.ports(switch)
    outputs = ",".join(f"output:{ports[t]}" for t in targets)
    network.ofctl(switch, "add-flow", f"in_port={ports[source]},actions={outputs}")


def way(network: LabNetwork, length: int) -> None:
    """From h1-1 to the last host of a line."""
    for i in range(1, length + 1):
        source = "p1-1" if i == 1 else f"s{i}-left"
        forward(network, f"s{i}", source, f"p{i}-1" if i == length else f"s{i}-right")


@pytest.fixture(params=["socket", "patch", "each"])
def network(request: pytest.FixtureRequest) -> Iterator[LabNetwork]:
    each = request.param == "each"
    links = "socket" if each else request.param
    with LabNetwork(line(3), links=links, daemons="each" if each else "one") as network:
        yield network


def test_switches_are_as_declared(network: LabNetwork) -> None:
    for switch, dpid in network.topology.switches.items():
        assert f"dpid:{dpid:016x}" in network.ofctl(switch, "show")
        assert network.flows(switch).count("cookie") == 0
        bridge = network.bridge_of(switch)
        settings = network.ovs_of(switch).vsctl("get", "bridge", bridge, "fail_mode", "other_config", "protocols")
        assert "secure" in settings
        assert "disable-in-band" in settings
        assert "OpenFlow13" in settings
    assert set(network.ports("s2")) == {"s2-left", "s2-right", "p2-1"}


def test_frames_travel_and_arrive_once(network: LabNetwork) -> None:
    way(network, 3)
    network.send("h1-1", frame(1), frame(2))
    network.settle()
    assert network.received("h3-1") == [frame(1), frame(2)]
    assert network.received("h3-1") == []
    assert network.received("h2-1") == network.received("h1-1") == []


def test_no_frame_of_many_is_lost_or_reordered(network: LabNetwork) -> None:
    way(network, 3)
    frames = [frame(n) for n in range(1000)]
    network.send("h1-1", *frames)
    network.settle()
    assert network.received("h3-1") == frames


def test_cut_link_carries_nothing_until_mended(network: LabNetwork) -> None:
    way(network, 3)
    network.cut(("s1", "s2"))
    network.cut(("s1", "s2"))
    network.send("h1-1", frame(1))
    network.settle()
    assert network.received("h3-1") == []
    for switch, port in (("s1", "s1-right"), ("s2", "s2-left")):
        assert port not in live_ports(network, switch)
    assert "s2-right" in live_ports(network, "s2")
    network.mend(("s2", "s1"))
    way(network, 3)  # a patch port that comes back may have another number
    assert "s1-right" in live_ports(network, "s1")
    assert "s2-left" in live_ports(network, "s2")
    network.send("h1-1", frame(2))
    network.settle()
    assert network.received("h3-1") == [frame(2)]


def live_ports(network: LabNetwork, switch: str) -> set[str]:
    text = network.ofctl(switch, "dump-ports-desc")
    return {name for name in network.ports(switch) if " LIVE" in text.split(f"({name}):")[1].split("speed")[0]}


def test_switch_comes_back_empty_with_its_links(network: LabNetwork) -> None:
    way(network, 3)
    network.stop_switch("s2")
    assert not network.runs("s2")
    assert "s1-right" not in live_ports(network, "s1")
    assert "s3-left" not in live_ports(network, "s3")
    network.send("h1-1", frame(1))
    network.settle()
    assert network.received("h3-1") == []
    network.start_switch("s2")
    assert network.flows("s2").count("cookie") == 0
    assert live_ports(network, "s2") == {"s2-left", "s2-right", "p2-1"}
    way(network, 3)
    network.send("h1-1", frame(2))
    network.settle()
    assert network.received("h3-1") == [frame(2)]


def test_link_cut_while_its_switch_was_away_stays_cut(network: LabNetwork) -> None:
    network.cut(("s1", "s2"))
    network.stop_switch("s2")
    network.cut(("s2", "s3"))
    network.mend(("s1", "s2"))
    network.start_switch("s2")
    assert live_ports(network, "s2") == {"s2-left", "p2-1"}
    assert "s3-left" not in live_ports(network, "s3")
    network.mend(("s2", "s3"))
    assert live_ports(network, "s2") == {"s2-left", "s2-right", "p2-1"}
    assert "s3-left" in live_ports(network, "s3")


def test_two_neighbours_away_in_either_order(network: LabNetwork) -> None:
    for order in itertools.permutations(["s1", "s2"]):
        for switch in ("s1", "s2"):
            network.stop_switch(switch)
        assert live_ports(network, "s3") == {"p3-1"}
        for switch in order:
            network.start_switch(switch)
        way(network, 3)
        network.send("h1-1", frame(7))
        network.settle()
        assert network.received("h3-1") == [frame(7)]


def test_hosts_come_and_go(network: LabNetwork) -> None:
    network.add_host("new", "s1", "vnet5")
    forward(network, "s1", "p1-1", "vnet5")
    network.send("h1-1", frame(1))
    network.settle()
    assert network.received("new") == [frame(1)]
    network.remove_host("new")
    assert "vnet5" not in network.ports("s1")
    assert "new" not in network.hosts
    network.add_host("new", "s2", "vnet5")
    assert "vnet5" in network.ports("s2")
    with pytest.raises(InvalidInput, match="used 2 times"):
        network.add_host("another", "s2", "vnet5")


def test_counters(network: LabNetwork) -> None:
    way(network, 3)
    network.send("h1-1", *[frame(n) for n in range(5)])
    network.settle()
    assert network.counters("s1")["p1-1"].rx_packets == 5
    assert network.counters("s3")["p3-1"].tx_packets == 5
    assert network.counters("s3")["p3-1"].tx_bytes == 5 * len(frame(0))


def test_flood_to_many_hosts_loses_nothing() -> None:
    with LabNetwork(line(2, hosts=12)) as network:
        for switch in network.topology.switches:
            network.ofctl(switch, "add-flow", "actions=FLOOD")
        senders = [h for h in network.hosts if h.startswith("h1-")]
        network.send_all((h, frame(n, "ffffffffffff")) for n, h in enumerate(senders * 20))
        network.settle()
        assert {len(network.received(h)) for h in network.hosts if h.startswith("h2-")} == {240}


@pytest.mark.parametrize("links", ["socket", "patch"])
def test_fat_tree(links: str) -> None:
    with LabNetwork(fat_tree(4), links=links) as network:  # type: ignore[arg-type]
        for switch in network.topology.switches:
            ends = [end[1] for link in network.topology.links for end in (link.a, link.b) if end[0] == switch]
            assert set(ends) <= live_ports(network, switch)


def test_same_interface_names_get_a_vswitchd_each() -> None:
    with LabNetwork(same_names(3)) as network:
        forward(network, "s1", "eth9", "eth2")
        forward(network, "s2", "eth1", "eth2")
        forward(network, "s3", "eth1", "eth9")
        network.send("h1", frame(3))
        network.settle()
        assert network.received("h3") == [frame(3)]
    with pytest.raises(LabError, match="same name"):
        LabNetwork(same_names(3), daemons="one")


def test_interfaces_and_bridges_without_usable_names() -> None:
    switches = {"St. Gallen": Dpid(1), "a very long switch name": Dpid(2), "x": Dpid(3)}
    links = (
        DeclaredLink(("St. Gallen", ""), ("a very long switch name", "")),
        DeclaredLink(("St. Gallen", ""), ("x", "l1-a")),
    )
    declared = DeclaredTopology("odd", switches, links, (DeclaredHost("h", "x", "x"),))
    with LabNetwork(declared) as network:
        names = [end[1] for link in network.topology.links for end in (link.a, link.b)]
        assert len(set(names)) == 4
        assert "l1-a" in network.ports("x")
        assert len(network.ports("St. Gallen")) == 2
        assert network.bridge_of("x") != "x"


@pytest.mark.parametrize(
    ("link", "match"),
    [
        (DeclaredLink(("s1", "sixteen-letters-"), ("s2", "x")), "cannot be used"),
        (DeclaredLink(("s1", "x"), ("nowhere", "y")), "no such switch"),
        (DeclaredLink(("s1", "p1-1"), ("s2", "y")), "used 2 times"),
    ],
)
def test_topologies_that_cannot_be_built(link: DeclaredLink, match: str) -> None:
    base = line(2)
    with pytest.raises(InvalidInput, match=match):
        LabNetwork(DeclaredTopology("bad", base.switches, (*base.links, link), base.hosts))


def test_unclear_links_are_refused() -> None:
    with LabNetwork(line(3)) as network:
        with pytest.raises(LabError, match="0 links connect"):
            network.cut(("s1", "s3"))
        with pytest.raises(LabError, match="no link of this network"):
            network.mend(DeclaredLink(("s1", "a"), ("s2", "b")))


def test_nothing_is_left_of_a_network() -> None:
    with LabNetwork(line(2)) as network:
        directory = network.directory
        pids = network.ovs_of("s1").pids
    assert not directory.exists()
    assert len(pids) == 2
    with pytest.raises(LabError, match="does not run"):
        _ = network.directory
