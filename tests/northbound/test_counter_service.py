"""CounterService over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import grpc
import grpc.aio
import pytest
from fake_backend import NOW, FakeBackend

from sdn.client import ApiError, AsyncClient, CounterRound
from sdn.model.counters import NO_RATES, Counted, Counts, LinkCounters, Rates
from sdn.model.errors import NotFound
from sdn.model.ids import Kind
from sdn.model.selector import Selector
from sdn.northbound import Server, counters
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import counters_pb2_grpc as crpc

H1, H2, WEB = "tenants/red/ports/h1", "tenants/red/ports/h2", "tenants/red/networks/web"
GOLD = "tenants/red/connections/gold"
TIMEOUT = 20


class FakeCounters:
    """names: by kind; ``counted`` of all others is nothing."""

    def __init__(self) -> None:
        self.interval = 7.0
        self.sorted_names: dict[Kind, list[str]] = {
            Kind.PORT: [H1, H2],
            Kind.NETWORK: [WEB],
            Kind.CONNECTION: [GOLD],
        }
        full = Counted(Counts(1, 2, 3, 4, 5, 6, 7, 2**64 - 1), Rates(0.5, 1.5, 8.0, 16.0), NOW)
        self.counted = {H1: full, H2: Counted(), WEB: full, GOLD: full}
        side = Counted(Counts(tx_bytes=9), NO_RATES._replace(tx_bits=2.5e9), NOW)
        ends = [("leaf1", "up1"), ("leaf1", "up2"), ("leaf2", "up1")]
        self.known = [
            LinkCounters(end, ("spine1", f"d{n}"), True, 10**10, side, Counted()) for n, end in enumerate(ends)
        ]

    def names(self, kind: Kind, tenant: str, selector: Selector) -> Sequence[str]:
        """Every object has its id as a label."""
        return [
            name
            for name in self.sorted_names[kind]
            if not tenant or name.startswith(f"tenants/{tenant}/")
            if selector.matches((("id", name.rsplit("/", 1)[1]),))
        ]

    def read(self, name: str) -> Counted | None:
        return self.counted.get(name)

    def links(self, switch: str) -> Sequence[LinkCounters]:
        if switch == "leaf9":
            raise NotFound.of("switch", "there is no switch 'leaf9'", "List the topology.")
        return [link for link in self.known if switch in ("", link.a[0], link.b[0])]


@pytest.fixture
def fake() -> FakeCounters:
    return FakeCounters()


@pytest.fixture
async def served(backend: FakeBackend, fake: FakeCounters) -> AsyncIterator[Server]:
    server = Server(backend, "127.0.0.1:0", counters=fake)
    server.port = await server.start()  # type: ignore[attr-defined]
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(served: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel:  # type: ignore[attr-defined]
        yield channel


@pytest.fixture
async def client(served: Server) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"127.0.0.1:{served.port}", timeout=TIMEOUT) as client:  # type: ignore[attr-defined]
        yield client


async def test_all_fields_of_an_object(client: AsyncClient) -> None:
    found = await client.counters.get(H1)
    expected = {
        "rx_packets": 1,
        "tx_packets": 2,
        "rx_bytes": 3,
        "tx_bytes": 4,
        "rx_dropped": 5,
        "tx_dropped": 6,
        "rx_errors": 7,
        "tx_errors": 2**64 - 1,
    }
    total, rate = found.counted.total, found.counted.rate
    assert {name: getattr(total, name) for name in expected} == expected
    assert (rate.rx_packets_per_s, rate.tx_packets_per_s, rate.rx_bps, rate.tx_bps) == (0.5, 1.5, 8.0, 16.0)
    assert found.counted.time.ToMicroseconds() == NOW * 1e6
    assert not (await client.counters.get(H2)).counted.HasField("time")


async def test_lists_of_each_kind(client: AsyncClient) -> None:
    assert [item.name for item in await client.counters.ports()] == [H1, H2]
    assert [item.name for item in await client.counters.networks("tenants/red")] == [WEB]
    assert await client.counters.ports("tenants/blue") == []
    assert [item.name for item in await client.counters.ports(selector="id=h2")] == [H2]
    chosen = await anext(client.counters.watch(("PORTS", "NETWORKS"), selector="id in (web, h1)"))
    assert [item.name for item in chosen.objects] == [H1, WEB]
    (_, _, link) = await client.counters.links()
    assert (link.a.switch, link.a.interface, link.b.switch, link.b.interface) == ("leaf2", "up1", "spine1", "d2")
    assert (link.up, link.capacity_bps, link.load_ab, link.load_ba) == (True, 10**10, 0.25, 0.0)
    assert (link.at_a.total.tx_bytes, link.at_b.HasField("time")) == (9, False)
    assert len(await client.counters.links("leaf1")) == 2


@pytest.mark.parametrize(("kind", "count"), [("PORTS", 2), ("LINKS", 3)])
async def test_pages(channel: grpc.aio.Channel, kind: str, count: int) -> None:
    stub = crpc.CounterServiceStub(channel)
    parent = "tenants/-" if kind == "PORTS" else ""
    request = cpb.ListCountersRequest(kind=kind, parent=parent, page_size=1)  # type: ignore[arg-type]
    seen = []
    while True:
        page = await stub.ListCounters(request)
        seen += [item.name for item in page.objects] + [link.a.switch + link.a.interface for link in page.links]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert len(seen) == count
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("method", "request_", "field", "says"),
    [
        ("GetCounters", cpb.GetCountersRequest(), "name", "not given"),
        ("GetCounters", cpb.GetCountersRequest(name="tenants/red"), "name", "Name a port, network or connection"),
        ("GetCounters", cpb.GetCountersRequest(name="tenants/red/ports/x"), "name", "does not exist"),
        ("ListCounters", cpb.ListCountersRequest(), "kind", "Give PORTS, NETWORKS, CONNECTIONS or LINKS"),
        ("ListCounters", cpb.ListCountersRequest(kind=9, parent="tenants/-"), "kind", "9 is unknown"),  # type: ignore[arg-type]
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.PORTS), "parent", "Write tenants/T"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, parent="tenants/-"), "parent", "Leave it out"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, switch="leaf9"), "switch", "no switch"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, switch="s" * 301), "switch", "301 characters"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, filter="a=b"), "filter", "no labels"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.PORTS, parent="tenants/-", filter="=b"), "filter", "key"),
        ("WatchCounters", cpb.WatchCountersRequest(parent="tenants/-", filter="a in b"), "filter", "expected"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, page_size=-1), "page_size", "negative"),
        ("ListCounters", cpb.ListCountersRequest(kind=cpb.LINKS, page_token="x"), "page_token", "not a token"),
        (
            "ListCounters",
            cpb.ListCountersRequest(kind=cpb.PORTS, parent="tenants/-", switch="leaf1"),
            "switch",
            "links alone",
        ),
        ("WatchCounters", cpb.WatchCountersRequest(kinds=[cpb.LINKS, 7]), "kinds[1]", "7 is unknown"),  # type: ignore[list-item]
        ("WatchCounters", cpb.WatchCountersRequest(), "parent", "Write tenants/T"),
        ("WatchCounters", cpb.WatchCountersRequest(kinds=[2, 3], parent="tenants/red"), "kinds[1]", "no tenant"),  # type: ignore[list-item]
        ("WatchCounters", cpb.WatchCountersRequest(kinds=[cpb.LINKS], switch="leaf9"), "switch", "no switch"),
        (
            "WatchCounters",
            cpb.WatchCountersRequest(kinds=[cpb.LINKS], interval={"nanos": 999_999_999}),  # type: ignore[arg-type]
            "interval",
            "Give 1 s to 3600 s",
        ),
    ],
)
async def test_what_is_wrong_is_told(
    channel: grpc.aio.Channel, method: str, request_: cpb.GetCountersRequest, field: str, says: str
) -> None:
    call = channel.unary_stream(f"/sdn.v1.CounterService/{method}")(request_.SerializeToString(), timeout=TIMEOUT)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    error = ApiError.of(caught.value)
    assert [violation.field for violation in error.violations] == [field]
    assert says in error.violations[0].description


async def test_rounds_come_at_once_and_again(
    client: AsyncClient, fake: FakeCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MIN_INTERVAL", 0.01)
    rounds = client.counters.watch(interval=0.01)
    first = await anext(rounds)
    assert ([item.name for item in first.objects], len(first.links)) == ([H1, H2, WEB, GOLD], 3)
    of_one = await anext(client.counters.watch(parent="tenants/red", interval=0.01))
    assert ([item.name for item in of_one.objects], of_one.links) == ([H1, H2, WEB, GOLD], [])
    fake.counted[H1] = Counted(Counts(100), NO_RATES, NOW)
    del fake.counted[H2]  # as an object that is deleted while a round is read
    async with asyncio.timeout(TIMEOUT):
        async for found in rounds:
            if [item.name for item in found.objects] == [H1, WEB, GOLD]:
                assert found.objects[0].counted.total.rx_packets == 100
                break
    await rounds.aclose()


async def test_connections_are_counted_as_objects(client: AsyncClient) -> None:
    assert [item.name for item in await client.counters.connections("tenants/red")] == [GOLD]
    assert (await client.counters.get(GOLD)).counted.total.rx_packets == 1
    assert await client.counters.connections("tenants/blue") == []


async def test_a_round_comes_in_pieces(channel: grpc.aio.Channel, fake: FakeCounters) -> None:
    names = [f"tenants/red/ports/p{n:04}" for n in range(1201)]
    fake.sorted_names[Kind.PORT] = names
    fake.counted |= dict.fromkeys(names, Counted())
    request = cpb.WatchCountersRequest(kinds=[cpb.PORTS, cpb.PORTS], parent="tenants/-")
    parts: list[cpb.CountersPart] = []
    async for part in crpc.CounterServiceStub(channel).WatchCounters(request, timeout=TIMEOUT):
        parts.append(part)
        if part.last:
            break
    assert [(len(part.objects), part.last) for part in parts] == [(500, False), (500, False), (201, False), (0, True)]


async def opened(client: AsyncClient) -> AsyncGenerator[CounterRound, None] | None:
    """One more watch, None if there is no place."""
    rounds = client.counters.watch(("LINKS",))
    try:
        await anext(rounds)
    except ApiError:
        return None
    return rounds


async def test_watches_are_bounded_and_their_places_come_free(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MAX_WATCHES", 2)
    open_ = [client.counters.watch(("LINKS",)) for _ in range(2)]
    for rounds in open_:
        await anext(rounds)
    with pytest.raises(ApiError, match="2 watches of counters are open") as caught:
        await anext(client.counters.watch(("LINKS",)))
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    await open_[0].aclose()
    async with asyncio.timeout(TIMEOUT):
        while (again := await opened(client)) is None:  # the server hears of the end a little later
            pass
    for rounds in (open_[1], again):
        await rounds.aclose()


async def test_a_watch_ends_when_the_server_stops(served: Server, client: AsyncClient) -> None:
    rounds = client.counters.watch()
    await anext(rounds)
    stopping = asyncio.create_task(served.stop(TIMEOUT))
    with pytest.raises(ApiError, match="stopping"):
        await anext(rounds)
    async with asyncio.timeout(TIMEOUT):
        await stopping


async def test_without_counters_all_calls_say_so(backend: FakeBackend) -> None:
    server = Server(backend, "127.0.0.1:0")
    address = f"127.0.0.1:{await server.start()}"
    async with AsyncClient(address, timeout=TIMEOUT) as client:
        for call in (client.counters.get(H1), client.counters.links(), anext(client.counters.watch())):
            with pytest.raises(ApiError, match="counter_interval") as caught:
                await call
            assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    await server.stop(0)
