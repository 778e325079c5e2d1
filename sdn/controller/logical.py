"""The logical network: networks and routers of the store as facts for the compiler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sdn.model.intent import Network, Router, StaticRoute, Subnet
from sdn.pipeline import Compiler
from sdn.pipeline.facts import InterfaceFacts, RouterFacts, StaticFacts
from sdn.store import Change, Store
from sdn.store.forms import inside


class Logical:
    """Tells the compiler about networks and routers. Subnets matter only through the router that joins them."""

    def __init__(self, store: Store, compiler: Compiler) -> None:
        self._store = store
        self._compiler = compiler
        self._networks: dict[str, int] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """These were created, updated or deleted; the store is as it is afterwards."""
        routers: dict[str, None] = {}
        for change in changes:
            resource = change.new or change.old
            if isinstance(resource, Network):
                self._set_network(resource.name, exists=change.new is not None)
                routers.update(dict.fromkeys(self._routers_of(change)))
            elif isinstance(resource, Subnet):
                router = self._store.router_of(resource.name)
                if router is not None:
                    routers[router] = None
            elif isinstance(resource, Router):
                routers[resource.name] = None
        for name in routers:
            found = self._store.objects.get(name)
            self._compiler.set_router(name, self._router_facts(found) if isinstance(found, Router) else None)

    def _routers_of(self, change: Change) -> Iterator[str]:
        """The routers to which another MTU of a network means something."""
        old, new = change
        if isinstance(old, Network) and isinstance(new, Network) and old.mtu != new.mtu:
            for subnet in self._store.subnets_of(new.name):
                router = self._store.router_of(subnet.name)
                if router is not None:
                    yield router

    def _set_network(self, name: str, *, exists: bool) -> None:
        if not exists:
            self._compiler.set_network(self._networks.pop(name), None)
        elif name not in self._networks:
            number = self._store.numbers.get("network", name)
            assert number is not None
            self._networks[name] = number
            self._compiler.set_network(number, name)

    def _router_facts(self, router: Router) -> RouterFacts:
        number = self._store.numbers.get("router", router.name)
        assert number is not None
        interfaces, subnets = [], []
        limits = self._limits(router)
        for name in router.subnets:
            subnet = self._store.objects[name]
            assert isinstance(subnet, Subnet)
            subnets.append(subnet)
            assert subnet.gateway is not None, "the store gives every subnet of a router a gateway"
            network = self._store.numbers.get("network", subnet.network)
            assert network is not None
            prefix = subnet.cidr.network_address.packed
            limit = limits[subnet.network]
            interfaces.append(InterfaceFacts(network, prefix, subnet.cidr.prefixlen, subnet.gateway.packed, limit))
        routes = tuple(self._static(route, subnets, limits) for route in router.routes)
        return RouterFacts(number, tuple(interfaces), routes)

    def _limits(self, router: Router) -> dict[str, int]:
        """By network of a router: its MTU, 0 if no other one has a larger one."""
        names = {s.network for name in router.subnets if isinstance(s := self._store.objects[name], Subnet)}
        sizes = {name: n.mtu for name in names if isinstance(n := self._store.objects[name], Network)}
        return {name: mtu if mtu < max(sizes.values()) else 0 for name, mtu in sizes.items()}

    def _static(self, route: StaticRoute, subnets: Sequence[Subnet], limits: Mapping[str, int]) -> StaticFacts:
        prefix, length, hop = route.prefix.network_address.packed, route.prefix.prefixlen, route.next_hop
        if hop is None:
            return StaticFacts(prefix, length)
        network = next(subnet.network for subnet in subnets if inside(hop, subnet.cidr))
        number = self._store.numbers.get("network", network)
        assert number is not None
        return StaticFacts(prefix, length, number, hop.packed, limits[network])
