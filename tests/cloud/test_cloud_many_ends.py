"""A connection from a host of real switches to a network: legs take their ways; ports come, move and go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NAME = "tenants/red/connections/star"
IN_PLACE = (pb.PROGRAMMED, pb.VERIFIED)
PATHS = re.compile(r"n_packets=(\d+)")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """No probes: packets are counted on paths, and they would be among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PATH_PROBE_INTERVAL", "0")
        with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=4,capacity=1G", tmp_path_factory.mktemp("many")) as lab:
            yield lab


def on_paths(lab: CloudLab) -> int:
    """Packets that spines have sent along paths of connections."""
    total = 0
    for spine in ("spine1", "spine2"):
        ovs = lab.network.ovs_of(spine)
        ovs.appctl("revalidator/purge")
        lines = [line for line in ovs.ofctl("dump-flows", spine, "table=36").splitlines() if "dl_dst=82:" in line]
        total += sum(int(number) for line in lines for number in PATHS.findall(line))
    return total


def led(lab: CloudLab, sender: str, receiver: str, *, at: str = "", seen_at: str = "") -> int:
    """How many of three packets went along paths; all arrive. at, seen_at: where the two hosts are, if not at home."""
    a, b = lab.hosts[sender], lab.hosts[receiver]
    frame = bytes(
        Ether(src=a.mac, dst=b.mac)
        / IP(src=str(a.address(4)), dst=str(b.address(4)))
        / UDP(sport=7, dport=7)
        / Raw(b"x" * 20)
    )
    before = on_paths(lab)
    got = lab.arrivals(at or sender, *[frame] * 3)
    assert {host: len(frames) for host, frames in got.items()} == {seen_at or receiver: 3}
    return on_paths(lab) - before


def star(lab: CloudLab) -> tuple[str, list[str], list[str]]:
    """The hub, members of its network at other leaves, and those at its own."""
    hub = next(host for host in lab.hosts if lab.tenant[host] == "red")
    here = lab.place[hub].switch
    far = sorted(host for host in lab.members(hub) if lab.place[host].switch != here)
    return hub, far, sorted(lab.members(hub) - set(far))


def legs(connection: pb.Connection) -> dict[str, pb.Leg]:
    return {leg.port.rpartition("/")[2]: leg for leg in connection.status.legs}


def await_(lab: CloudLab, name: str, good: Callable[[pb.Connection], bool] = lambda _: True) -> pb.Connection:
    """A connection that is in place and as it should be."""
    with lab.client.connections.watch() as changes:
        for change in changes:
            found = change.resource
            if change.type != "SYNCED" and found.name == name and found.status.state in IN_PLACE and good(found):
                break
    lab.wait_settled()
    return lab.client.connections.get(name)


