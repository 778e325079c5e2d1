"""Probes as bytes: what another implementation reads in them, and that nothing else is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.lldp import (
    LLDPDU,
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUGenericOrganisationSpecific,
    LLDPDUPortID,
    LLDPDUTimeToLive,
)
from scapy.layers.l2 import Ether

from sdn.topology import lldp

KEY = b"0123456789abcdef"
NONCE = bytes(range(16))
SOURCE = bytes.fromhex("0200000000a1")


def build(dpid=0xA1, interface="leaf1-eth3", key=KEY, nonce=NONCE, ttl=4):
    return lldp.build(key, dpid, interface, SOURCE, nonce, ttl)


def test_scapy_reads_our_frames():
    packet = Ether(build())
    assert (packet.dst, packet.src, packet.type) == ("01:80:c2:00:00:0e", "02:00:00:00:00:a1", 0x88CC)
    chassis, port = packet[LLDPDUChassisID], packet[LLDPDUPortID]
    assert (chassis.subtype, chassis.id) == (7, b"00000000000000a1")
    assert (port.subtype, port.id) == (5, b"leaf1-eth3")
    assert packet[LLDPDUTimeToLive].ttl == 4
    specific = packet[LLDPDUGenericOrganisationSpecific]
    assert (specific.org_code, specific.subtype, len(specific.data)) == (0x5A5D4E, 1, 32)
    assert packet.haslayer(LLDPDUEndOfLLDPDU)


def test_we_read_what_we_build():
    probe = lldp.parse(build())
    assert (probe.dpid, probe.interface, probe.ttl, probe.nonce) == (0xA1, "leaf1-eth3", 4, NONCE)
    assert lldp.verify(KEY, probe)
    assert not lldp.verify(KEY + b"x", probe)
    assert lldp.parse(build() + bytes(20)) == probe
    assert build()[12:14] == lldp.ETHERTYPE


@given(
    st.integers(1, 2**64 - 1),
    st.text(min_size=1, max_size=15),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 65535),
)
def test_any_probe_survives(dpid, interface, nonce, ttl):
    probe = lldp.parse(build(dpid, interface, nonce=nonce, ttl=ttl))
    assert (probe.dpid, probe.interface, probe.nonce, probe.ttl) == (dpid, interface, nonce, ttl)
    assert lldp.verify(KEY, probe)


@pytest.mark.parametrize("bit", range((len(build()) - 14) * 8))
def test_no_bit_behind_the_addresses_can_be_flipped(bit):
    frame = bytearray(build())
    frame[14 + bit // 8] ^= 1 << bit % 8
    try:
        accepted = lldp.verify(KEY, lldp.parse(bytes(frame)))
    except lldp.BadFrame:
        accepted = False
    assert not accepted


@pytest.mark.parametrize("length", range(len(build())))
def test_cut_off_frames(length):
    with pytest.raises(lldp.BadFrame):
        lldp.parse(build()[:length])


@given(st.binary(max_size=200), st.integers(0, 110), st.integers(0, 110))
def test_no_bytes_raise_anything_else(noise, start, end):
    for frame in (noise, build()[:14] + noise, build()[:start] + noise + build()[end:]):
        try:
            probe = lldp.parse(frame)
        except lldp.BadFrame:
            continue
        assert probe.interface


def test_other_peoples_lldp_is_foreign():
    foreign = bytes(
        Ether(src="02:00:00:00:00:01", dst="01:80:c2:00:00:0e")
        / LLDPDUChassisID(subtype=4, id="02:00:00:00:00:01")
        / LLDPDUPortID(subtype=3, id="02:00:00:00:00:02")
        / LLDPDUTimeToLive(ttl=120)
        / LLDPDUEndOfLLDPDU()
    )
    assert LLDPDU is not None
    with pytest.raises(lldp.BadFrame) as caught:
        lldp.parse(foreign)
    assert caught.value.foreign


@pytest.mark.parametrize(
    "frame",
    [
        build() + b"\x01",
        build()[:-2] + build()[14:],
        b"\xff" * 6 + build()[6:],
        build()[:12] + b"\x81\x00\x00\x01" + build()[12:],
        build() + bytes(1500),
        build().replace(b"00000000000000a1", b"00000000000000A1"),
        build().replace(b"00000000000000a1", b"+0000000000000a1"),
        build().replace(b"leaf1", b"\xffeaf1"),
    ],
)
def test_only_the_exact_form(frame):
    with pytest.raises(lldp.BadFrame):
        lldp.parse(frame)


@pytest.mark.parametrize(
    "wrong", [{"interface": ""}, {"interface": "x" * 65}, {"nonce": b"1"}, {"ttl": 0}, {"ttl": 65536}]
)
def test_probes_out_of_form_are_not_built(wrong):
    with pytest.raises(ValueError, match="out of form"):
        build(**wrong)
