"""Probes of the data plane on real switches: what they verify, what they find, and that no tenant sees or makes one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from observer import Observer
from probe_free import ALIEN, no_probe_at_hosts, take_back

from sdn.pipeline.layout import PATH_PROBES_PER_SECOND, PROBE_HOPS, PROBE_MAC_PREFIX, PROBE_METER, PROBE_QUIET
from sdn.topology.pathprobe import MAGIC
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NAME = "tenants/red/connections/c"
STORM = 2000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PATH_PROBE_INTERVAL", "1")
        with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=4,capacity=1G", tmp_path_factory.mktemp("probes")) as lab:
            yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without connections and without what was done to switches when a test ends; and no host has seen a probe."""
    with no_probe_at_hosts(shared):
        yield shared
        take_back(shared)
    shared.ready()


def ends(lab: CloudLab) -> tuple[str, str]:
    """Two hosts of one network of tenant red on different leaves."""
    red = [host for host in lab.hosts if lab.tenant[host] == "red"]
    return next((a, b) for a in red for b in lab.members(a) if b in red and lab.place[a].switch != lab.place[b].switch)


def wish(lab: CloudLab) -> pb.Connection:
    a, b = (lab.port_of(host) for host in ends(lab))
    return pb.Connection(name=NAME, a=a, b=b, bandwidth_bps=10**8)


class States(Observer[tuple[str, str, str, str]]):
    """(state, reason, spine, message) of the connection as a watcher sees them."""

    def __init__(self, lab: CloudLab) -> None:
        super().__init__(lab.client.connections.watch(), self._of)

    @staticmethod
    def _of(change: object) -> tuple[str, str, str, str] | None:
        resource = change.resource  # type: ignore[attr-defined]
        status = resource.status
        if resource.name != NAME or not status.path:
            return None
        return pb.State.Name(status.state), status.reason, status.path[1].switch, status.message


def verified(lab: CloudLab, states: States) -> pb.Connection:
    """The connection when it is verified and nothing else comes."""
    states.until(lambda known: bool(known) and known[-1][0] == "VERIFIED")
    return lab.client.connections.get(NAME)


def test_a_connection_is_verified_along_its_path_and_its_latency_told(lab: CloudLab) -> None:
    with States(lab) as states:
        created = lab.client.connections.create(wish(lab), wait=WAIT)
        assert created.status.state in (pb.PROGRAMMED, pb.VERIFIED)
        status = verified(lab, states).status
        assert status.path == status.realised_path == status.verified_path
        seen = [state for state, *_ in states.until(lambda known: known[-1][0] == "VERIFIED")]
        assert seen == sorted(seen, key=["ADMITTED", "PROGRAMMED", "VERIFIED"].index)
    deadline = time.monotonic() + WAIT
    while not (probes := lab.client.connections.get(NAME).status.probes).latency_us:
        assert time.monotonic() < deadline, "its latency is not told"
    assert probes.lost == 0


def test_an_entry_deleted_on_the_way_is_found_and_the_connection_goes_another_way(lab: CloudLab) -> None:
    with States(lab) as states:
        lab.client.connections.create(wish(lab), wait=WAIT)
        spine = verified(lab, states).status.path[1].switch
        lab.network.ofctl(spine, "del-flows", "table=36,dl_dst=82:00:00:00:00:00/ff:00:00:00:00:00")
        known = states.until(lambda known: ("DEGRADED", "ProbeLost") in [item[:2] for item in known])
        known = states.until(lambda known: known[-1][0] == "VERIFIED")
        assert known[-1][2] != spine, "it has left the switch that lost its probes"
        assert [state for state, *_ in known].count("VERIFIED") <= 2, "no flapping"
    report = lab.client.audit(spine)
    assert not report.missing, "that switch was read back, and written, at once"
    a, b = (lab.hosts[name] for name in ends(lab))
    assert lab.arrivals(a.name, a.udp(b.address(4), b.mac, b"after")).keys() == {b.name}  # type: ignore[arg-type]


