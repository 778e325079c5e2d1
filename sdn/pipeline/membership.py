"""Who is where: the ports of every network by switch, and which networks a router joins."""

from __future__ import annotations

from collections.abc import Iterator, Set


class Membership:
    """Index of attached ports. Networks by number, routers and ports by name, switches by datapath id."""

    def __init__(self) -> None:
        self._ports: dict[int, dict[int, dict[str, None]]] = {}
        self._routers: dict[int, dict[str, None]] = {}
        self._networks: dict[str, set[int]] = {}

    def add(self, network: int, dpid: int, port: str) -> tuple[int, int] | None:
        """Note an attached port; answers (network, dpid) when it is the first of its network there."""
        switches = self._ports.setdefault(network, {})
        first = dpid not in switches
        switches.setdefault(dpid, {})[port] = None
        return (network, dpid) if first else None

    def remove(self, network: int, dpid: int, port: str) -> tuple[int, int] | None:
        """Forget an attached port; answers (network, dpid) when it was the last of its network there."""
        switches = self._ports[network]
        del switches[dpid][port]
        if switches[dpid]:
            return None
        del switches[dpid]
        if not switches:
            del self._ports[network]
        return network, dpid

    def set_router(self, name: str, networks: set[int]) -> None:
        """Set which networks a router joins; empty removes it."""
        for network in self._networks.pop(name, set()):
            del self._routers[network][name]
            if not self._routers[network]:
                del self._routers[network]
        if networks:
            self._networks[name] = networks
            for network in networks:
                self._routers.setdefault(network, {})[name] = None

    def switches(self, network: int) -> Set[int]:
        """Switches with members of a network."""
        return self._ports.get(network, {}).keys()

    def present(self, network: int, dpid: int) -> bool:
        """Whether a network has members on a switch."""
        return dpid in self._ports.get(network, ())

    def reaches(self, network: int, dpid: int) -> bool:
        """Whether packets are routed into a network on a switch: ``dpid in routed(network)`` without making the set."""
        for router in self._routers.get(network, ()):
            for other in self._networks[router]:
                if dpid in self._ports.get(other, ()):
                    return True
        return False

    def ports(self, network: int) -> Iterator[str]:
        """Attached ports of a network."""
        for ports in self._ports.get(network, {}).values():
            yield from ports

    def ports_on(self, network: int, dpid: int) -> Iterator[str]:
        """Attached ports of a network on one switch."""
        return iter(self._ports.get(network, {}).get(dpid, ()))

    def routers(self, network: int) -> tuple[str, ...]:
        """Routers that join a network."""
        return tuple(self._routers.get(network, ()))

    def networks(self, router: str) -> Set[int]:
        """Networks that a router joins."""
        return self._networks.get(router, set())

    def reach(self, router: str) -> set[int]:
        """Switches with members of any network of a router."""
        return {dpid for network in self.networks(router) for dpid in self.switches(network)}

    def routed(self, network: int) -> set[int]:
        """Switches from which packets are routed into a network."""
        return {dpid for router in self.routers(network) for dpid in self.reach(router)}
