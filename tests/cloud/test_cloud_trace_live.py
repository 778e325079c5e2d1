"""Traces in the data plane: a probe takes the way of the packet, and tells where switches do not do as they should."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from grpc import StatusCode

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from probe_free import ALIEN

from sdn.client import ApiError, AsyncClient
from sdn.controller.probes.flights import PER_CALLER, PER_SECOND
from sdn.v1 import trace_pb2 as pb

pytestmark = pytest.mark.lab
Live = pb.LiveTrace


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=4", tmp_path_factory.mktemp("cloud")) as lab:
        lab.ready()
        yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """As the last test found it, and with probes to spend."""
    shared.network.settle()
    for host in shared.hosts:
        shared.network.received(host)
    yield shared
    for switch in shared.network.topology.switches:
        shared.network.ofctl(switch, "del-flows", f"{ALIEN}/-1")
    shared.network.settle()
    got = {host: frames for host in shared.hosts if (frames := shared.network.received(host))}
    assert got == {}, "no host ever gets anything of a probe"


def live(lab: CloudLab, a: str, b: str, **fields: object) -> pb.TracePacketResponse:
    """Asked again while too many are asked for."""
    destination = lab.port_of(b) if b in lab.hosts else b
    deadline = time.monotonic() + WAIT
    while True:
        try:
            return lab.client.trace(lab.port_of(a), destination, live=True, **fields)
        except ApiError as error:
            if error.code != StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > deadline:
                raise


def switches(answer: pb.TracePacketResponse) -> list[str]:
    return list(dict.fromkeys(hop.switch for hop in answer.live.hops))


def peers(lab: CloudLab, a: str) -> tuple[str, str]:
    """Of a host on leaf1: one of its network on another leaf, and one behind the router."""
    near = next(b for b in sorted(lab.members(a)) if b != a)
    far = next(b for b in sorted(lab.hosts) if (a, b) in lab.expected and b not in lab.members(a))
    return near, far


@pytest.mark.parametrize("version", [4, 6])
def test_probes_tell_the_matrix(lab: CloudLab, version: int) -> None:
    """From two hosts to all: what the packets of the matrix do, the probes do."""
    for a in ("h1", "h6"):
        for b in lab.hosts:
            answer = live(lab, a, b, ip_version=version, protocol="UDP", port=7)
            arrived = answer.live.verdict == Live.ARRIVED and answer.live.hops[-1].port == lab.port_of(b)
            assert arrived == ((a, b) in lab.expected), (a, b, answer.live)


@pytest.mark.parametrize(
    "fields", [{}, {"protocol": "TCP", "port": 80}, {"protocol": "UDP", "port": 53}, {"size": 1400}, {"ip_version": 6}]
)
def test_the_way_is_one_of_those_on_paper(lab: CloudLab, fields: dict[str, object]) -> None:
    for b in peers(lab, "h1"):
        answer = live(lab, "h1", b, **fields)
        assert answer.live.verdict == Live.ARRIVED, answer.live
        assert [hop.event for hop in answer.live.hops] == ["sent", "passed", "passed", "passed", "arrived"]
        start, spine, end = switches(answer)
        assert (start, spine in ("spine1", "spine2")) == ("leaf1", True)
        steps = answer.parts[-1].steps
        assert {(hop.switch, hop.interface) for hop in answer.live.hops if hop.interface} <= {
            (step.switch, step.interface) for step in steps if step.doing == "arrive"
        }
        assert answer.live.hops[-1].switch == end
        assert answer.live.hops[-1].port == lab.port_of(b)


def test_equal_ways_are_all_taken_and_each_flow_takes_one(lab: CloudLab) -> None:
    b, _ = peers(lab, "h1")
    ways = Counter(switches(live(lab, "h1", b, protocol="TCP", port=port))[1] for port in range(1000, 1016))
    assert set(ways) == {"spine1", "spine2"}
    assert len({switches(live(lab, "h1", b, protocol="TCP", port=1000))[1] for _ in range(3)}) == 1


def test_what_is_lost_in_a_switch_is_lost_there(lab: CloudLab) -> None:
    """Something drops it where the program says that it goes on: nothing on paper tells that."""
    b, _ = peers(lab, "h1")
    first, spine, last = switches(live(lab, "h1", b))
    lab.network.ofctl(spine, "add-flow", f"{ALIEN},table=36,priority=65535,actions=drop")
    lab.forget_caches()
    answer = live(lab, "h1", b)
    assert answer.verdict == pb.TracePacketResponse.DELIVERED
    assert answer.live.verdict == Live.LOST
    assert answer.live.reason.startswith(f"it was seen last in {first}, which should have sent it to ")
    assert f"; {spine} does not take it" in answer.live.reason, "probes over the other one pass"
    assert (answer.live.loss.before, answer.live.loss.switch) == (spine, spine)
    lab.network.ofctl(spine, "del-flows", f"{ALIEN}/-1")
    lab.network.ofctl(last, "add-flow", f"{ALIEN},table=40,priority=65535,actions=drop")
    lab.forget_caches()
    answer = live(lab, "h1", b)
    assert (answer.live.verdict, switches(answer)[-1]) == (Live.LOST, last)
    goal = f"it was seen last in {last}, which should have sent it to {lab.port_of(b)}"
    assert answer.live.reason.startswith(f"{goal}; {last} does not send it on")
    assert (answer.live.loss.after, answer.live.loss.switch) == (last, last)
    lab.network.ofctl(last, "del-flows", f"{ALIEN}/-1")
    lab.network.ofctl(first, "add-flow", f"{ALIEN},table=20,priority=65535,actions=drop")
    lab.forget_caches()
    answer = live(lab, "h1", b)
    assert (answer.live.verdict, [hop.event for hop in answer.live.hops]) == (Live.LOST, ["sent"])
    assert answer.live.reason.startswith(f"it was seen last in {first}, which should have sent it to spine")


def test_what_strays_is_seen_where_it_must_not_be(lab: CloudLab) -> None:
    b, _ = peers(lab, "h1")
    other = next(host for host in lab.network.topology.hosts if host.switch not in ("leaf1", lab.place[b].switch))
    spine = switches(live(lab, "h1", b))[1]
    link = next(link for link in lab.network.topology.links if {link.a[0], link.b[0]} == {spine, other.switch})
    interface = link.a[1] if link.a[0] == spine else link.b[1]
    port = lab.network.ports(spine)[interface]
    stray = f"{ALIEN},table=0,priority=65535,dl_src=06:00:01:00:00:02,actions=output:{port}"
    lab.network.ofctl(spine, "add-flow", stray)
    lab.forget_caches()
    answer = live(lab, "h1", b)
    assert answer.live.verdict == Live.DETOURED, answer.live
    assert next(hop.switch for hop in answer.live.hops if not hop.expected) == other.switch
    assert f"it passed {other.switch}:" in answer.live.reason


def test_what_is_not_to_arrive_ends(lab: CloudLab) -> None:
    b, far = peers(lab, "h1")
    forged = live(lab, "h1", b, from_address="10.0.1.66")
    assert (forged.live.verdict, [hop.event for hop in forged.live.hops]) == (Live.ENDED, ["sent"])
    expired = live(lab, "h1", far, ttl=1)
    assert (expired.live.verdict, expired.live.hops[-1].event) == (Live.ENDED, "returned")


def test_what_cannot_be_a_probe(lab: CloudLab) -> None:
    b, _ = peers(lab, "h1")
    wrong: list[tuple[str, dict[str, object], str]] = [
        ("10.0.1.1", {}, "destination"),
        ("ff:ff:ff:ff:ff:ff", {}, "destination"),
        ("ff05::1234", {}, "destination"),
        (b, {"protocol": "ARP"}, "protocol"),
        ("", {"frame": bytes(60)}, "frame"),
    ]
    for destination, fields, field in wrong:
        with pytest.raises(ApiError) as caught:
            live(lab, "h1", destination, **fields)
        assert caught.value.code == StatusCode.INVALID_ARGUMENT
        assert [violation.field for violation in caught.value.violations] == [field]
        assert "trace without a probe" in str(caught.value)
    mac = live(lab, "h1", b, from_mac="02:00:00:00:99:99")
    assert (mac.live.verdict, [hop.event for hop in mac.live.hops]) == (Live.ENDED, ["sent"])
    nobody = live(lab, "h1", "10.0.1.99")
    assert (nobody.live.verdict, nobody.live.reason) == (Live.NOT_SENT, "there is no packet that the sender could send")


def test_probes_are_not_for_floods(lab: CloudLab) -> None:
    b, _ = peers(lab, "h1")

    async def flood() -> list[Any]:
        async with AsyncClient(lab.daemon.address, timeout=WAIT) as client:
            calls = (client.trace(lab.port_of("h1"), lab.port_of(b), live=True) for _ in range(5 * PER_SECOND))
            return await asyncio.gather(*calls, return_exceptions=True)

    found = asyncio.run(flood())
    refused = [error for error in found if isinstance(error, ApiError)]
    assert refused
    for error in refused:
        assert error.code == StatusCode.RESOURCE_EXHAUSTED
        assert f"{PER_CALLER} probes were asked for by one caller within a second" in str(error)
    answers = [answer for answer in found if not isinstance(answer, ApiError)]
    assert answers
    assert {answer.live.verdict for answer in answers} == {Live.ARRIVED}, "those that were let in are not mixed up"
