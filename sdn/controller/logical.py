"""The logical network: networks and routers of the store as facts for the compiler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
            elif isinstance(resource, Subnet):
                router = self._store.router_of(resource.name)
                if router is not None:
                    routers[router] = None
            elif isinstance(resource, Router):
                routers[resource.name] = None
        for name in routers:
            found = self._store.objects.get(name)
            self._compiler.set_router(name, self._router_facts(found) if isinstance(found, Router) else None)

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
        for name in router.subnets:
            subnet = self._store.objects[name]
            assert isinstance(subnet, Subnet)
            subnets.append(subnet)
            assert subnet.gateway is not None, "the store gives every subnet of a router a gateway"
            network = self._store.numbers.get("network", subnet.network)
            assert network is not None
            prefix = subnet.cidr.network_address.packed
            interfaces.append(InterfaceFacts(network, prefix, subnet.cidr.prefixlen, subnet.gateway.packed))
        return RouterFacts(number, tuple(interfaces), tuple(self._static(route, subnets) for route in router.routes))

    def _static(self, route: StaticRoute, subnets: Sequence[Subnet]) -> StaticFacts:
        prefix, length, hop = route.prefix.network_address.packed, route.prefix.prefixlen, route.next_hop
        if hop is None:
            return StaticFacts(prefix, length)
        network = next(subnet.network for subnet in subnets if inside(hop, subnet.cidr))
        number = self._store.numbers.get("network", network)
        assert number is not None
        return StaticFacts(prefix, length, number, hop.packed)
