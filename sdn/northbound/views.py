"""TopologyService and SystemService: what is, as opposed to what is wished."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.northbound import answers, rpc
from sdn.northbound.check import Problems
from sdn.northbound.maintenance import MaintenanceCalls
from sdn.northbound.rpc import Context
from sdn.v1 import topology_pb2 as tpb

_MAX_NAME = 300


class Views:
    """Both services."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._maintenance = MaintenanceCalls(backend)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """For the server."""
        services = tpb.DESCRIPTOR.services_by_name
        topology: dict[str, rpc.Unary | rpc.Stream] = {
            "GetTopology": self.topology,
            "GetResilience": self.resilience,
            "ListFlows": self.flows,
            "AuditSwitch": self.audit,
            "SetMaintenance": self._maintenance.set,
            "GetMaintenance": self._maintenance.get,
            "ForgetSwitch": self.forget,
        }
        return (
            rpc.handler(services["TopologyService"], topology),
            rpc.handler(services["SystemService"], {"GetSystemStatus": self.system}),
        )

    async def topology(self, request: tpb.GetTopologyRequest, context: Context) -> Message:
        """Switches, links and wiring faults."""
        return answers.topology(self._backend.reader.topology())

    async def resilience(self, request: tpb.GetResilienceRequest, context: Context) -> Message:
        """Which failures are repaired without the controller."""
        return answers.resilience(await self._backend.resilience())

    async def flows(self, request: tpb.ListFlowsRequest, context: Context) -> AsyncIterator[Message]:
        """The program of a switch."""
        problems = Problems()
        need(request.switch, "switch", "Give a switch's name or datapath id.", problems)
        problems.settle()
        # A list at once: the program may change while a slow reader takes its entries.
        for view in list(self._backend.reader.flows(request.switch)):
            yield answers.flow(view)

    async def audit(self, request: tpb.AuditSwitchRequest, context: Context) -> Message:
        """Compare a switch with its program, and repair it."""
        problems = Problems()
        need(request.switch, "switch", "Give a switch's name or datapath id.", problems)
        problems.settle()
        return answers.audit(await self._backend.audit(request.switch))

    async def forget(self, request: tpb.ForgetSwitchRequest, context: Context) -> Message:
        """A switch is gone for good."""
        problems = Problems()
        need(request.switch, "switch", "Give a switch's name or datapath id.", problems)
        problems.settle()
        return answers.forgotten(await self._backend.forget(request.switch))

    async def system(self, request: tpb.GetSystemStatusRequest, context: Context) -> Message:
        """The daemon at a glance."""
        return answers.system(self._backend.reader.system())


def need(text: str, field: str, remedy: str, problems: Problems) -> None:
    """Note a name that is missing or too long."""
    if not text:
        problems.add(field, "not given", remedy)
    elif len(text) > _MAX_NAME:
        problems.add(field, f"{len(text)} characters are too long for a name", remedy)
