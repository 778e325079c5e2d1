"""Counters of ports: the request as os-ken makes it, and replies that are what they say or ProtocolError."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openflow_samples import DATAPATH, wire_of
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from sdn.openflow import PortStatsReading, ProtocolError, encode, multipart, portstats, wire
from sdn.openflow.messages import MultipartReply

U64 = st.integers(0, 2**64 - 1)


def entry(number: int, *counters: int) -> bytes:
    return struct.pack("!I4x12QII", number, *counters, *[0] * (12 - len(counters)), 1, 2)


def piece(body: bytes, *, more: bool = False, type_: int = wire.MP_PORT_STATS) -> MultipartReply:
    return MultipartReply(9, type_, more, body)


@given(st.integers(0, 2**32 - 1))
def test_the_request_is_that_of_os_ken(xid: int) -> None:
    request = parser.OFPPortStatsRequest(DATAPATH, 0, ofp.OFPP_ANY)
    assert PortStatsReading(xid).request() == encode.port_stats_request(xid) == wire_of(request, xid)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), *[U64] * 12), max_size=5))
def test_replies_are_read_as_os_ken_reads_them(ports: list[tuple[int, ...]]) -> None:
    body = b"".join(entry(*port) for port in ports)
    theirs = [parser.OFPPortStats.parser(body, at) for at in range(0, len(body), 112)]
    fields = ("packets", "bytes", "dropped", "errors")
    expected = [
        (port.port_no, [getattr(port, f"{way}_{field}") for field in fields for way in ("rx", "tx")]) for port in theirs
    ]
    shown = [
        (number, [2**64 - 1 if value is None else value for value in found])
        for number, found in multipart.port_stats(body)
    ]
    assert shown == expected


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        found = list(multipart.port_stats(body))
    except ProtocolError:
        assert len(body) % 112
    else:
        assert len(found) * 112 == len(body)


def test_a_reply_in_pieces() -> None:
    reading = PortStatsReading(9)
    assert reading.expects(9)
    assert not reading.expects(8)
    reading.reply(piece(entry(1, 5), more=True))
    assert not reading.complete
    reading.reply(piece(b"", more=True))
    reading.reply(piece(entry(2, *[2**64 - 1] * 8)))
    assert reading.complete
    assert not reading.expects(9)
    assert reading.ports == {1: (5, 0, 0, 0, 0, 0, 0, 0), 2: (None,) * 8}


def test_replies_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portstats, "MAX_PORTS", 3)
    monkeypatch.setattr(portstats, "MAX_PIECES", 2)
    with pytest.raises(ProtocolError, match="not a multiple"):
        PortStatsReading(9).reply(piece(entry(1)[:-1]))
    with pytest.raises(ProtocolError, match="not asked for"):
        PortStatsReading(9).reply(piece(b"", type_=wire.MP_FLOW))
    with pytest.raises(ProtocolError, match="more than 3 ports"):
        PortStatsReading(9).reply(piece(b"".join(map(entry, range(4)))))
    endless = PortStatsReading(9)
    for _ in range(2):
        endless.reply(piece(entry(1), more=True))
    with pytest.raises(ProtocolError, match="2 messages"):
        endless.reply(piece(entry(1), more=True))