def test_a_link_that_loses_everything_but_lldp_is_left(lab: CloudLab) -> None:
    with States(lab) as states:
        lab.client.connections.create(wish(lab), wait=WAIT)
        status = verified(lab, states).status
        leaf, spine = status.path[0], status.path[1]
        number = lab.network.ports(spine.switch)[spine.ingress]
        drop = f"{ALIEN},priority=60000,in_port={number},dl_dst=02:00:00:00:00:00/03:00:00:00:00:00,actions=drop"
        lab.network.ofctl(spine.switch, "add-flow", drop)
        known = states.until(lambda known: any(item[:2] == ("DEGRADED", "ProbeLost") for item in known))
        (message,) = {item[3] for item in known if item[:2] == ("DEGRADED", "ProbeLost")}
        assert message.endswith(f"are lost between {leaf.switch} and {spine.switch}.")
        known = states.until(lambda known: known[-1][0] == "VERIFIED" and known[-1][2] != spine.switch)
    links = {frozenset((link.a.switch, link.b.switch)): link.up for link in lab.client.topology().links}
    assert links[frozenset((leaf.switch, spine.switch))], "discovery does not see it: LLDP passes"
    a, b = (lab.hosts[name] for name in ends(lab))
    assert lab.arrivals(a.name, a.udp(b.address(4), b.mac, b"after")).keys() == {b.name}  # type: ignore[arg-type]


def test_a_tenant_cannot_make_a_probe(lab: CloudLab) -> None:
    sender, receiver = ends(lab)
    leaf = lab.place[receiver].switch
    before = counts(lab)
    label = label_to(lab, leaf, receiver)
    for kind in (PROBE_QUIET, PROBE_HOPS):
        forged = PROBE_MAC_PREFIX + bytes([kind]) + b"\x88\xb5" + MAGIC + bytes(60)
        real_mac = bytes.fromhex(lab.hosts[sender].mac.replace(":", ""))
        target = bytes.fromhex(lab.hosts[receiver].mac.replace(":", ""))
        frames = [label + forged, target + forged, label + real_mac + forged[6:]]
        assert lab.arrivals(sender, *frames) == {}
    assert counts(lab) == before, "none came to an entry for probes"


def test_a_storm_of_forged_probes_on_a_link_is_metered_and_comes_to_no_host(lab: CloudLab) -> None:
    _, receiver = ends(lab)
    leaf = lab.place[receiver].switch
    spine = next(switch for switch in lab.network.topology.switches if switch.startswith("spine"))
    link = lab.network.link(leaf, spine)
    interface = next(end[1] for end in (link.a, link.b) if end[0] == leaf)
    frame = label_to(lab, leaf, receiver) + PROBE_MAC_PREFIX + bytes([PROBE_HOPS]) + b"\x88\xb5" + MAGIC + bytes(60)
    ovs = lab.network.ovs_of(leaf)
    begin, (seen_before, dropped_before) = time.monotonic(), meter(lab, leaf)
    for _ in range(STORM // 50):
        ovs.appctl("netdev-dummy/receive", interface, *[frame.hex()] * 50)
        lab.network.settle()
    seen, dropped = meter(lab, leaf)
    most = PATH_PROBES_PER_SECOND * (time.monotonic() - begin + 2)
    assert dropped > dropped_before, "more than the meter lets pass"
    assert seen - seen_before - (dropped - dropped_before) <= most
    lab.client.connections.create(wish(lab), wait=WAIT)
    with States(lab) as states:
        verified(lab, states)


def counts(lab: CloudLab) -> dict[str, list[str]]:
    """What the entries for probes have counted, but those that nobody sends to."""
    found = {}
    for switch in lab.network.topology.switches:
        lines = [line for line in lab.network.flows(switch).splitlines() if "reg7" in line]
        assert len(lines) == 5
        found[switch] = [line.split("priority")[0].split("n_bytes")[0].split("table")[1] for line in lines]
    return found


def label_to(lab: CloudLab, leaf: str, receiver: str) -> bytes:
    """A label by which others send to a host of a leaf; another tenant's host there may have the same MAC."""
    own = re.search(r"table=36,.*dl_dst=42:(..):(..):00:00:00/c[3f]", lab.network.flows(leaf))
    assert own is not None
    flows = lab.network.flows(next(place.switch for place in lab.place.values() if place.switch != leaf))
    found = re.findall(rf"table=20,.*dl_dst={lab.hosts[receiver].mac} actions=load:0x(\w+)->", flows)
    labels = [b"\x42" + int(value, 16).to_bytes(5, "big") for value in found]
    return next(label for label in labels if label[1:3] == bytes.fromhex("".join(own.groups())))


def meter(lab: CloudLab, switch: str) -> tuple[int, int]:
    """Packets that the meter for probes has seen, and dropped."""
    text = lab.network.ofctl(switch, "meter-stats", f"meter={PROBE_METER}")
    seen, *_ = re.findall(r"packet_in_count:(\d+)", text)
    (dropped,) = re.findall(r"0: packet_count:(\d+)", text)
    return int(seen), int(dropped)
