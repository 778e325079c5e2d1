"""Maintenance, of TopologyService: links and switches that are drained or have another cost."""

from __future__ import annotations

from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.maintenance import MaintenanceView, Target
from sdn.northbound.check import Problems
from sdn.northbound.rpc import Context
from sdn.v1 import topology_pb2 as tpb

_MAX_NAME = 300
_REMEDY = "Give a switch's name or datapath id, or both ends of a link."


class MaintenanceCalls:
    """Its methods."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def set(self, request: tpb.SetMaintenanceRequest, context: Context) -> Message:
        """Drain, end that, or set a cost or an oversubscription."""
        problems = Problems()
        drained = request.drained if request.HasField("drained") else None
        cost = request.cost if request.HasField("cost") else None
        more = request.oversubscription if request.HasField("oversubscription") else None
        if drained is None and cost is None and more is None:
            problems.add(
                "drained", "nothing is asked for", "Set drained, or the cost or the oversubscription of a link."
            )
        target = _target(request.target, problems)
        problems.settle()
        return _answer(await self._backend.maintain(target, drained, cost, more))

    async def get(self, request: tpb.GetMaintenanceRequest, context: Context) -> Message:
        """What is said about a link or switch, and what has become of it."""
        problems = Problems()
        target = _target(request.target, problems)
        problems.settle()
        return _answer(self._backend.reader.maintenance(target))


def _target(message: tpb.MaintenanceTarget, problems: Problems) -> Target:
    ends = message.a, message.b
    fields = {"target.switch": message.switch}
    for name, end in zip("ab", ends, strict=True):
        fields |= {f"target.{name}.switch": end.switch, f"target.{name}.interface": end.interface}
    for field, text in fields.items():
        if len(text) > _MAX_NAME:
            problems.add(field, f"{len(text)} characters are too long for a name", _REMEDY)
    given = [bool(end.switch) for end in ends]
    if message.switch and (message.HasField("a") or message.HasField("b")):
        problems.add("target", "both a switch and a link are given", _REMEDY)
    elif not message.switch and not all(given):
        field = "target" if not any(given) else f"target.{'ab'[given.index(False)]}.switch"
        problems.add(field, "not given", _REMEDY)
    return Target(message.switch, *((end.switch, end.interface) for end in ends))


def _answer(view: MaintenanceView) -> tpb.Maintenance:
    target = tpb.MaintenanceTarget(switch=view.target.switch)
    if not view.target.switch:
        for end, (switch, interface) in ((target.a, view.target.a), (target.b, view.target.b)):
            end.switch, end.interface = switch, interface
    answer = tpb.Maintenance(
        target=target, drained=view.drained, cost=view.cost, settled=view.settled, needed_by=view.needed_by
    )
    answer.oversubscription = view.oversubscription
    for name, reason in view.staying:
        answer.staying.add(name=name, reason=reason)
    return answer
