"""The service of a kind: Get, List, Create, Update, Delete and Watch, the same for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.command import Command, Create, Delete, Transaction, TransactionResult
from sdn.model.ids import Kind
from sdn.northbound import calls, check, paging, paths, rpc, writes
from sdn.northbound.check import Problems
from sdn.northbound.kinds import Codec
from sdn.northbound.rpc import Context
from sdn.v1 import services_pb2 as spb


class ObjectService:
    """One kind. stopping: set when watches have to end."""

    def __init__(self, codec: Codec, backend: Backend, stopping: asyncio.Event) -> None:
        self._codec = codec
        self._backend = backend
        self._stopping = stopping

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        kind = self._codec.kind.value
        methods: dict[str, rpc.Unary | rpc.Stream] = {
            f"Get{kind}": self.get,
            f"List{kind}s": self.list,
            f"Create{kind}": self.create,
            f"Update{kind}": self.update,
            f"Delete{kind}": self.delete,
            f"Watch{kind}s": self.watch,
        }
        return rpc.handler(spb.DESCRIPTOR.services_by_name[f"{kind}Service"], methods)

    async def get(self, request: Any, context: Context) -> Message:
        """One object by name."""
        problems = Problems()
        check.name(request.name, "name", self._codec.kind, problems)
        problems.settle()
        return self._message(*self._backend.reader.get(request.name))

    async def list(self, request: Any, context: Context) -> Message:
        """One page."""
        codec, problems = self._codec, Problems()
        tenant = self._tenant(request, problems)
        size = paging.read_size(request.page_size, problems)
        selector = check.selector(request.filter, problems)
        scope = f"{codec.kind.value} {tenant}" + (f" {request.filter}" if request.filter else "")
        after = paging.read_token(request.page_token, scope, problems)
        problems.settle()
        items = self._backend.reader.list(codec.kind, tenant, selector, after)
        found, last = paging.page(items, lambda item: item[0].name, after, size)
        response = getattr(spb, f"List{codec.kind.value}sResponse")()
        getattr(response, codec.kind.collection).extend([self._message(*item) for item in found])
        response.next_page_token = paging.make_token(scope, last) if last else ""
        answer: Message = response
        return answer

    async def create(self, request: Any, context: Context) -> Message:
        """Add an object."""
        codec, problems = self._codec, Problems()
        wait = writes.read_options(request.options, problems)
        message = writes.given(request, codec, problems)
        problems.settle()
        resource = codec.to_model(message, codec.singular, problems)
        problems.settle()
        assert resource is not None
        with paths.translated(paths.of_object(codec, codec.singular)):
            result = await self._submit(Create(resource), request)
        return await self._answer(result, wait, context)

    async def update(self, request: Any, context: Context) -> Message:
        """Replace fields of an object."""
        codec, problems = self._codec, Problems()
        wait = writes.read_options(request.options, problems)
        command = writes.read_update(request, codec, self._backend.reader, problems)
        with paths.translated(paths.of_object(codec, codec.singular)):
            result = await self._submit(command, request)
        return await self._answer(result, wait, context)

    async def delete(self, request: Any, context: Context) -> Message:
        """Remove an object."""
        problems = Problems()
        wait = writes.read_options(request.options, problems)
        check.name(request.name, "name", self._codec.kind, problems)
        revision = writes.read_etag(request.etag, "etag", problems)
        problems.settle()
        with paths.translated(paths.of_delete):
            result = await self._submit(Delete(request.name, revision), request)
        await writes.wait_for(self._backend, writes.awaited(result, 0), wait, context)
        return empty_pb2.Empty()

    async def watch(self, request: Any, context: Context) -> AsyncIterator[Message]:
        """Every existing object, or what came after a revision, then each change."""
        codec, problems = self._codec, Problems()
        tenant = self._tenant(request, problems)
        selector = check.selector(request.filter, problems)
        problems.settle()
        change = getattr(spb, f"{codec.kind.value}Change")
        changes = self._backend.watch(codec.kind, tenant, selector, request.from_revision)
        async for watched in rpc.until(changes, self._stopping):
            message = change(type=spb.ChangeType.Value(watched.type.value), revision=watched.revision)
            if watched.resource is not None:
                getattr(message, codec.singular).CopyFrom(self._message(watched.resource, watched.status))
            yield message

    def _tenant(self, request: Any, problems: Problems) -> str:
        """The tenant's id to which a request is restricted; '' for all."""
        return "" if self._codec.kind is Kind.TENANT else check.tenant_of_parent(request.parent, problems)

    def _message(self, resource: Any, status: Any) -> Message:
        message: Message = self._codec.to_message(resource, status)
        if self._codec.kind is Kind.TENANT:
            writes.add_usage(message, self._backend.reader)
        return message

    async def _submit(self, command: Command, request: Any) -> TransactionResult:
        result = await self._backend.submit(Transaction((command,), request.options.request_id))
        calls.committed(result.revision)
        return result

    async def _answer(self, result: TransactionResult, wait: float, context: Context) -> Message:
        """The object as this write left it, with its status as it is now."""
        resource = result.resources[0]
        await writes.wait_for(self._backend, (resource.name,), wait, context)
        return self._message(resource, writes.status_now(self._backend.reader, resource.name))
