"""EventService: what happened, as pages and as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import grpc
from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.errors import Gone, NotFound
from sdn.model.notice import Filter, Severity
from sdn.model.selector import Selector
from sdn.northbound import answers, check, paging, rpc
from sdn.northbound.check import Problems, shown
from sdn.northbound.rpc import Context
from sdn.v1 import events_pb2 as epb

_MAX_NAME = 300
_MAX_NUMBER = 2**63 - 1


class EventService:
    """stopping: set when watches have to end."""

    def __init__(self, backend: Backend, stopping: asyncio.Event) -> None:
        self._backend = backend
        self._stopping = stopping

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        service = epb.DESCRIPTOR.services_by_name["EventService"]
        return rpc.handler(service, {"ListEvents": self.list, "WatchEvents": self.watch})

    async def list(self, request: epb.ListEventsRequest, context: Context) -> Message:
        """One page of those that are kept, the oldest first."""
        problems = Problems()
        wanted = self._read_filter(request, problems)
        size = paging.read_size(request.page_size, problems)
        scope = f"Event {request.severity} {request.reason} {request.object} {request.filter}"
        after = paging.read_token(request.page_token, scope, problems)
        problems.settle()
        try:
            page = self._backend.reader.notices(int(after) + 1 if after else 0, wanted, size)
        except Gone as error:
            raise Gone(*(v.at("page_token") for v in error.violations)) from None
        return epb.ListEventsResponse(
            events=[answers.event(notice) for notice in page.notices],
            next_page_token=paging.make_token(scope, str(page.notices[-1].number)) if page.more else "",
            oldest=page.oldest if page.oldest <= page.newest else 0,
            newest=page.newest if page.oldest <= page.newest else 0,
            dropped=page.dropped,
        )

    async def watch(self, request: epb.WatchEventsRequest, context: Context) -> AsyncIterator[Message]:
        """Those that are kept from a number on, then each new one."""
        problems = Problems()
        wanted = self._read_filter(request, problems)
        if request.from_number > _MAX_NUMBER:
            problems.add("from_number", "is not the number of an event", "Give the last number known and one more.")
        problems.settle()
        async for notice in rpc.until(self._backend.watch_notices(request.from_number, wanted), self._stopping):
            yield answers.event(notice)

    def _read_filter(self, request: epb.ListEventsRequest | epb.WatchEventsRequest, problems: Problems) -> Filter:
        selector = check.selector(request.filter, problems)
        wanted = _read_filter(request, problems)
        return replace(wanted, chosen=partial(self._has_labels, selector)) if request.filter else wanted

    def _has_labels(self, selector: Selector, name: str) -> bool:
        """Whether there is an object of this name with such labels, now."""
        try:
            return selector.matches(self._backend.reader.get(name)[0].labels)
        except NotFound:
            return False


def _read_filter(request: epb.ListEventsRequest | epb.WatchEventsRequest, problems: Problems) -> Filter:
    for field in ("object", "reason"):
        text = getattr(request, field)
        if len(text) > _MAX_NAME:
            problems.add(field, f"{len(text)} characters are too long", f"Give at most {_MAX_NAME}.")
    severity = Severity.INFO
    if request.severity:
        words = [word.value for word in Severity]
        known = epb.Severity.DESCRIPTOR.values_by_number.get(request.severity)
        if known is None:
            problems.add("severity", f"{shown(str(request.severity))} is unknown", f"Give {', '.join(words)}.")
        else:
            severity = Severity(known.name)
    return Filter(request.object, request.reason, severity)
