"""EventService and AuditSwitch over a real socket."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from fake_backend import NOW, FakeBackend

from sdn.client import ApiError, AsyncClient
from sdn.model.notice import Severity
from sdn.v1 import events_pb2 as epb
from sdn.v1 import events_pb2_grpc as erpc

WARNING, ERROR = epb.Severity.WARNING, epb.Severity.ERROR


def tell(backend: FakeBackend, count: int) -> None:
    for n in range(count):
        severity = list(Severity)[n % 3]
        backend.tell(severity, ("A", "B")[n % 2], f"leaf{n % 4}", n=n)


async def pages(channel: grpc.aio.Channel, **fields: object) -> list[list[int]]:
    found: list[list[int]] = []
    request = epb.ListEventsRequest(**fields)  # type: ignore[arg-type]
    while True:
        page = await erpc.EventServiceStub(channel).ListEvents(request)
        found.append([event.number for event in page.events])
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def test_an_event_has_all_its_fields(backend: FakeBackend, client: AsyncClient) -> None:
    backend.tell(Severity.WARNING, "AlienEntries", "leaf1", flows=2)
    (event,) = await client.events()
    assert (event.number, event.severity, event.reason, event.object) == (1, WARNING, "AlienEntries", "leaf1")
    assert event.message == "AlienEntries of leaf1"
    assert dict(event.details) == {"flows": "2"}
    assert event.time.ToMicroseconds() == NOW * 1e6


async def test_pages_and_filters(backend: FakeBackend, channel: grpc.aio.Channel) -> None:
    empty = await erpc.EventServiceStub(channel).ListEvents(epb.ListEventsRequest())
    assert (list(empty.events), empty.oldest, empty.newest, empty.dropped) == ([], 0, 0, 0)
    tell(backend, 10)
    assert await pages(channel, page_size=4) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert await pages(channel, object="leaf1") == [[2, 6, 10]]
    assert await pages(channel, reason="B", page_size=2) == [[2, 4], [6, 8], [10]]
    assert await pages(channel, severity=WARNING, object="leaf1") == [[2, 6]]
    assert await pages(channel, severity=ERROR) == [[3, 6, 9]]


async def test_events_about_objects_with_labels(
    backend: FakeBackend, channel: grpc.aio.Channel, client: AsyncClient
) -> None:
    """The labels are those of now: who gets one is found, also for what happened before."""
    h1, h2 = (f"tenants/red/ports/{name}" for name in ("h1", "h2"))
    for name in (h1, "leaf1", h2, h1, "tenants/red/ports/gone", ""):
        backend.tell(Severity.INFO, "A", name)
    port = await client.ports.get(h1)
    port.metadata.labels["env"] = "prod"
    await client.ports.update(port)
    assert await pages(channel, filter="env=prod", page_size=1) == [[1], [4]]
    assert await pages(channel, filter="!env", object=h2) == [[3]]
    assert [event.number for event in await client.events(selector="env in (prod, lab)", reason="A")] == [1, 4]
    watch = client.watch_events(selector="env=prod")
    assert [(await anext(watch)).number for _ in range(2)] == [1, 4]
    backend.tell(Severity.INFO, "B", h2)
    backend.tell(Severity.INFO, "B", h1)
    assert (await anext(watch)).number == 8
    await watch.aclose()
    with pytest.raises(ApiError) as caught:
        await client.events(selector="=")
    assert caught.value.violations[0].field == "filter"


async def test_what_was_dropped_is_counted_and_told(backend: FakeBackend, channel: grpc.aio.Channel) -> None:
    stub = erpc.EventServiceStub(channel)
    tell(backend, 3)
    first = await stub.ListEvents(epb.ListEventsRequest(page_size=1))
    tell(backend, 52)
    page = await stub.ListEvents(epb.ListEventsRequest(page_size=1))
    assert (page.oldest, page.newest, page.dropped) == (6, 55, 5)
    with pytest.raises(grpc.aio.AioRpcError, match="the oldest is 6") as caught:
        await stub.ListEvents(epb.ListEventsRequest(page_size=1, page_token=first.next_page_token))
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert (caught.value.details() or "").startswith("page_token: ")


async def test_a_watch_has_what_is_kept_and_what_comes(backend: FakeBackend, client: AsyncClient) -> None:
    tell(backend, 130 - 100)
    stream = client.watch_events(severity="WARNING")
    numbers = [(await anext(stream)).number for _ in range(20)]
    assert numbers == [n for n in range(1, 31) if (n - 1) % 3]
    coming = asyncio.ensure_future(anext(stream))
    backend.tell(Severity.INFO, "A", "leaf1")
    backend.tell(Severity.ERROR, "A", "leaf1")
    assert (await asyncio.wait_for(coming, 20)).number == 32
    await stream.aclose()  # type: ignore[attr-defined]
    resumed = client.watch_events(from_number=31)
    assert [(await anext(resumed)).number for _ in range(2)] == [31, 32]


@pytest.mark.parametrize(("number", "text"), [(3, "the oldest is 11"), (62, "the next one is 61")])
async def test_a_watch_from_what_is_not_kept_is_refused(
    backend: FakeBackend, client: AsyncClient, number: int, text: str
) -> None:
    tell(backend, 60)
    with pytest.raises(ApiError, match=text) as caught:
        await anext(client.watch_events(from_number=number))
    assert caught.value.code is grpc.StatusCode.OUT_OF_RANGE
    assert caught.value.violations[0].field == "from_number"
    assert caught.value.reason == "Gone"


async def test_a_slow_watcher_is_told_what_it_missed(backend: FakeBackend) -> None:
    """Without a socket, whose buffers would take the events."""
    from sdn.model.errors import Gone
    from sdn.model.notice import Filter

    tell(backend, 1)
    stream = backend.watch_notices(0, Filter())
    assert (await anext(stream)).number == 1
    tell(backend, 60)
    with pytest.raises(Gone, match="event 2 is not kept"):
        await anext(stream)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (epb.WatchEventsRequest(object="x" * 301), "object"),
        (epb.WatchEventsRequest(reason="x" * 301), "reason"),
        (epb.WatchEventsRequest(severity=9), "severity"),  # type: ignore[arg-type]
        (epb.WatchEventsRequest(from_number=2**63), "from_number"),
    ],
)
async def test_wrong_watches(channel: grpc.aio.Channel, request_: epb.WatchEventsRequest, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in erpc.EventServiceStub(channel).WatchEvents(request_):
            pass
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith(f"{field}: ")


async def test_a_token_of_another_list_is_refused(backend: FakeBackend, channel: grpc.aio.Channel) -> None:
    tell(backend, 3)
    stub = erpc.EventServiceStub(channel)
    token = (await stub.ListEvents(epb.ListEventsRequest(page_size=1))).next_page_token
    with pytest.raises(grpc.aio.AioRpcError, match="not a token of this list"):
        await stub.ListEvents(epb.ListEventsRequest(page_size=1, page_token=token, reason="A"))


async def test_an_audit_tells_what_was_found(client: AsyncClient) -> None:
    report = await client.audit("leaf1")
    assert (report.switch, report.checked, report.missing, report.changed, report.extra) == ("leaf1", 1200, 1, 0, 1)
    assert (report.alien_flows, report.alien_groups) == (2, 1)
    found = [(f.kind, f.entry, f.table, f.priority, f.match, f.owner) for f in report.findings]
    assert found == [
        ("missing", "flow", "classify", 100, "in_port=1", "tenants/red/ports/h1"),
        ("extra", "group", "", 0, "group_id=536870919", ""),
    ]
    with pytest.raises(ApiError, match="leaf9 is not connected") as caught:
        await client.audit("leaf9")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(ApiError, match="switch: not given"):
        await client.audit("")
