"""CounterService: what switches count, by page and as a stream of rounds.

Rules: a round is read while it is sent, piece by piece, so that a slow reader costs its own pieces and holds nothing.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import Message

from sdn.model.counters import Counted, LinkCounters
from sdn.model.errors import Disabled, Exhausted, Limit, NotFound, Unavailable
from sdn.model.ids import Kind, thing_of
from sdn.model.selector import EVERYTHING, Selector
from sdn.northbound import calls, check, paging, rpc
from sdn.northbound.answers import timestamp
from sdn.northbound.check import Problems
from sdn.northbound.places import Places, Shares
from sdn.northbound.rpc import Context
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import topology_pb2 as tpb

MAX_WATCHES = 64
SHARES = Shares(caller=8, tenant=8, tenants=48)
"""Of these; administrators have no share."""
PIECE = 500
"""Objects and links in one message of a round."""
MIN_INTERVAL, MAX_INTERVAL = 1.0, 3600.0
"""Seconds between rounds."""
_MAX_NAME = 300
_KINDS = {cpb.PORTS: Kind.PORT, cpb.NETWORKS: Kind.NETWORK, cpb.CONNECTIONS: Kind.CONNECTION}
_ALL = (*_KINDS, cpb.LINKS)
_CHOOSE = "Give PORTS, NETWORKS, CONNECTIONS or LINKS."


class Counters(Protocol):
    """Who knows what was counted. interval: seconds between observations."""

    interval: float

    def names(self, kind: Kind, tenant: str, selector: Selector) -> Sequence[str]:
        """Full names of the objects of a kind that are selected, sorted; ``tenant``: id, '' for all."""
        ...

    def read(self, name: str) -> Counted | None:
        """Of a port, network or connection; None when there is no such object (any more)."""
        ...

    def links(self, switch: str) -> Sequence[LinkCounters]:
        """Of all links, or those of a switch (name or datapath id), ordered by names. Raises NotFound."""
        ...


class CounterService:
    """counters: None when they are not read. stopping: set when watches have to end."""

    def __init__(self, counters: Counters | None, stopping: asyncio.Event) -> None:
        self._counters = counters
        self._stopping = stopping
        self._watches = 0
        self._places = Places("watches of counters", "End one of them; one watch tells several kinds and many objects.")

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        service = cpb.DESCRIPTOR.services_by_name["CounterService"]
        methods: dict[str, rpc.Unary | rpc.Stream] = {
            "GetCounters": self.get,
            "ListCounters": self.list,
            "WatchCounters": self.watch,
        }
        return rpc.handler(service, methods)

    def _known(self) -> Counters:
        if self._counters is None:
            raise Disabled.of("", "the daemon does not read counters", "Start it with another counter_interval than 0.")
        return self._counters

    async def get(self, request: cpb.GetCountersRequest, context: Context) -> Message:
        """Of one port, network or connection."""
        counters, problems = self._known(), Problems()
        ref = check.name(request.name, "name", None, problems)
        if ref is not None and ref.kind not in _KINDS.values():
            problems.add("name", f"a {ref.kind.value.lower()} has no counters", "Name a port, network or connection.")
        problems.settle()
        counted = counters.read(request.name)
        if counted is None:
            raise NotFound.of(
                "name", f"{request.name} does not exist", "List the objects of this kind.", thing_of(request.name)
            )
        return _object(request.name, counted)

    async def list(self, request: cpb.ListCountersRequest, context: Context) -> Message:
        """One page of a kind."""
        counters, problems = self._known(), Problems()
        if request.kind not in _ALL:
            problems.add("kind", "not given" if not request.kind else f"{request.kind} is unknown", _CHOOSE)
        links = request.kind == cpb.LINKS
        tenant = "" if links or not request.kind else check.tenant_of_parent(request.parent, problems)
        if links and request.parent:
            problems.add("parent", "links belong to no tenant", "Leave it out.")
        if links and request.filter:
            problems.add("filter", "links have no labels", "Leave it out.")
        selector = EVERYTHING if links else check.selector(request.filter, problems)
        if not links and request.switch:
            problems.add("switch", "is for links alone", "Leave it out.")
        _check_switch(request.switch, problems)
        size = paging.read_size(request.page_size, problems)
        scope = f"Counters {request.kind} {request.switch or request.parent} {request.filter}"
        after = paging.read_token(request.page_token, scope, problems)
        problems.settle()
        response = cpb.ListCountersResponse()
        if links:
            found, last = paging.page(counters.links(request.switch), _link_key, after, size)
            response.links.extend(map(_link, found))
        else:
            names = counters.names(_KINDS[request.kind], tenant, selector)
            begin = bisect_right(names, after)
            page = names[begin : begin + size]
            last = page[-1] if begin + size < len(names) else ""
            response.objects.extend(_objects(counters, page))
        response.next_page_token = paging.make_token(scope, last) if last else ""
        return response

    async def watch(self, request: cpb.WatchCountersRequest, context: Context) -> AsyncIterator[Message]:
        """Round after round, without end."""
        counters, problems = self._known(), Problems()
        # Links are nobody's: who asks for one tenant, because it may see no more, does not get them.
        one = request.parent not in ("", "tenants/-")
        kinds = tuple(dict.fromkeys(request.kinds)) or (tuple(_KINDS) if one else _ALL)
        for index, kind in enumerate(kinds):
            if kind not in _ALL:
                problems.add(f"kinds[{index}]", f"{kind} is unknown", _CHOOSE)
            elif one and kind not in _KINDS:
                problems.add(f"kinds[{index}]", "links belong to no tenant", "Leave LINKS out, or ask for tenants/-.")
        tenant = ""
        if any(kind in _KINDS for kind in kinds):
            tenant = check.tenant_of_parent(request.parent, problems)
        selector = check.selector(request.filter, problems)
        _check_switch(request.switch, problems)
        interval = _interval(request, counters.interval, problems)
        problems.settle()
        with self._place():
            due = asyncio.get_running_loop().time()
            while True:
                for part in self._round(counters, kinds, (tenant, selector), request.switch):
                    yield part
                due = max(due + interval, asyncio.get_running_loop().time())
                await self._pause(due - asyncio.get_running_loop().time())

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._watches >= MAX_WATCHES:
            raise Exhausted.of(
                "",
                f"{MAX_WATCHES} watches of counters are open",
                "End one of them, or scrape the metrics instead.",
                Limit("", "watches of counters", MAX_WATCHES, MAX_WATCHES),
            )
        with self._places.held(calls.identity(), SHARES):
            self._watches += 1
            try:
                yield
            finally:
                self._watches -= 1

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")

    @staticmethod
    def _round(
        counters: Counters, kinds: Iterable[cpb.CounterKind.ValueType], chosen: tuple[str, Selector], switch: str
    ) -> Iterator[cpb.CountersPart]:
        """Each piece is what is known when it is taken."""
        for kind in kinds:
            if kind in _KINDS:
                names = counters.names(_KINDS[kind], *chosen)
                for at in range(0, len(names), PIECE):
                    yield cpb.CountersPart(objects=_objects(counters, names[at : at + PIECE]))
            else:
                links = counters.links(switch)
                for at in range(0, len(links), PIECE):
                    yield cpb.CountersPart(links=map(_link, links[at : at + PIECE]))
        yield cpb.CountersPart(last=True)


def _check_switch(switch: str, problems: Problems) -> None:
    if len(switch) > _MAX_NAME:
        problems.add("switch", f"{len(switch)} characters are too long for a name", "Give a name or a datapath id.")


def _interval(request: cpb.WatchCountersRequest, default: float, problems: Problems) -> float:
    """Seconds between rounds."""
    if not request.HasField("interval"):
        return max(default, MIN_INTERVAL)
    wanted: duration_pb2.Duration = request.interval
    seconds = wanted.seconds + wanted.nanos / 1e9
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        problems.add("interval", f"{seconds:g} s does not do", f"Give {MIN_INTERVAL:g} s to {MAX_INTERVAL:g} s.")
    return seconds


def _objects(counters: Counters, names: Sequence[str]) -> Iterator[cpb.ObjectCounters]:
    for name in names:
        counted = counters.read(name)
        if counted is not None:
            yield _object(name, counted)


def _object(name: str, counted: Counted) -> cpb.ObjectCounters:
    return cpb.ObjectCounters(name=name, counted=_counted(counted))


def _counted(value: Counted) -> cpb.Counted:
    rates = value.rates
    return cpb.Counted(
        total=cpb.Counts(**value.counts._asdict()),
        rate=cpb.Rates(
            rx_packets_per_s=rates.rx_packets,
            tx_packets_per_s=rates.tx_packets,
            rx_bps=rates.rx_bits,
            tx_bps=rates.tx_bits,
        ),
        time=timestamp(value.wall) if value.wall else None,
    )


def _link(link: LinkCounters) -> cpb.LinkCounters:
    return cpb.LinkCounters(
        a=tpb.LinkEnd(switch=link.a[0], interface=link.a[1]),
        b=tpb.LinkEnd(switch=link.b[0], interface=link.b[1]),
        up=link.up,
        capacity_bps=link.capacity,
        at_a=_counted(link.a_side),
        at_b=_counted(link.b_side),
        load_ab=link.load(link.a_side),
        load_ba=link.load(link.b_side),
    )


def _link_key(link: LinkCounters) -> str:
    return "\n".join((*link.a, *link.b))
