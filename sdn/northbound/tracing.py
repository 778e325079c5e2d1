"""TraceService: what would become of a packet. Messages to questions, and answers to messages."""

from __future__ import annotations

import re

import grpc
from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.ids import Kind
from sdn.model.intent import Address
from sdn.model.tracing import (
    Fault,
    LiveHop,
    LiveLoss,
    LiveTrace,
    Protocol,
    TraceDelivery,
    TracePart,
    TraceQuestion,
    TraceStep,
    TraceView,
)
from sdn.northbound import calls, check, rpc
from sdn.northbound.check import Problems
from sdn.northbound.rpc import Context
from sdn.v1 import trace_pb2 as pb

MAX_FRAME = 9216
"""Bytes, as the largest frames of common switches."""
_MIN_FRAME = 14
_MAX_SIZE = 65535
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}")
_MAC_REMEDY = "Write it as 02:00:00:00:00:01."
_ALONE = ("destination", "protocol", "port", "ip_version", "from_mac", "from_address", "size", "ttl")
"""Fields that a whole frame makes meaningless."""


class TraceService:
    """TraceService of the API."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        methods = {"TracePacket": self.trace, "TracePacketLive": self.trace_live}
        return rpc.handler(pb.DESCRIPTOR.services_by_name["TraceService"], methods)

    async def trace(self, request: pb.TracePacketRequest, context: Context) -> Message:
        """Follow a packet on paper."""
        return answer(self._backend.reader.trace(_asked(request)))

    async def trace_live(self, request: pb.TracePacketRequest, context: Context) -> Message:
        """Follow a packet on paper, and a probe in the data plane."""
        asked, identity = _asked(request), calls.identity()
        return answer(await self._backend.trace_live(asked, f"{identity.source} {identity.key}"))


def _asked(request: pb.TracePacketRequest) -> TraceQuestion:
    """Raises InvalidInput naming all fields that are wrong."""
    problems = Problems()
    asked = _question(request, problems)
    problems.settle()
    return asked


def _question(request: pb.TracePacketRequest, problems: Problems) -> TraceQuestion:
    check.name(request.source, "source", Kind.PORT, problems)
    if request.frame:
        for field in _ALONE:
            if getattr(request, field):
                problems.add(field, "given beside a whole frame", "Give either the frame, or what it should be.")
        if not _MIN_FRAME <= len(request.frame) <= MAX_FRAME:
            reason = f"{len(request.frame)} bytes are no Ethernet frame"
            problems.add("frame", reason, f"Give {_MIN_FRAME} to {MAX_FRAME} bytes.")
        return TraceQuestion(request.source, frame=request.frame)
    return TraceQuestion(
        source=request.source,
        destination=_destination(request.destination, problems),
        protocol=_protocol(request, problems),
        port=request.port,
        version=_version(request.ip_version, problems),
        from_mac=_mac(request.from_mac, "from_mac", problems) if request.from_mac else b"",
        from_address=check.address(request.from_address, "from_address", problems) if request.from_address else None,
        size=_within(request.size, "size", _MAX_SIZE, problems),
        ttl=_within(request.ttl, "ttl", 255, problems) or 64,
    )


def _destination(text: str, problems: Problems) -> str | Address | bytes:
    remedy = "Give a full name of a port, an IP address, or a MAC."
    if not text:
        problems.add("destination", "not given", remedy)
    elif "/" in text:
        check.name(text, "destination", Kind.PORT, problems)
    elif _MAC.fullmatch(text):
        return _mac(text, "destination", problems)
    else:
        found = Problems()
        address = check.address(text, "destination", found)
        if address is not None:
            return address
        problems.add("destination", f"{check.shown(text)} is no address, no MAC and no full name of a port", remedy)
    return text


def _protocol(request: pb.TracePacketRequest, problems: Problems) -> Protocol:
    known = pb.TracePacketRequest.Protocol.DESCRIPTOR.values_by_number.get(request.protocol)
    if known is None:
        problems.add("protocol", f"{request.protocol} is not known", "Give ICMP, TCP, UDP or ARP.")
        return Protocol.ICMP
    protocol = Protocol(known.name)
    if protocol in (Protocol.TCP, Protocol.UDP):
        if not 1 <= request.port <= 65535:
            problems.add("port", f"{request.port} is no port of {protocol}", "Give 1 to 65535.")
    elif request.port:
        problems.add("port", f"given for {protocol}, which has none", "Leave it out, or give TCP or UDP.")
    return protocol


def _version(version: int, problems: Problems) -> int:
    if version not in (0, 4, 6):
        problems.add("ip_version", f"{version} is not a version of IP", "Give 4, 6, or 0 for whichever fits.")
    return version


def _mac(text: str, field: str, problems: Problems) -> bytes:
    if not _MAC.fullmatch(text):
        problems.add(field, f"{check.shown(text)} is not a MAC", _MAC_REMEDY)
        return b""
    return bytes.fromhex(re.sub("[:-]", "", text))


def _within(number: int, field: str, most: int, problems: Problems) -> int:
    if number > most:
        problems.add(field, f"{number} is too much", f"Give at most {most}.")
    return number


def answer(view: TraceView) -> pb.TracePacketResponse:
    """The answer as a message."""
    verdict = pb.TracePacketResponse.Verdict.Value(view.verdict.value)
    parts = [_part(part) for part in view.parts]
    live = None if view.live is None else _live(view.live)
    return pb.TracePacketResponse(verdict=verdict, reason=view.reason, parts=parts, live=live)


def _live(live: LiveTrace) -> pb.LiveTrace:
    verdict = pb.LiveTrace.Verdict.Value(live.verdict.value)
    loss = None if live.loss is None else _loss(live.loss)
    return pb.LiveTrace(verdict=verdict, reason=live.reason, hops=[_hop(hop) for hop in live.hops], loss=loss)


FAULTS = {Fault.SWITCH: pb.LiveLoss.IN_SWITCH, Fault.LINK: pb.LiveLoss.ON_LINK, Fault.UNKNOWN: pb.LiveLoss.UNKNOWN}


def _loss(loss: LiveLoss) -> pb.LiveLoss:
    return pb.LiveLoss(
        after=loss.after,
        after_interface=loss.after_interface,
        before=loss.before,
        before_interface=loss.before_interface,
        fault=FAULTS[loss.fault],
        switch=loss.switch,
        steps=loss.steps,
    )


def _hop(hop: LiveHop) -> pb.LiveHop:
    return pb.LiveHop(
        switch=hop.switch,
        event=hop.event,
        interface=hop.interface,
        port=hop.port,
        after_us=hop.after[0] if hop.after else None,
        error_us=hop.after[1] if hop.after else 0,
        expected=hop.expected,
    )


def _part(part: TracePart) -> pb.TracePart:
    return pb.TracePart(
        title=part.title,
        frame=part.frame,
        steps=[_step(step) for step in part.steps],
        deliveries=[_delivery(delivery) for delivery in part.deliveries],
    )


def _delivery(delivery: TraceDelivery) -> pb.TraceDelivery:
    return pb.TraceDelivery(
        switch=delivery.switch,
        interface=delivery.interface,
        port=delivery.port,
        always=delivery.always,
        frame=delivery.frame,
    )


def _step(step: TraceStep) -> pb.TraceStep:
    return pb.TraceStep(
        number=step.number,
        doing=step.doing,
        next=step.next,
        choice=step.choice,
        switch=step.switch,
        away=step.away,
        interface=step.interface,
        port=step.port,
        table=step.table,
        priority=step.priority,
        match=step.match,
        actions=step.actions,
        owner=step.owner,
        feature=step.feature,
        state=step.state,
        share=step.share[0],
        shares=step.share[1],
        changes=[pb.TraceChange(field=c.field, before=c.before, after=c.after) for c in step.changes],
        end=step.end,
        reason=step.reason,
        frame=step.frame,
    )
