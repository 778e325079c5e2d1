"""What sdnd tells of packets is what they do: the daemon's own view of wiring and programs, asked over the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab

from sdn.client import ApiError
from sdn.v1 import trace_pb2 as pb

pytestmark = pytest.mark.lab
DELIVERED = pb.TracePacketResponse.DELIVERED


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=4", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


def told(lab: CloudLab, version: int) -> set[tuple[str, str]]:
    """Who reaches whom, by traces to addresses: other tenants have the same ones, so a name would not do."""
    found = set()
    for a in lab.hosts:
        for b in lab.hosts:
            if a == b:
                continue
            try:
                answer = lab.client.trace(lab.port_of(a), lab.port_of(b), ip_version=version, protocol="UDP", port=7)
            except ApiError:
                continue
            receivers = {delivery.port for delivery in answer.parts[-1].deliveries}
            if answer.verdict == DELIVERED and receivers == {lab.port_of(b)}:
                found.add((a, b))
    return found


@pytest.mark.parametrize("version", [4, 6])
def test_traces_tell_the_matrix(lab: CloudLab, version: int) -> None:
    matrix = lab.matrix(version)
    assert matrix.explain(lab.expected) == ""
    assert told(lab, version) == lab.expected


def test_frames_arrive_as_told(lab: CloudLab) -> None:
    """Bytes at every host, for broadcast, multicast, a packet through the router, and forged ones."""
    h1 = lab.hosts["h1"]
    other = next(name for name in lab.hosts if lab.tenant[name] == "red" and name not in lab.members("h1") | {"h1"})
    packets: list[dict[str, Any]] = [
        {"destination": "ff:ff:ff:ff:ff:ff"},
        {"destination": "ff05::1234"},
        {"destination": lab.port_of(other), "protocol": "TCP", "port": 80},
        {"destination": lab.port_of(other), "from_address": "10.0.1.66"},
        {"destination": "10.0.1.1"},
        {"destination": "fd00:0:0:1::1", "size": 1400},
    ]
    for fields in packets:
        answer = lab.client.trace(lab.port_of("h1"), fields.pop("destination"), **fields)
        part = answer.parts[-1]
        expected: dict[str, list[bytes]] = {}
        for delivery in part.deliveries:
            expected.setdefault(delivery.port.rpartition("/")[2], []).append(delivery.frame)
        assert lab.arrivals("h1", part.frame) == expected, part.title
        assert bool(expected) == (answer.verdict == DELIVERED), answer.reason
    assert h1.mac == "02:00:00:00:01:0a"
