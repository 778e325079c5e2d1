"""A real sdnd from the outside: a client that knows nothing but its address, and one in another language."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from store_daemon import Process, process

from sdn.northbound.server import SERVICES

NODE = Path(__file__).resolve().parent.parent / "node"
T = "tenants/t"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path) as running:
        yield running


class Generic:
    """Calls of any service, as JSON, by what the server says of itself."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self) -> list[str]:
        """Their full names."""
        return [str(name) for name in self._database.get_services()]

    def methods(self, service: str) -> list[MethodDescriptor]:
        """Of a service."""
        return list(self._pool.FindServiceByName(service).methods)

    def call(self, method: MethodDescriptor, request: dict[str, Any], most: int = 3) -> list[dict[str, Any]]:
        """The answers, of an endless stream the first ones; raises grpc.RpcError."""
        message = json_format.ParseDict(request, message_factory.GetMessageClass(method.input_type)())
        answer = message_factory.GetMessageClass(method.output_type)
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        path = f"/{method.containing_service.full_name}/{method.name}"
        call = getattr(self._channel, kind)(path, type(message).SerializeToString, answer.FromString)
        found = call(iter([message]) if method.client_streaming else message, timeout=5)
        if not method.server_streaming:
            return [json_format.MessageToDict(found)]
        answers: list[dict[str, Any]] = []
        for item in found:
            answers.append(json_format.MessageToDict(item))
            if len(answers) == most:
                found.cancel()
                break
        return answers


def crud(kind: str, fields: dict[str, Any], change: str) -> dict[str, dict[str, Any]]:
    """Requests for all methods of a kind, in the order in which they succeed. change: path of a field to update."""
    single = kind.lower()
    name = T if kind == "Tenant" else f"{T}/{single}s/x"
    parent = {} if kind == "Tenant" else {"parent": "tenants/-"}
    return {
        f"Create{kind}": {single: {"name": name, **fields}},
        f"Get{kind}": {"name": name},
        f"List{kind}s": {**parent, "pageSize": 5, "filter": "!none"},
        f"Update{kind}": {single: {"name": name, "metadata": {"description": "d"}, **fields}, "updateMask": change},
        f"Watch{kind}s": parent,
    }


REQUESTS: dict[str, dict[str, Any]] = {
    **crud("Tenant", {}, "metadata.description"),
    **crud("Network", {"mtu": 1400}, "mtu"),
    **crud("Subnet", {"network": "x", "cidr": "10.0.0.0/24"}, "metadata.description"),
    **crud("Router", {"subnets": ["x"]}, "metadata"),
    **crud("Port", {"network": "x"}, "metadata.description"),
    "Apply": {"resources": [{"port": {"name": f"{T}/ports/y", "network": "x"}}]},
    **crud("Connection", {"a": "x", "b": "y", "bandwidthBps": "5"}, "metadata.description"),
    "DeleteConnection": {"name": f"{T}/connections/x"},
    "DeletePort": {"name": f"{T}/ports/x"},
    "DeleteRouter": {"name": f"{T}/routers/x"},
    "GetTopology": {},
    "GetSystemStatus": {},
    "ListEvents": {"pageSize": 5},
    "Backup": {},
}
"""In this order; every one of these succeeds."""
PROPER = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNAVAILABLE"}
"""How other methods may refuse an empty request; an endless stream may also have nothing to say in time."""


def test_every_service_by_a_client_that_knows_nothing_but_the_address(daemon: Process) -> None:
    with grpc.insecure_channel(daemon.address) as channel:
        generic = Generic(channel)
        services = [name for name in generic.services() if name.startswith("sdn.")]
        assert set(services) == set(SERVICES)
        methods = {method.name: method for service in services for method in generic.methods(service)}
        answers = {name: generic.call(methods.pop(name), request, 1) for name, request in REQUESTS.items()}
        assert {service.rpartition(".")[2] for service in services} <= {
            *(f"{name.removeprefix('Create')}Service" for name in REQUESTS if name.startswith("Create")),
            *("ApplyService", "TopologyService", "SystemService", "EventService", "AdminService"),
        } | {method.containing_service.name for method in methods.values()}
        assert answers["UpdateNetwork"][0]["mtu"] == 1400
        assert answers["UpdateTenant"][0]["metadata"]["description"] == "d"
        assert answers["GetPort"][0]["addresses"] == ["10.0.0.2"]
        assert answers["WatchRouters"][0]["type"] == "ADDED"
        assert answers["CreateConnection"][0]["status"]["conditions"][0]["type"] == "Admitted"
        assert answers["Backup"][0]
        for name, method in methods.items():
            _answers_properly(generic, name, method)


def _answers_properly(generic: Generic, name: str, method: MethodDescriptor) -> None:
    """An empty request: an answer, or an error with details."""
    error: Any = None
    try:
        generic.call(method, {}, 1)
    except grpc.RpcError as caught:
        error = caught
    if error is None or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return
    assert error.code().name in PROPER, (name, error)
    details = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"]).details
    assert details[0].Is(error_details_pb2.BadRequest.DESCRIPTOR), name


def _node_is_missing() -> str:
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (NODE / "node_modules" / "@grpc" / "grpc-js").is_dir():
        return f"npm ci was not run in {NODE.name}"
    return ""


@pytest.mark.skipif(bool(_node_is_missing()), reason=f"no client in another language: {_node_is_missing()}")
def test_a_client_in_another_language(daemon: Process) -> None:
    done = subprocess.run(
        ["node", str(NODE / "client.js"), daemon.address], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen["services"]) <= {name.rpartition(".")[2] for name in SERVICES}
    assert seen["created"]["metadata"]["description"] == "Größe, 大きさ"
    assert (seen["created"]["quota"]["ports"], seen["created"]["limits"]["ports"]) == (30, 30)
    assert (seen["planned"], seen["applied"]) == (28, 28)
    assert (seen["pages"], seen["odd"]) == ([10, 10, 5], 12)
    types = [change["type"] for change in seen["watched"]]
    assert types == ["ADDED"] * 12 + ["SYNCED", "DELETED"]
    assert seen["watched"][-1]["revision"] > seen["watched"][-2]["revision"] > 10**15
    assert seen["port"]["metadata"]["labels"] == {"odd": "0"}
    assert {c["type"]: c["status"] for c in seen["port"]["status"]["conditions"]}["Bound"] == "CONDITION_FALSE"
    assert (seen["conflict"]["code"], seen["conflict"]["ErrorInfo"]["reason"]) == ("ABORTED", "Conflict")
    assert seen["wrong"]["code"] == "INVALID_ARGUMENT"
    assert [v["field"] for v in seen["wrong"]["BadRequest"]["field_violations"]] == ["port.addresses[0]"]
    assert seen["used"]["ErrorInfo"]["metadata"]["users"] == "26"
    assert all(v["type"] == "USED_BY" for v in seen["used"]["PreconditionFailure"]["violations"])
    assert (seen["gone"]["code"], seen["gone"]["ErrorInfo"]["reason"]) == ("OUT_OF_RANGE", "Gone")
    assert (seen["connections"], seen["subnets"], seen["routers"], seen["topology"]) == (0, 1, 1, 0)
    assert seen["system"]["objects"]["Port"] == 25
    assert seen["backup"] >= 1
