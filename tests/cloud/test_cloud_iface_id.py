"""Ports that are bound by the iface-id of an interface, as the databases of real switches tell a real sdnd."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab

from sdn.client import ApiError
from sdn.lab.daemon import free_port
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
SPEC = "leaf-spine:spines=1,leaves=2,hosts=4"


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Each switch has its own database, and h1 is bound by an iface-id, which its interface does not have yet."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_OVSDB", f"127.0.0.1:{port}")
        patch.setenv("SDN_BFD", "off")  # the sockets that are cables here are too slow for its usual interval
        with cloud_lab(SPEC, tmp_path_factory.mktemp("ids"), daemons="each") as lab:
            for switch in lab.network.topology.switches:
                lab.network.ovs_of(switch).vsctl("set-manager", f"tcp:127.0.0.1:{port}")
            bind(lab, "h1", pb.Binding(iface_id="vm1"))
            yield lab


def bind(lab: CloudLab, host: str, binding: pb.Binding) -> None:
    wish = lab.client.ports.get(lab.port_of(host))
    wish.binding.CopyFrom(binding)
    lab.client.ports.update(wish, mask=["binding"])


def set_id(lab: CloudLab, switch: str, interface: str, iface_id: str) -> None:
    ovs = lab.network.ovs_of(switch)
    if iface_id:
        ovs.vsctl("set", "interface", interface, f"external_ids:iface-id={iface_id}")
    else:
        ovs.vsctl("remove", "interface", interface, "external_ids", "iface-id")


def until(lab: CloudLab, good: Callable[[pb.Port], bool]) -> pb.Port:
    """The port of h1 once it is as wished for; the watch tells."""
    with lab.client.ports.watch() as changes:
        for change in changes:
            if change.resource.name == lab.port_of("h1") and good(change.resource):
                return change.resource
    raise AssertionError("the watch ended")


def programmed(port: pb.Port) -> bool:
    return bool(port.status.state == pb.PROGRAMMED)


def event(lab: CloudLab, reason: str) -> epb.Event:
    with lab.client.watch_events(0, reason=reason) as stream:
        return next(iter(stream))


def test_a_port_follows_its_iface_id_and_the_first_of_two_keeps_it(lab: CloudLab) -> None:
    place = lab.place["h1"]
    other = next(switch for switch in ("leaf1", "leaf2") if switch != place.switch)
    until(lab, lambda port: port.status.reason == "InterfaceIdUnseen")
    set_id(lab, place.switch, place.interface, "vm1")
    until(lab, programmed)
    assert lab.differences(4) == ""

    lab.network.add_host("elsewhere", other, "vnet9")
    set_id(lab, other, "vnet9", "vm1")
    conflict = until(lab, lambda port: port.status.reason == "InterfaceIdConflict")
    assert conflict.status.state == pb.DEGRADED
    assert f"{place.switch}:{place.interface}, which has it" in conflict.status.message
    assert f"{other}:vnet9" in conflict.status.message
    assert event(lab, "InterfaceIdConflict").object == lab.port_of("h1")
    assert lab.differences(4) == "", "the first keeps it"

    lab.daemon.stop(kill=True)
    lab.daemon.start()
    lab.daemon.wait_answers(lab.client)
    until(lab, lambda port: port.status.reason == "InterfaceIdConflict")
    lab.ready()
    assert lab.differences(4) == "", "and over a restart"

    set_id(lab, place.switch, place.interface, "")
    until(lab, programmed)
    frame = lab.hosts["h1"].udp(lab.hosts["h5"].address(4), lab.hosts["h5"].mac)  # type: ignore[arg-type]
    tries = (sent(lab, "elsewhere", frame, to="h5") for _ in range(20))
    assert any(tries), "it is where the iface-id is now"
    assert not sent(lab, "h1", frame, to="h5")


def sent(lab: CloudLab, host: str, frame: bytes, to: str) -> bool:
    """Whether a frame of a host arrives."""
    lab.network.received(to)
    lab.network.send(host, frame)
    lab.network.settle()
    return frame in lab.network.received(to)


def test_a_bridge_that_is_set_up_wrongly_is_told(lab: CloudLab) -> None:
    ovs, bridge = lab.network.ovs_of("leaf1"), lab.network.bridge_of("leaf1")
    ovs.vsctl("set", "bridge", bridge, "other-config:disable-in-band=false")
    found = event(lab, "BridgeFault")
    assert (found.object, found.details["kind"]) == ("leaf1", "InBand")
    ovs.vsctl("set", "bridge", bridge, "other-config:disable-in-band=true")
    assert event(lab, "BridgeFaultCleared").object == "leaf1"


def test_an_iface_id_belongs_to_one_port(lab: CloudLab) -> None:
    with pytest.raises(ApiError, match="iface-id vm1 belongs to"):
        bind(lab, "h2", pb.Binding(iface_id="vm1"))
    with pytest.raises(ApiError, match="given beside switch or interface"):
        bind(lab, "h2", pb.Binding(iface_id="vm2", switch="leaf1", interface="x"))
    assert lab.client.ports.get(lab.port_of("h1")).binding.iface_id == "vm1"
