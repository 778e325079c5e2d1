"""What the compiler was told: all facts that units are made from, each in one place.

Belongs here: holding them. Must not know: which units they concern (dirty), and what units make of them (making).
"""

from __future__ import annotations

from sdn.pipeline.facts import ConnectionFacts, EdgeFacts, PortFacts, RouterFacts
from sdn.pipeline.holders import Holders
from sdn.pipeline.membership import Membership


class Inputs:
    """Switches by datapath id, networks by number, all else by the name of the object."""

    def __init__(self) -> None:
        self.labels: dict[int, int] = {}
        """Of every switch that is known."""
        self.wiring: dict[int, dict[int, tuple[bool, bool]]] = {}
        """By switch and port number: whether it is a link, whether it is probed. Ports that are neither are missing."""
        self.ports: dict[str, PortFacts] = {}
        self.networks: dict[int, str] = {}
        self.network_numbers: dict[str, int] = {}
        self.routers: dict[str, RouterFacts] = {}
        self.connections: dict[str, ConnectionFacts] = {}
        self.edges: dict[str, EdgeFacts] = {}
        self.members = Membership()
        self.holders = Holders(lambda network: ((n, self.ports[n]) for n in self.members.ports(network)))
