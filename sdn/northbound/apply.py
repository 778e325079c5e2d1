"""Apply: a whole manifest in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import grpc
from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.command import Command, Delete, Put, Transaction, TransactionResult
from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind
from sdn.model.intent import kind_of
from sdn.northbound import calls, check, paths, plans, rpc, writes
from sdn.northbound.check import Problems
from sdn.northbound.kinds import BY_FIELD, CODECS, Codec
from sdn.northbound.rpc import Context
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb

MAX_OBJECTS = 20_000
"""Resources and deletes of one request."""
_BREATHE = 500
"""Objects converted before other work of the loop gets its turn."""


class ApplyService:
    """ApplyService of the API."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        return rpc.handler(spb.DESCRIPTOR.services_by_name["ApplyService"], {"Apply": self.apply})

    async def apply(self, request: spb.ApplyRequest, context: Context) -> Message:
        """Create or replace all resources and delete by name, all or nothing."""
        count = len(request.resources) + len(request.deletes)
        if count > MAX_OBJECTS:
            reason = f"{count} objects are more than {MAX_OBJECTS}"
            raise InvalidInput.of("resources", reason, "Split the request into several.")
        problems = Problems()
        wait = writes.read_options(request.options, problems)
        codecs, commands = await _commands(request, problems)
        problems.settle()
        if not commands:
            return spb.ApplyResponse(revision=self._backend.reader.system().revision)
        transaction = Transaction(tuple(commands), request.options.request_id, request.dry_run)
        with paths.translated(paths.of_apply(codecs, len(request.deletes))):
            result = await self._backend.submit(transaction)
        calls.committed(result.revision)
        if not request.dry_run:
            await writes.wait_for(self._backend, writes.awaited(result, len(request.resources)), wait, context)
        response = await self._answer(result, len(request.resources))
        if request.dry_run:
            plans.add(response, await self._backend.rehearse(replace(transaction, request_id="", dry_run=False)))
        return response

    async def _answer(self, result: TransactionResult, count: int) -> spb.ApplyResponse:
        response = spb.ApplyResponse(changed=result.changed, revision=result.revision)
        for index, resource in enumerate(result.resources[:count]):
            if index % _BREATHE == _BREATHE - 1:
                await asyncio.sleep(0)
            codec = CODECS[kind_of(resource)]
            message = codec.to_message(resource, writes.status_now(self._backend.reader, resource.name))
            if codec.kind is Kind.TENANT:
                writes.add_usage(message, self._backend.reader)
            if not message.status.state:  # not there: a dry run, or deleted meanwhile
                message.ClearField("status")
            response.resources.add(**{codec.singular: message})
        return response


async def _commands(request: spb.ApplyRequest, problems: Problems) -> tuple[list[Codec], list[Command]]:
    codecs: list[Codec] = []
    commands: list[Command] = []
    seen: dict[str, str] = {}
    for index, member in enumerate(request.resources):
        if index % _BREATHE == _BREATHE - 1:
            await asyncio.sleep(0)
        if problems.full:
            break
        _put(member, f"resources[{index}]", seen, codecs, commands, problems)
    commands.extend(_deletes(request.deletes, seen, problems))
    return codecs, commands


def _put(
    member: pb.Resource,
    path: str,
    seen: dict[str, str],
    codecs: list[Codec],
    commands: list[Command],
    problems: Problems,
) -> None:
    which = member.WhichOneof("kind")
    if which is None:
        problems.add(path, "empty", f"Set one of {', '.join(BY_FIELD)}.")
        return
    codec = BY_FIELD[which]
    resource = codec.to_model(getattr(member, which), f"{path}.{which}", problems)
    if resource is not None and _once(resource.name, f"{path}.{which}.name", seen, problems):
        codecs.append(codec)
        commands.append(Put(resource))


def _deletes(names: Iterable[str], seen: dict[str, str], problems: Problems) -> Iterable[Command]:
    for index, name in enumerate(names):
        if problems.full:
            return
        field = f"deletes[{index}]"
        if check.name(name, field, None, problems) is not None and _once(name, field, seen, problems):
            yield Delete(name)


def _once(name: str, field: str, seen: dict[str, str], problems: Problems) -> bool:
    before = seen.setdefault(name, field)
    if before is not field:
        problems.add(field, f"{name} is also {before}", "Say what becomes of an object only once.")
    return before is field
