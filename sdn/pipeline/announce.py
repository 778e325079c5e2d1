"""What a port says of the addresses that it may use by its pairs: copied to the controller, which moves them there.

An announcement is a gratuitous ARP request, any ARP reply, or a neighbour advertisement, solicited or not; what a
question gets for an answer tells as much as what nobody asked for. Port security has seen it: address and MAC go
together and are this port's to use. It is forwarded first, as it would be without this; the copy is metered with
everything else that the port makes the controller look at. Ranges are not announced, and an address of the port's own
is its own anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn.model.oxm import (
    ARP_OP,
    ARP_SPA,
    ARP_TPA,
    ETH_TYPE,
    ICMPV6_TYPE,
    IP_PROTO,
    IP_TTL,
    ND_TARGET,
)
from sdn.model.program import FlowBody, FlowKey
from sdn.pipeline.base import ADVERTISEMENT, ARP, ICMPV6, IPV6
from sdn.pipeline.facts import PortFacts
from sdn.pipeline.layout import PUNT_ANNOUNCED, REASON, SOURCE, Table
from sdn.pipeline.shapes import ARG, Body, Match, resubmit, set_field

_REQUEST = Match(Table.SERVICES, 115, (ETH_TYPE, ARP), (ARP_OP, 1), (ARP_SPA, ARG), (ARP_TPA, ARG), (SOURCE, ARG))
_REPLY = Match(Table.SERVICES, 115, (ETH_TYPE, ARP), (ARP_OP, 2), (ARP_SPA, ARG), (SOURCE, ARG))
_ADVERTISED = Match(
    Table.SERVICES,
    115,
    (ETH_TYPE, IPV6),
    (IP_TTL, 255),
    (IP_PROTO, ICMPV6),
    (ICMPV6_TYPE, ADVERTISEMENT),
    (ND_TARGET, ARG),
    (SOURCE, ARG),
)
"""With another hop limit nobody believes it (RFC 4861, section 7.1.2)."""
_COPIED = Body([resubmit(Table.L2), set_field(REASON, PUNT_ANNOUNCED)], goto=Table.PUNT)()
"""In this order: what the meter drops has been forwarded."""


def compile_announcements(port: PortFacts) -> Iterator[tuple[FlowKey, FlowBody]]:
    """For each single address by a pair that is not the port's own."""
    for pair in port.pairs:
        if not pair.single or pair.prefix in (*port.v4, *port.v6):
            continue
        source = pair.service.to_bytes(4, "big")
        if len(pair.prefix) == 4:
            yield _REQUEST(pair.prefix, pair.prefix, source), _COPIED
            yield _REPLY(pair.prefix, source), _COPIED
        else:
            yield _ADVERTISED(pair.prefix, source), _COPIED
