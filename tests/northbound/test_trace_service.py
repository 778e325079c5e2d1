"""TraceService: requests become questions, answers become messages, and what is wrong is named."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from fake_backend import FakeBackend

from sdn.client import ApiError, AsyncClient
from sdn.model.tracing import (
    Fault,
    Protocol,
    TraceChange,
    TraceDelivery,
    TracePart,
    TraceQuestion,
    TraceStep,
    TraceView,
    Verdict,
)
from sdn.northbound.tracing import FAULTS
from sdn.v1 import trace_pb2 as pb

H1, H2 = "tenants/red/ports/h1", "tenants/red/ports/h2"
MAC_A, MAC_B = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")
STEP = TraceStep(
    number=1,
    doing="table",
    switch="leaf1",
    away=True,
    interface="h1-eth0",
    port=H1,
    table="l2",
    priority=100,
    match="ip",
    actions="drop",
    owner=H2,
    feature="endpoint",
    state="pending",
    choice=True,
    share=(3, 64),
    changes=(TraceChange("nw_ttl", "64", "63"),),
    end="NoMatch",
    reason="nobody",
    frame=b"\1\2",
    next=(2, 3),
)
VIEW = TraceView(
    Verdict.PERHAPS,
    "on some ways",
    (TracePart("ICMP", b"\3", (STEP,), (TraceDelivery("leaf2", "h2-eth0", H2, False, b"\4"),)),),
)


@pytest.fixture
def asked(backend: FakeBackend) -> list[TraceQuestion]:
    """What the reader is asked; it answers VIEW."""
    questions: list[TraceQuestion] = []

    def trace(question: TraceQuestion) -> TraceView:
        questions.append(question)
        return VIEW

    backend.fake.trace = trace  # type: ignore[attr-defined]
    return questions


@pytest.mark.parametrize(
    ("destination", "fields", "question"),
    [
        (H2, {}, TraceQuestion(H1, H2)),
        (
            "10.0.0.9",
            {"protocol": "TCP", "port": 80},
            TraceQuestion(H1, ip_address("10.0.0.9"), protocol=Protocol.TCP, port=80),
        ),
        (
            "02-00-00-00-00-0A",
            {"protocol": "UDP", "port": 53, "ip_version": 6},
            TraceQuestion(H1, MAC_A, protocol=Protocol.UDP, port=53, version=6),
        ),
        ("fd00::1", {"protocol": "ARP"}, TraceQuestion(H1, ip_address("fd00::1"), protocol=Protocol.ARP)),
        (
            H2,
            {"from_mac": "02:00:00:00:00:0b", "from_address": "10.0.0.66", "size": 1400, "ttl": 1},
            TraceQuestion(H1, H2, from_mac=MAC_B, from_address=ip_address("10.0.0.66"), size=1400, ttl=1),
        ),
        ("", {"frame": bytes(14)}, TraceQuestion(H1, frame=bytes(14))),
    ],
)
async def test_requests_become_questions(
    client: AsyncClient, asked: list[TraceQuestion], destination: str, fields: dict[str, Any], question: TraceQuestion
) -> None:
    await client.trace(H1, destination, **fields)
    assert asked == [question]


async def test_answers_become_messages(client: AsyncClient, asked: list[TraceQuestion]) -> None:
    found = await client.trace(H1, H2)
    (part,) = found.parts
    (step,) = part.steps
    (delivery,) = part.deliveries
    assert (found.verdict, found.reason) == (pb.TracePacketResponse.PERHAPS, "on some ways")
    assert (part.title, part.frame) == ("ICMP", b"\3")
    values = {field.name: getattr(step, field.name) for field in pb.TraceStep.DESCRIPTOR.fields}
    assert (values.pop("share"), values.pop("shares"), list(values.pop("next"))) == (3, 64, [2, 3])
    assert [(c.field, c.before, c.after) for c in values.pop("changes")] == [("nw_ttl", "64", "63")]
    assert values == {name: getattr(STEP, name) for name in values}
    assert (delivery.switch, delivery.interface, delivery.port, delivery.always, delivery.frame) == (
        "leaf2",
        "h2-eth0",
        H2,
        False,
        b"\4",
    )


async def test_a_probe_is_told_of_where_one_was_asked_for(client: AsyncClient, asked: list[TraceQuestion]) -> None:
    assert not (await client.trace(H1, H2)).HasField("live")
    live = (await client.trace(H1, H2, live=True)).live
    assert (live.verdict, live.reason) == (pb.LiveTrace.DETOURED, "it strayed")
    hops = [(hop.switch, hop.event, hop.interface, hop.port, hop.expected) for hop in live.hops]
    assert hops == [
        ("leaf1", "sent", "", "", True),
        ("leaf2", "passed", "eth1", "", False),
        ("leaf3", "arrived", "", H2, True),
    ]
    assert [(hop.after_us, hop.error_us) for hop in live.hops] == [(0, 0), (300, 20), (0, 0)]
    assert [hop.HasField("after_us") for hop in live.hops] == [True, True, False]
    assert live.loss == pb.LiveLoss(
        after="leaf1",
        before="leaf2",
        after_interface="up1",
        before_interface="up2",
        fault=pb.LiveLoss.IN_SWITCH,
        switch="leaf2",
        steps=(1, 5),
    )
    assert set(FAULTS) == set(Fault)


@pytest.mark.parametrize(
    ("request_", "field", "says"),
    [
        (pb.TracePacketRequest(destination=H2), "source", "not given. Write it as tenants/T/ports/ID"),
        (pb.TracePacketRequest(source="tenants/red", destination=H2), "source", "tenants/T/ports/ID"),
        (pb.TracePacketRequest(source=H1), "destination", "not given. Give a full name of a port"),
        (pb.TracePacketRequest(source=H1, destination="h2"), "destination", "'h2' is no address"),
        (pb.TracePacketRequest(source=H1, destination="10.0.0.0/24"), "destination", "tenants/T/ports/ID"),
        (pb.TracePacketRequest(source=H1, destination="02:00:00:00:00"), "destination", "is no address"),
        (pb.TracePacketRequest(source=H1, destination=H2, protocol=9), "protocol", "9 is not known"),  # type: ignore[arg-type]
        (pb.TracePacketRequest(source=H1, destination=H2, protocol="TCP"), "port", "0 is no port of TCP"),
        (pb.TracePacketRequest(source=H1, destination=H2, protocol="UDP", port=65536), "port", "Give 1 to 65535"),
        (pb.TracePacketRequest(source=H1, destination=H2, port=80), "port", "given for ICMP, which has none"),
        (pb.TracePacketRequest(source=H1, destination=H2, ip_version=5), "ip_version", "5 is not a version"),
        (pb.TracePacketRequest(source=H1, destination=H2, from_mac="x"), "from_mac", "is not a MAC. Write it as"),
        (pb.TracePacketRequest(source=H1, destination=H2, from_address="x"), "from_address", "is not an IP address"),
        (pb.TracePacketRequest(source=H1, destination=H2, size=65536), "size", "Give at most 65535"),
        (pb.TracePacketRequest(source=H1, destination=H2, ttl=256), "ttl", "Give at most 255"),
        (pb.TracePacketRequest(source=H1, frame=bytes(13)), "frame", "Give 14 to 9216 bytes"),
        (pb.TracePacketRequest(source=H1, frame=bytes(9217)), "frame", "9217 bytes are no Ethernet frame"),
        (pb.TracePacketRequest(source=H1, frame=bytes(60), ttl=1), "ttl", "given beside a whole frame"),
    ],
)
@pytest.mark.parametrize("live", [False, True])
async def test_wrong_requests_name_field_and_remedy(
    client: AsyncClient,
    asked: list[TraceQuestion],
    request_: pb.TracePacketRequest,
    field: str,
    says: str,
    live: bool,
) -> None:
    fields = {f.name: getattr(request_, f.name) for f in request_.DESCRIPTOR.fields}
    with pytest.raises(ApiError) as caught:
        await client.trace(fields.pop("source"), fields.pop("destination"), live=live, **fields)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    violation = next(v for v in caught.value.violations if v.field == field)
    assert says in violation.description
    assert asked == []
