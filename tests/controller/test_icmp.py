"""ICMP time exceeded, parsed by scapy."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.controller.icmp import time_exceeded, too_big

layers = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
l2 = pytest.importorskip("scapy.layers.l2")

HOST, ROUTER = "02:00:00:00:00:01", "06:00:00:00:00:07"
ROUTER_MAC = bytes.fromhex(ROUTER.replace(":", ""))
V4, V6 = ip_address("10.0.0.1").packed, ip_address("fd00::1").packed


def ether(payload: object, dst: str = ROUTER) -> bytes:
    return bytes(l2.Ether(src=HOST, dst=dst) / payload)


@pytest.mark.parametrize("cut", [None, 64, 256])
def test_ipv4_answer(cut: int | None) -> None:
    packet = layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1) / layers.UDP(sport=4000, dport=33434) / (b"x" * 400)
    answer = time_exceeded(ether(packet)[:cut], ROUTER_MAC, V4)
    assert answer is not None
    frame = l2.Ether(answer)
    assert (frame.src, frame.dst) == (ROUTER, HOST)
    ip, icmp = frame[layers.IP], frame[layers.ICMP]
    assert (ip.src, ip.dst, ip.ttl, icmp.type, icmp.code) == ("10.0.0.1", "10.0.0.5", 64, 11, 0)
    assert len(answer) - 14 == ip.len <= 576
    assert (ip.chksum, icmp.chksum) == _recomputed(frame)
    quoted = bytes(icmp.payload)
    assert bytes(packet).startswith(quoted)
    assert len(quoted) >= 28


def _recomputed(frame: object) -> tuple[int, int]:
    copy = frame.copy()  # type: ignore[attr-defined]
    del copy[layers.IP].chksum
    del copy[layers.ICMP].chksum
    again = l2.Ether(bytes(copy))
    return again[layers.IP].chksum, again[layers.ICMP].chksum


@pytest.mark.parametrize("size", [0, 1, 401, 1400])
def test_ipv6_answer(size: int) -> None:
    packet = inet6.IPv6(src="fd00::5", dst="fd01::5", hlim=1) / layers.UDP(sport=4000, dport=33434) / (b"x" * size)
    answer = time_exceeded(ether(packet), ROUTER_MAC, V6)
    assert answer is not None
    frame = l2.Ether(answer)
    message = frame[inet6.ICMPv6TimeExceeded]
    assert (frame[inet6.IPv6].src, frame[inet6.IPv6].dst) == ("fd00::1", "fd00::5")
    assert len(answer) - 14 <= 1280
    given_sum = message.cksum
    del message.cksum
    assert l2.Ether(bytes(frame))[inet6.ICMPv6TimeExceeded].cksum == given_sum


@pytest.mark.parametrize(
    "packet",
    [
        layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1) / layers.ICMP(type=3) / (b"x" * 28),
        layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1) / layers.ICMP(type=11) / (b"x" * 28),
        layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1, frag=10) / (b"x" * 28),
        layers.IP(src="0.0.0.0", dst="10.0.1.5", ttl=1) / layers.UDP(),
        layers.IP(src="224.0.0.1", dst="10.0.1.5", ttl=1) / layers.UDP(),
        layers.IP(src="127.0.0.1", dst="10.0.1.5", ttl=1) / layers.UDP(),
        layers.IP(src="10.0.0.5", dst="224.0.0.9", ttl=1) / layers.UDP(),
        layers.IP(src="10.0.0.5", dst="255.255.255.255", ttl=1) / layers.UDP(),
        layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1),
        inet6.IPv6(src="fd00::5", dst="fd01::5", hlim=1) / layers.UDP(),
    ],
)
def test_ipv4_silence(packet: object) -> None:
    assert time_exceeded(ether(packet), ROUTER_MAC, V4) is None


@pytest.mark.parametrize(
    "packet",
    [
        inet6.IPv6(src="fd00::5", dst="fd01::5") / inet6.ICMPv6DestUnreach() / (b"x" * 48),
        inet6.IPv6(src="fd00::5", dst="fd01::5") / inet6.IPv6ExtHdrHopByHop() / inet6.ICMPv6TimeExceeded(),
        inet6.IPv6(src="fd00::5", dst="fd01::5") / inet6.ICMPv6ND_Redirect(),
        inet6.IPv6(src="::", dst="fd01::5") / layers.UDP(),
        inet6.IPv6(src="fd00::5", dst="ff02::1") / layers.UDP(),
        inet6.IPv6(src="fd00::5", dst="fd01::5") / inet6.IPv6ExtHdrFragment(offset=9) / (b"x" * 20),
    ],
)
def test_ipv6_silence(packet: object) -> None:
    assert time_exceeded(ether(packet), ROUTER_MAC, V6) is None


def test_an_echo_request_is_answered() -> None:
    v4 = layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1) / layers.ICMP()
    v6 = inet6.IPv6(src="fd00::5", dst="fd01::5", hlim=1) / inet6.ICMPv6EchoRequest()
    assert time_exceeded(ether(v4), ROUTER_MAC, V4)
    assert time_exceeded(ether(v6), ROUTER_MAC, V6)


def test_a_frame_to_a_group_is_not_answered() -> None:
    v4 = layers.IP(src="10.0.0.5", dst="10.0.1.5", ttl=1) / layers.ICMP()
    assert time_exceeded(ether(v4, "ff:ff:ff:ff:ff:ff"), ROUTER_MAC, V4) is None


@given(st.binary(max_size=200), st.sampled_from([b"\x08\x00", b"\x86\xdd"]), st.sampled_from([V4, V6]))
def test_anything_is_survived(data: bytes, kind: bytes, gateway: bytes) -> None:
    time_exceeded(data, ROUTER_MAC, gateway)
    version = b"\x45" if kind == b"\x08\x00" else b"\x60"
    time_exceeded(bytes(12) + kind + version + data, ROUTER_MAC, gateway)


@pytest.mark.parametrize("cut", [None, 256])
def test_too_big_tells_the_mtu(cut: int | None) -> None:
    packet = layers.IP(src="10.0.0.5", dst="10.0.1.5", flags="DF") / layers.UDP() / (b"x" * 1400)
    answer = too_big(ether(packet)[:cut], ROUTER_MAC, V4, 1400)
    assert answer is not None
    icmp = l2.Ether(answer)[layers.ICMP]
    assert (icmp.type, icmp.code, icmp.nexthopmtu) == (3, 4, 1400)
    assert bytes(packet).startswith(bytes(icmp.payload))
    six = inet6.IPv6(src="fd00::5", dst="fd01::5") / layers.UDP() / (b"x" * 1400)
    answer = too_big(ether(six)[:cut], ROUTER_MAC, V6, 1300)
    assert answer is not None
    message = l2.Ether(answer)[inet6.ICMPv6PacketTooBig]
    assert message.mtu == 1300
    assert too_big(ether(six), ROUTER_MAC, V4, 1300) is None
    assert too_big(ether(layers.IP(src="10.0.0.5", dst="10.0.1.5") / layers.ICMP(type=3)), ROUTER_MAC, V4, 1300) is None
