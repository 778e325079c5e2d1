"""Against real Open vSwitch: what is written is read back byte for byte, and a refused batch leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from southbound_rig import Rig, serving

from sdn.controller.effects import CloseSession, RequestReadBack, SendBatch, SendPacket
from sdn.controller.events import BatchDone, PacketIn, PortChanged, ReadBack, SwitchDown, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model.oxm import (
    ARP_OP,
    ARP_SHA,
    ARP_SPA,
    ARP_THA,
    ARP_TPA,
    ETH_DST,
    ETH_SRC,
    ETH_TYPE,
    FIELDS,
    ICMPV4_TYPE,
    ICMPV6_TYPE,
    IN_PORT,
    IP_DSCP,
    IP_FRAG,
    IP_PROTO,
    IP_TTL,
    IPV4_DST,
    IPV4_SRC,
    IPV6_DST,
    IPV6_SRC,
    ND_OPTIONS_TYPE,
    ND_RESERVED,
    ND_SLL,
    ND_TARGET,
    ND_TLL,
    REG,
    TCP_DST,
    TCP_SRC,
    UDP_DST,
    UDP_SRC,
    VLAN_VID,
    Field,
)
from sdn.model.program import Batch, Group, Installed, Meter, WriteFailure, cookie_of
from sdn.pipeline.base import DROP, compile_base
from sdn.pipeline.shapes import (
    ARG,
    DEC_TTL,
    IN_PORT_REPLY,
    Body,
    Bucket,
    Match,
    group,
    load,
    move,
    output,
    resubmit,
    set_field,
    to_controller,
)

pytestmark = pytest.mark.lab
BRIDGE = "br0"
DPID = 0xABC


@pytest.fixture
def ovs() -> Iterator[PrivateOvs]:
    with PrivateOvs() as ovs:
        bridge = ("set", "bridge", BRIDGE, "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
        config = (f"other_config:datapath-id={DPID:016x}", "other_config:disable-in-band=true")
        ovs.vsctl("add-br", BRIDGE, "--", *bridge, *config)
        for n in (1, 2):
            port = ("add-port", BRIDGE, f"p{n}", "--", "set", "interface", f"p{n}", "type=dummy")
            ovs.vsctl(*port, f"ofport_request={n}")
        yield ovs


def connect(ovs: PrivateOvs, rig: Rig) -> None:
    controller = ("set-controller", BRIDGE, f"tcp:127.0.0.1:{rig.port}")
    ovs.vsctl(*controller, "--", "set", "controller", BRIDGE, "max_backoff=1000", "connection-mode=out-of-band")


async def write(rig: Rig, up: SwitchUp, number: int, batch: Batch) -> tuple[WriteFailure, ...]:
    rig.server.perform(SendBatch(up.session, number, batch))
    done = await rig.expect(BatchDone)
    assert (done.batch_id, done.session, done.dpid) == (number, up.session, DPID)
    return done.failures


async def installed(rig: Rig, up: SwitchUp) -> Installed:
    rig.server.perform(RequestReadBack(up.session))
    return (await rig.expect(ReadBack)).installed


def flow_batch(flows: dict[bytes, bytes]) -> Batch:
    return Batch(flows=tuple(flows.items()))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


BUCKETS = Bucket([load(ETH_DST, 40, 8, 0x42), output(ARG)], watch_port=ARG, weight=1)
GROUPS = {
    (1 << 31) | 5: Group(1, BUCKETS(number(1), number(1)) + BUCKETS(number(2), number(2))),
    (1 << 31) | 6: Group(3, Bucket([load(ETH_DST, 44, 2, 1), output(2)], 1)() + Bucket([group((1 << 31) | 5)], 2)()),
    (1 << 30) | 7: Group(0, Bucket([set_field(REG[4], 9), resubmit(40)])() + Bucket([group((1 << 31) | 5)])()),
}
METERS = {1: Meter(50, 50), 200: Meter(1000, 10)}

BODIES = {
    "group": Body([group((1 << 31) | 5)])(),
    "meter": Body([to_controller(0xFFFF)], meter=200)(),
    "sets": Body([set_field(field, 5) for field in REG], goto=20)(),
    "loads": Body([load(ETH_DST, 0, 24, 0x123456), load(REG[2], 3, 7, 1), set_field(ETH_SRC, b"\2" * 6)], goto=9)(),
    "moves": Body([move(ETH_SRC, ETH_DST, 48), move(REG[1], REG[2], 16, 4, 8), resubmit(30), output(1)])(),
    "reply": Body([IN_PORT_REPLY, output(2), to_controller(128)])(),
}


async def test_everything_written_is_read_back_byte_for_byte(ovs: PrivateOvs) -> None:
    flows = compile_base().flows
    assert len(flows) > 20
    for n, body in enumerate(BODIES.values()):
        flows[Match(3, n, (REG[0], n), (REG[1], 0x10, 0xF0))()] = body
    flows[Match(24, 7, (ETH_TYPE, 0x0800), (IP_TTL, 9))()] = Body([DEC_TTL], goto=30)()
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert (up.dpid, up.installed) == (DPID, Installed({}, {}, {}))
        assert {port.name: (port.number, port.up) for port in up.ports if port.number < 10} == {
            "p1": (1, True),
            "p2": (2, True),
        }
        assert "Open vSwitch" in up.description
        assert up.peer.startswith("127.0.0.1:")
        meters = tuple((number, meter, False) for number, meter in METERS.items())
        batch = Batch(meters=meters, groups=tuple(GROUPS.items()), flows=tuple(flows.items()))
        assert await write(rig, up, 1, batch) == ()
        found = await installed(rig, up)
        assert found.bodies == flows
        assert found.flows == {key: cookie_of(body) for key, body in flows.items()}
        assert found.groups == GROUPS
        assert found.meters == METERS
        # A new connection finds the same.
        rig.server.perform(CloseSession(up.session, "test"))
        assert (await rig.expect(SwitchDown)).reason == "test"
        again = await rig.expect(SwitchUp)
        assert again.session != up.session
        assert again.installed == Installed(found.flows, found.groups, found.meters)
        # Groups and meters that exist are replaced, and everything can be taken away.
        one = (1 << 31) | 5
        change = Batch(
            meters=((1, Meter(70, 7), True),),
            groups=((one, Group(0, Bucket([output(1)])())),),
            deletes=tuple(flows)[5:],
            meter_deletes=(200,),
        )
        assert await write(rig, again, 2, change) == ()
        found = await installed(rig, again)
        assert set(found.flows) == set(tuple(flows)[:5])
        assert found.groups[one] == Group(0, Bucket([output(1)])())
        assert found.meters == {1: Meter(70, 7)}
        rest = Batch(deletes=tuple(flows), group_deletes=(*GROUPS, 12345), meter_deletes=(1, 99))
        assert await write(rig, again, 3, rest) == ()
        assert await installed(rig, again) == Installed({}, {}, {}, {})
        assert await write(rig, again, 4, Batch()) == ()


PREREQUISITES: dict[Field, tuple[tuple[Field, int], ...]] = {
    field: pairs
    for fields, pairs in (
        ((IPV4_SRC, IPV4_DST, IP_FRAG, IP_DSCP, IP_TTL), ((ETH_TYPE, 0x0800),)),
        ((TCP_SRC, TCP_DST), ((ETH_TYPE, 0x0800), (IP_PROTO, 6))),
        ((UDP_SRC, UDP_DST), ((ETH_TYPE, 0x86DD), (IP_PROTO, 17))),
        ((IPV6_SRC, IPV6_DST, IP_PROTO), ((ETH_TYPE, 0x86DD),)),
        ((ICMPV4_TYPE,), ((ETH_TYPE, 0x0800), (IP_PROTO, 1))),
        ((ICMPV6_TYPE,), ((ETH_TYPE, 0x86DD), (IP_PROTO, 58))),
        ((ND_TARGET, ND_SLL, ND_RESERVED, ND_OPTIONS_TYPE), ((ETH_TYPE, 0x86DD), (IP_PROTO, 58), (ICMPV6_TYPE, 135))),
        ((ND_TLL,), ((ETH_TYPE, 0x86DD), (IP_PROTO, 58), (ICMPV6_TYPE, 136))),
        ((ARP_OP, ARP_SPA, ARP_TPA, ARP_SHA, ARP_THA), ((ETH_TYPE, 0x0806),)),
    )
    for field in fields
}


def test_prerequisites_cover_every_field() -> None:
    free = {IN_PORT, ETH_SRC, ETH_DST, ETH_TYPE, VLAN_VID, *REG}
    assert set(FIELDS) == free | set(PREREQUISITES)


def match_with(priority: int, *wanted: tuple[Field, int]) -> bytes:
    pairs: dict[Field, int] = {}
    for field, _ in wanted:
        pairs.update(PREREQUISITES.get(field, ()))
    pairs.update(wanted)
    key = b"\0" + priority.to_bytes(2, "big")
    return key + b"".join(field.header + pairs[field].to_bytes(field.size, "big") for field in FIELDS if field in pairs)


async def test_order_in_which_matches_are_read_back(ovs: PrivateOvs) -> None:
    """Every field with every other that can stand beside it."""
    values = {VLAN_VID: 0x1005, ETH_TYPE: 0x88B5, IN_PORT: 1, IP_PROTO: 17, ND_OPTIONS_TYPE: 1}
    matches = set()
    for one in FIELDS:
        for two in FIELDS:
            needs = [dict(PREREQUISITES.get(field, ())) for field in (one, two)]
            needs += [{one: values.get(one, 1)}, {two: values.get(two, 1)}]
            merged: dict[Field, int] = {}
            fits = all(merged.setdefault(field, value) == value for need in needs for field, value in need.items())
            if fits:
                matches.add(match_with(len(matches), *merged.items()))
    assert len(matches) > 200
    flows = dict.fromkeys(matches, DROP)
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert await write(rig, up, 1, flow_batch(flows)) == ()
        assert (await installed(rig, up)).bodies == flows


async def test_a_refused_flow_is_named_and_nothing_takes_effect(ovs: PrivateOvs) -> None:
    good = {Match(0, n, (IN_PORT, 1), (REG[0], n))(): DROP for n in range(300)}
    bad = bytes([0, 0, 9]) + IPV4_DST.header + number(1)  # without its EtherType
    away = Match(0, 1)()
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert await write(rig, up, 1, flow_batch({away: DROP})) == ()
        flows = (*tuple(good.items())[:150], (bad, DROP), *tuple(good.items())[150:])
        batch = Batch(
            flows=flows, groups=((1 << 31, Group(0, b"")),), deletes=(away,), meters=((1, Meter(1, 1), False),)
        )
        assert await write(rig, up, 2, batch) == (WriteFailure("flow", bad, 4, 9, "OFPBMC_BAD_PREREQ (4, 9)"),)
        assert await installed(rig, up) == Installed({away: cookie_of(DROP)}, {}, {1: Meter(1, 1)}, {away: DROP})
        # The session goes on, and the rest can be written.
        assert await write(rig, up, 3, flow_batch(good)) == ()
        assert len((await installed(rig, up)).flows) == 301 - (away in good)


@pytest.mark.usefixtures("patient")
async def test_missing_group_and_unknown_group_type_are_named_and_rolled_back(ovs: PrivateOvs) -> None:
    good = {Match(0, n, (IN_PORT, 1), (REG[0], n))(): DROP for n in range(10)}
    lost = Match(7, 7)()
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        (failure,) = await write(rig, up, 1, flow_batch(good | {lost: Body([group(99)])()}))
        assert (failure.kind, failure.key, failure.type) == ("flow", lost, 2)
        assert failure.text == "OFPBAC_BAD_OUT_GROUP (2, 9)"
        assert (await installed(rig, up)).flows == {}
        groups = ((7, Group(0, b"")), (8, Group(9, b"")))
        (failure,) = await write(rig, up, 2, Batch(groups=groups, flows=tuple(good.items())))
        assert (failure.kind, failure.key, failure.text) == ("group", 8, "OFPGMFC_BAD_TYPE (6, 10)")
        assert (await installed(rig, up)).groups == {}
        assert await write(rig, up, 3, flow_batch(good)) == ()


async def test_the_rest_of_a_small_batch_takes_effect_and_may_be_written_again(ovs: PrivateOvs) -> None:
    good = {Match(0, n, (IN_PORT, 1), (REG[0], n))(): DROP for n in range(5)}
    bad = Match(0, 9, (IPV4_DST, 1))()  # its EtherType is missing
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        (failure,) = await write(rig, up, 1, flow_batch(good | {bad: DROP}))
        assert (failure.kind, failure.key, failure.text) == ("flow", bad, "OFPBMC_BAD_PREREQ (4, 9)")
        assert (await installed(rig, up)).flows.keys() == good.keys()
        assert await write(rig, up, 2, flow_batch(good)) == ()
        assert (await installed(rig, up)).flows.keys() == good.keys()


async def test_full_table_fails_the_commit_and_all_is_rolled_back(ovs: PrivateOvs) -> None:
    table = ("--id=@t", "create", "Flow_Table", "flow_limit=5", "--", "set", "bridge", BRIDGE, "flow_tables:9=@t")
    ovs.vsctl("--", *table)
    before = Match(9, 9, (REG[0], 99))()
    flows = {Match(9, 9, (REG[0], n))(): DROP for n in range(10)}
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert await write(rig, up, 1, flow_batch({before: DROP})) == ()
        groups = ((7, Group(0, b"")),)
        (failure,) = await write(rig, up, 2, Batch(groups=groups, flows=tuple(flows.items()), meters=()))
        assert (failure.kind, failure.key) == ("flow", list(flows)[4])
        assert failure.text == "OFPFMFC_TABLE_FULL (5, 1)"
        assert await installed(rig, up) == Installed({before: cookie_of(DROP)}, {}, {}, {before: DROP})
        assert await write(rig, up, 3, Batch(deletes=(before,), flows=tuple(flows.items())[:4])) == ()
        assert set((await installed(rig, up)).flows) == set(list(flows)[:4])


async def test_refused_meter_keeps_the_bundle_back(ovs: PrivateOvs) -> None:
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        batch = Batch(meters=((1, Meter(1, 1), False), (2, Meter(1, 1), True)), flows=((Match(0, 1)(), DROP),))
        (failure,) = await write(rig, up, 1, batch)
        assert (failure.kind, failure.key, failure.type, failure.code) == ("meter", 2, 12, 3)
        assert "OFPMMFC_UNKNOWN_METER" in failure.text
        assert (await installed(rig, up)).flows == {}


async def test_entries_longer_than_a_message_are_refused_before_anything_is_sent(ovs: PrivateOvs) -> None:
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        huge = Group(0, Bucket([output(1)])() * 2048)
        long = Match(0, 2)()
        flows = ((Match(0, 1)(), DROP), (long, Body([output(1)] * 4095)()))
        failures = await write(rig, up, 1, Batch(groups=((5, huge),), flows=flows))
        assert [(failure.kind, failure.key) for failure in failures] == [("group", 5), ("flow", long)]
        assert "longer than" in failures[0].text
        assert (await installed(rig, up)) == Installed({}, {}, {}, {})


async def test_20000_flows_through_queued_batches_and_adoption(ovs: PrivateOvs) -> None:
    match = Match(20, 10, (ETH_TYPE, 0x0800), (IPV4_DST, ARG), (REG[0], ARG))
    body = Body([set_field(REG[4], ARG)], goto=30)
    base = int(IPv4Address("10.0.0.0"))
    flows = [(match(number(base + n), number(n % 7)), body(number(n))) for n in range(20_000)]
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        for n in range(5):
            rig.server.perform(SendBatch(up.session, n, Batch(flows=tuple(flows[n * 4000 : n * 4000 + 4000]))))
        rig.server.perform(RequestReadBack(up.session))
        found = await rig.expect(ReadBack, seconds=60)
        assert [(done.batch_id, done.failures) for done in rig.of(BatchDone)] == [(n, ()) for n in range(5)]
        assert found.installed.bodies == dict(flows)
        rig.server.perform(CloseSession(up.session, "test"))
        again = await rig.expect(SwitchUp, seconds=60)
        assert again.installed.flows == {key: cookie_of(body) for key, body in flows}
        assert again.installed.bodies is None


async def test_ports_come_change_and_go(ovs: PrivateOvs) -> None:
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        ovs.vsctl("add-port", BRIDGE, "p3", "--", "set", "interface", "p3", "type=dummy", "ofport_request=3")
        added = await rig.expect(PortChanged, lambda event: event.port.name == "p3" and event.port.up)
        assert (added.port.number, added.removed, added.session, added.dpid) == (3, False, up.session, DPID)
        ovs.appctl("netdev-dummy/set-admin-state", "p3", "down")
        await rig.expect(PortChanged, lambda event: event.port.name == "p3" and not event.port.up)
        ovs.vsctl("del-port", BRIDGE, "p3")
        gone = await rig.expect(PortChanged, lambda event: event.removed)
        assert gone.port.name == "p3"


async def test_frames_to_and_from_the_controller(ovs: PrivateOvs) -> None:
    frame = bytes.fromhex("020000000002 020000000001 88b5") + bytes(range(100)) + bytes(14)
    body = Body([set_field(REG[3], 77), set_field(REG[7], 1), to_controller(0xFFFF)])()
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert (
            await write(rig, up, 1, flow_batch({Match(0, 5, (IN_PORT, 1))(): Body(goto=60)(), Match(60, 0)(): body}))
            == ()
        )
        ovs.appctl("netdev-dummy/receive", "p1", frame.hex())
        found = await rig.expect(PacketIn)
        assert (found.in_port, found.table, found.cookie) == (1, 60, cookie_of(body))
        assert found.registers == {3: 77, 7: 1}
        assert found.data == frame
        before = transmitted(ovs)
        rig.server.perform(SendPacket(up.session, 2, frame))
        rig.server.perform(SendPacket(up.session, 99, frame))  # no such port: an error that concerns nobody
        assert await write(rig, up, 2, Batch()) == ()
        assert transmitted(ovs) == before + 1


def transmitted(ovs: PrivateOvs) -> int:
    line = ovs.ofctl("dump-ports", BRIDGE, "2").split("tx pkts=")[1]
    return int(line.split(",")[0])


async def test_switch_that_is_restarted_comes_back_empty(ovs: PrivateOvs) -> None:
    async with serving() as rig:
        connect(ovs, rig)
        up = await rig.expect(SwitchUp)
        assert await write(rig, up, 1, flow_batch({Match(0, 1)(): DROP})) == ()
        ovs.stop_vswitchd(kill=True)
        down = await rig.expect(SwitchDown)
        assert (down.session, down.dpid) == (up.session, DPID)
        ovs.start_vswitchd()
        again = await rig.expect(SwitchUp)
        assert again.installed.flows == {}
