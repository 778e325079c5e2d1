"""PathService: whether a connection would be admitted, and which paths there are. Nothing is reserved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
from google.protobuf.message import Message

from sdn.controller.reader import Backend, FoundPath, PathQuery
from sdn.model.ids import Kind
from sdn.model.intent import Connection
from sdn.model.request import Protect
from sdn.northbound import answers, check, connection_fields, paths, rpc
from sdn.northbound.check import Problems
from sdn.northbound.kinds import CODECS
from sdn.northbound.rpc import Context
from sdn.northbound.views import need
from sdn.northbound.whatif import WhatIfs
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb

DEFAULT_COUNT, MAX_COUNT = 4, 16
_CODEC = CODECS[Kind.CONNECTION]

_PLACE = "Give a switch's name or datapath id, or the full name of a bound port."


class PathService:
    """PathService of the API."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._what_ifs = WhatIfs(backend)

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        methods: dict[str, rpc.Unary | rpc.Stream] = {
            "CheckConnection": self.check,
            "FindPaths": self.find,
            "WhatIf": self._what_ifs.ask,
        }
        return rpc.handler(ppb.DESCRIPTOR.services_by_name["PathService"], methods)

    async def check(self, request: ppb.CheckConnectionRequest, context: Context) -> Message:
        """Whether a connection would be admitted."""
        connection = _connection(request)
        translate = paths.of_object(_CODEC, "connection")
        with paths.translated(translate):
            found = self._backend.reader.check_connection(connection)
        response = ppb.CheckConnectionResponse(admitted=not found.obstacles, displaced=found.displaced)
        for target, path in ((response.path, found.path), (response.backup_path, found.backup)):
            if path is not None:
                target.CopyFrom(_found(path))
        for name, path, backup in found.legs:
            response.legs.add(name=name, path=_found(path), backup_path=None if backup is None else _found(backup))
        for violation in found.obstacles:
            field, words = translate(violation.field), (violation.reason, violation.remedy)
            response.obstacles.add(field=field, reason=words[0], remedy=words[1], word=violation.word)
        return response

    async def find(self, request: ppb.PathQuery, context: Context) -> Message:
        """The best paths between two places."""
        response = ppb.FoundPaths()
        for path in self._backend.reader.find_paths(_query(request)):
            response.paths.append(_found(path))
            await asyncio.sleep(0)  # each path is a search; others get their turn between two
        return response


def _connection(request: ppb.CheckConnectionRequest) -> Connection:
    """The connection to check, with an empty name if none is given."""
    problems = Problems()
    if not request.HasField("connection"):
        problems.add("connection", "not given", "Send the connection to check.")
        problems.settle()
    message = request.connection
    if message.name:
        found = _CODEC.to_model(message, "connection", problems)
    else:
        field = "a" if "/ports/" in message.a or not message.b else "b"
        tenant = check.name(getattr(message, field), f"connection.{field}", Kind.PORT, problems)
        problems.settle()
        assert tenant is not None
        named = pb.Connection()
        named.CopyFrom(message)
        named.name = f"tenants/{tenant.tenant}/connections/check"
        found = _CODEC.to_model(named, "connection", problems)
    problems.settle()
    assert isinstance(found, Connection)
    return found if message.name else replace(found, name="")


def _query(request: ppb.PathQuery) -> PathQuery:
    problems = Problems()
    need(request.source, "source", _PLACE, problems)
    need(request.destination, "destination", _PLACE, problems)
    if request.count > MAX_COUNT:
        problems.add("count", f"{request.count} is too many", f"Give 1 to {MAX_COUNT}.")
    for field in ("diverse_from", "affine_to", "pinned"):
        if getattr(request.constraints, field):
            remedy = "Exclude switches or links, or use CheckConnection."
            problems.add(f"constraints.{field}", "is of connections alone", remedy)
    constraints = connection_fields.read_constraints(request.constraints, "constraints.", problems)
    scope = connection_fields.word(request, "disjoint", "", "", problems)
    problems.settle()
    return PathQuery(
        request.source,
        request.destination,
        request.bandwidth_bps,
        request.reverse_bandwidth_bps,
        constraints,
        request.count or DEFAULT_COUNT,
        Protect(scope) if scope else None,
    )


def _found(path: FoundPath) -> ppb.FoundPath:
    return ppb.FoundPath(
        hops=[answers.hop(hop) for hop in path.hops],
        cost=path.cost,
        latency_us=path.latency,
        free_bps=path.free,
        reverse_free_bps=path.reverse_free,
    )