def test_legs_lead_their_packets_while_ports_come_move_and_go(lab: CloudLab) -> None:
    client = lab.client
    hub, far, near = star(lab)
    network = client.ports.get(lab.port_of(hub)).network
    assert led(lab, hub, far[0]) == 0
    wish = pb.Connection(name=NAME, a=lab.port_of(hub), b=network, bandwidth_bps=6 * 10**8)
    made = client.connections.create(wish, wait=WAIT)
    assert made.status.state in IN_PLACE
    assert set(legs(made)) == {*far, *near}
    assert {leg.state for leg in made.status.legs} <= set(IN_PLACE)
    for host in far:
        assert (led(lab, hub, host), led(lab, host, hub)) == (3, 3)
    apart = [(a, b) for a in far for b in far if lab.place[a].switch != lab.place[b].switch]
    assert led(lab, *apart[0]) == 0, "what members send to each other goes the ordinary way"
    reserved = {r for link in client.topology().links for r in (link.reserved_ab_bps, link.reserved_ba_bps)}
    assert reserved <= {0, 6 * 10**8}, "legs share what is reserved"

    # One goes, and its interface is that of another one from then on.
    gone, mover = apart[0]
    kept = client.ports.get(lab.port_of(gone))
    client.ports.delete(kept.name, wait=WAIT)
    assert gone not in legs(client.connections.get(NAME))
    moved = client.ports.update(pb.Port(name=lab.port_of(mover), binding=kept.binding), mask=["binding"], wait=WAIT)
    assert moved.status.state in IN_PLACE
    await_(lab, f"{NAME}.{mover}", lambda leg: leg.status.path[-1].switch == kept.binding.switch)
    assert (led(lab, hub, mover, seen_at=gone), led(lab, mover, hub, at=gone)) == (3, 3)

    # It goes back, and the other one comes again: a new port gets its leg.
    home = lab.place[mover]
    back = pb.Port(name=lab.port_of(mover), binding=pb.Binding(switch=home.switch, interface=home.interface))
    client.ports.update(back, mask=["binding"], wait=WAIT)
    fresh = pb.Port(name=kept.name, network=network, mac=kept.mac, addresses=kept.addresses, binding=kept.binding)
    client.ports.create(fresh, wait=WAIT)
    await_(lab, NAME)
    assert (led(lab, hub, gone), led(lab, hub, mover)) == (3, 3)

    # A cut moves the legs that went there, and no other.
    before = legs(client.connections.get(NAME))
    leaf, spine = lab.place[mover].switch, before[mover].path[1].switch
    cable = lab.network.link(leaf, spine)
    lab.network.cut(cable)
    await_(lab, before[mover].name, lambda leg: spine not in [hop.switch for hop in leg.status.path])
    after = legs(client.connections.get(NAME))
    others = [host for host in far if lab.place[host].switch != leaf]
    assert [after[host].path for host in others] == [before[host].path for host in others]
    assert all(led(lab, hub, host) == 3 for host in far)
    lab.network.mend(cable)
    lab.ready()
    client.connections.delete(NAME, wait=WAIT)
    assert not list(client.connections.list("tenants/red"))
    assert led(lab, hub, far[0]) == 0


def test_displaced_legs_go_the_ordinary_way_and_come_back_together(lab: CloudLab) -> None:
    client = lab.client
    hub, far, _ = star(lab)
    network = client.ports.get(lab.port_of(hub)).network
    wish = pb.Connection(name=NAME, a=lab.port_of(hub), b=network, bandwidth_bps=6 * 10**8, priority=1)
    client.connections.create(wish, wait=WAIT)
    assert led(lab, hub, far[0]) == 3
    leaf = lab.place[hub].switch
    beside = next(
        host for host in lab.hosts if host != hub and lab.place[host].switch == leaf and lab.members(host) - {hub}
    )
    other = next(host for host in sorted(lab.members(beside)) if lab.place[host].switch != leaf)
    tenant = lab.tenant[beside]
    urgent = [f"tenants/{tenant}/connections/urgent{number}" for number in (1, 2)]
    for number, name in enumerate(urgent, 1):
        client.connections.create(
            pb.Connection(
                name=name,
                a=lab.port_of(beside),
                b=lab.port_of(other),
                bandwidth_bps=5 * 10**8,
                priority=3,
                constraints=pb.Constraints(via=[f"spine{number}"]),
                classifier=pb.Classifier(dscp=number),
            ),
            wait=WAIT,
        )
    lab.wait_settled()
    told = client.connections.get(NAME).status
    assert (told.state, told.reason) == (pb.DEGRADED, "Preempted")
    assert not any(leg.path for leg in told.legs if leg.port.rpartition("/")[2] in far)
    assert [led(lab, hub, host) for host in far] == [0] * len(far), "all arrive, by the ordinary way"
    client.apply([], [urgent[0]], wait=WAIT)
    await_(lab, NAME)
    assert [led(lab, hub, host) for host in far] == [3] * len(far)
    client.apply([], [urgent[1], NAME], wait=WAIT)
