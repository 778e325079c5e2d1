"""What we send is byte for byte what os-ken sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openflow_samples import DATAPATH, wire_of
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from sdn.openflow import MessageTooLong, encode, wire, writes
from sdn.openflow.decode import decode
from sdn.openflow.handshake import Handshake
from sdn.openflow.messages import Hello

U8 = st.integers(0, 2**8 - 1)
U16 = st.integers(0, 2**16 - 1)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
XID = st.integers(0, 2**32 - 100)
MAC = st.binary(min_size=6, max_size=6).map(lambda b: ":".join(f"{x:02x}" for x in b))
IPV6 = st.binary(min_size=16, max_size=16).map(lambda b: ":".join(b[i : i + 2].hex() for i in range(0, 16, 2)))

MATCH_FIELDS = {
    "in_port": U32,
    "eth_dst": MAC | st.tuples(MAC, MAC),
    "eth_type": U16,
    "ipv6_dst": IPV6,
    "icmpv6_type": U8,
    "reg0": U32,
    "reg5": st.tuples(U32, st.integers(1, 2**32 - 2)),
}
MATCHES = st.fixed_dictionaries({}, optional=MATCH_FIELDS).map(lambda fields: parser.OFPMatch(**fields))

ACTIONS = st.lists(
    st.one_of(
        U32.map(lambda port: parser.OFPActionOutput(port, 0xFFFF)),
        U32.map(parser.OFPActionGroup),
        MAC.map(lambda mac: parser.OFPActionSetField(eth_dst=mac)),
        U32.map(lambda value: parser.OFPActionSetField(reg3=value)),
        U8.map(lambda table: parser.NXActionResubmitTable(table_id=table)),
        st.just(parser.OFPActionDecNwTtl()),
    ),
    max_size=4,
)


@st.composite
def instructions(draw: st.DrawFn) -> list[object]:
    result: list[object] = []
    if draw(st.booleans()):
        result.append(parser.OFPInstructionMeter(draw(U32)))
    if draw(st.booleans()):
        result.append(parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, draw(ACTIONS)))
    if draw(st.booleans()):
        result.append(parser.OFPInstructionGotoTable(draw(U8)))
    return result


def packed(parts: list[object]) -> bytes:
    whole = b""
    for part in parts:
        buffer = bytearray()
        part.serialize(buffer, 0)  # type: ignore[attr-defined]
        whole += bytes(buffer)
    return whole


def oxm(match: parser.OFPMatch) -> bytes:
    buffer = bytearray()
    match.serialize(buffer, 0)
    return bytes(buffer[4 : int.from_bytes(buffer[2:4], "big")])


def in_bundle(message: parser.MsgBase, xid: int, bundle: int) -> bytes:
    flags = ofp.ONF_BF_ATOMIC | ofp.ONF_BF_ORDERED
    return wire_of(parser.ONFBundleAddMsg(DATAPATH, bundle, flags, message, []), xid)


def flow_mod(
    command: int, match: parser.OFPMatch, parts: list[object], table: int, priority: int, cookie: int
) -> parser.OFPFlowMod:
    return parser.OFPFlowMod(
        DATAPATH,
        cookie=cookie,
        table_id=table,
        command=command,
        priority=priority,
        match=match,
        instructions=parts,
        out_port=ofp.OFPP_ANY,
        out_group=ofp.OFPG_ANY,
    )


FLOW = st.tuples(MATCHES, instructions(), U8, U16, U64)


def key_of(match: parser.OFPMatch, table: int, priority: int) -> bytes:
    return bytes([table]) + priority.to_bytes(2, "big") + oxm(match)


@given(flows=st.lists(FLOW, max_size=4), xid=XID, bundle=U32)
def test_flow_adds(flows: list[tuple[parser.OFPMatch, list[object], int, int, int]], xid: int, bundle: int) -> None:
    expected = b"".join(
        in_bundle(flow_mod(ofp.OFPFC_ADD, match, parts, table, priority, cookie), xid + n, bundle)
        for n, (match, parts, table, priority, cookie) in enumerate(flows)
    )
    ours = [(key_of(match, table, priority), packed(parts), cookie) for match, parts, table, priority, cookie in flows]
    assert writes.flow_adds(xid, bundle, ours) == expected
    assert sum(writes.flow_size(key, body) for key, body, _ in ours) == len(expected)


@given(flows=st.lists(FLOW, max_size=4), xid=XID, bundle=U32)
def test_flow_deletes(flows: list[tuple[parser.OFPMatch, list[object], int, int, int]], xid: int, bundle: int) -> None:
    expected = b"".join(
        in_bundle(flow_mod(ofp.OFPFC_DELETE_STRICT, match, [], table, priority, 0), xid + n, bundle)
        for n, (match, _, table, priority, _) in enumerate(flows)
    )
    keys = [key_of(match, table, priority) for match, _, table, priority, _ in flows]
    assert writes.flow_deletes(xid, bundle, keys) == expected


BUCKETS = st.lists(st.tuples(U16, U32, U32, ACTIONS), max_size=3)


@given(number=U32, type_=st.integers(0, 3), buckets=BUCKETS, xid=XID, bundle=U32)
def test_groups(
    number: int, type_: int, buckets: list[tuple[int, int, int, list[object]]], xid: int, bundle: int
) -> None:
    theirs = [parser.OFPBucket(weight, port, group, actions) for weight, port, group, actions in buckets]
    ours = packed(list(theirs))
    put = parser.OFPGroupMod(DATAPATH, wire.GROUP_ADD_OR_MOD, type_, number, theirs)
    assert writes.group_puts(xid, bundle, [(number, type_, ours)]) == in_bundle(put, xid, bundle)
    twice = b"".join(
        in_bundle(parser.OFPGroupMod(DATAPATH, ofp.OFPGC_DELETE, 0, number, []), xid + n, bundle) for n in range(2)
    )
    assert writes.group_deletes(xid, bundle, [number, number]) == twice
    assert writes.group_size(ours) == len(in_bundle(put, xid, bundle))


@given(number=U32, rate=U32, burst=U32, exists=st.booleans(), xid=XID)
def test_meters(number: int, rate: int, burst: int, exists: bool, xid: int) -> None:
    command = ofp.OFPMC_MODIFY if exists else ofp.OFPMC_ADD
    flags = ofp.OFPMF_PKTPS | ofp.OFPMF_BURST
    band = parser.OFPMeterBandDrop(rate, burst)
    expected = wire_of(parser.OFPMeterMod(DATAPATH, command, flags, number, [band]), xid)
    assert encode.meter_put(xid, number, rate, burst, exists=exists) == expected
    expected = wire_of(parser.OFPMeterMod(DATAPATH, ofp.OFPMC_DELETE, 0, number, []), xid)
    assert encode.meter_delete(xid, number) == expected


@given(out_port=U32, frame=st.binary(min_size=1, max_size=200), xid=XID)
def test_packet_out(out_port: int, frame: bytes, xid: int) -> None:
    actions = [parser.OFPActionOutput(out_port, 0)]
    message = parser.OFPPacketOut(DATAPATH, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, actions, frame)
    assert encode.packet_out(xid, out_port, frame) == wire_of(message, xid)


@pytest.mark.parametrize("look_up", [None, 1, 0xFEFF])
@given(table=st.integers(0, 253), number=st.integers(0, 7), value=U32, frame=st.binary(min_size=1, max_size=200))
def test_packet_into(look_up: int | None, table: int, number: int, value: int, frame: bytes) -> None:
    """A register of 32 bits, then the look-up by a port in a table."""
    actions = [
        parser.NXActionRegLoad(31, f"reg{number}", value),
        parser.NXActionResubmitTable(ofp.OFPP_IN_PORT & 0xFFFF if look_up is None else look_up, table),
    ]
    message = parser.OFPPacketOut(DATAPATH, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, actions, frame)
    assert encode.packet_into(7, table, [(number, value)], frame, look_up=look_up) == wire_of(message, 7)


@given(xid=XID, bundle=U32, payload=st.binary(max_size=64))
def test_small_messages(xid: int, bundle: int, payload: bytes) -> None:
    d, any_ = DATAPATH, parser.OFPMatch()
    config = parser.OFPSetConfig(d, ofp.OFPC_FRAG_NORMAL, ofp.OFPCML_NO_BUFFER)
    flows = parser.OFPFlowStatsRequest(d, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, any_)
    expected = {
        encode.echo_request(xid, payload): parser.OFPEchoRequest(d, payload),
        encode.echo_reply(xid, payload): parser.OFPEchoReply(d, payload),
        encode.error(xid, 0, 1, payload): parser.OFPErrorMsg(d, 0, 1, payload),
        encode.features_request(xid): parser.OFPFeaturesRequest(d),
        encode.barrier_request(xid): parser.OFPBarrierRequest(d),
        encode.set_config(xid): config,
        encode.set_async(xid): parser.OFPSetAsync(d, [3, 0], [7, 7], [0, 0]),
        encode.description_request(xid): parser.OFPDescStatsRequest(d, 0),
        encode.ports_request(xid): parser.OFPPortDescStatsRequest(d, 0),
        encode.flows_request(xid): flows,
        encode.groups_request(xid): parser.OFPGroupDescStatsRequest(d, 0),
        encode.meters_request(xid): parser.OFPMeterConfigStatsRequest(d, 0, ofp.OFPM_ALL),
        **{
            encode.bundle_control(xid, bundle, action): parser.ONFBundleCtrlMsg(d, bundle, action, 3, [])
            for action in (ofp.ONF_BCT_OPEN_REQUEST, ofp.ONF_BCT_COMMIT_REQUEST, ofp.ONF_BCT_DISCARD_REQUEST)
        },
    }
    for ours, theirs in expected.items():
        assert ours == wire_of(theirs, xid), theirs


def test_hello_is_that_of_os_ken() -> None:
    assert encode.hello(7) == wire_of(parser.OFPHello(DATAPATH), 7)


def test_hello_does_not_confuse_mininet_which_reads_it_by_telnet() -> None:
    """Bytes 1 and 127 mean something to Mininet; in a Hello they made mn wait for ever, when it came in time."""
    first = Handshake().begin()
    assert decode(first) == Hello(4, None)
    assert not {1, 127} & set(first)


def test_messages_longer_than_the_length_field_are_not_made() -> None:
    body = bytes(65_535)
    with pytest.raises(MessageTooLong, match="65"):
        writes.flow_adds(1, 1, [(b"\0\0\0", body, 0)])
    with pytest.raises(MessageTooLong):
        writes.group_puts(1, 1, [(1, 0, body)])
    with pytest.raises(MessageTooLong):
        encode.packet_out(1, 1, body)
    with pytest.raises(MessageTooLong):
        encode.echo_reply(1, body)
    fits = bytes(65_535 - 24 - 48 - 8 - 7)
    assert len(writes.flow_adds(1, 1, [(b"\0\0\0", fits, 0)])) == writes.flow_size(b"\0\0\0", fits) == 65_528
