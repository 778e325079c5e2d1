"""Ports of the network that learns hosts: what is not known yet goes to the controller, metered, as a whole frame.

Unknown hosts are found by broadcast, which stays within the network. Unicast to an unknown MAC is never flooded: the
controller hands it to the ports where nobody has been heard yet. A learned port goes on listening to probes, since it
may turn out to be a link.
"""

from __future__ import annotations

from sdn.model.oxm import ARP_OP, ETH_DST, ETH_TYPE, IN_PORT, IPV4_SRC, VLAN_VID
from sdn.model.program import FlowBody, FlowKey
from sdn.pipeline import fabric
from sdn.pipeline.base import ARP, IPV4, IPV6
from sdn.pipeline.layout import PUNT_LEARN, PUNT_UNKNOWN, REASON, SOURCE, Table
from sdn.pipeline.shapes import ARG, Body, Match, set_field, to_controller

_STRANGER = Match(Table.CLASSIFY, 50, (IN_PORT, ARG), (VLAN_VID, 0))
_HEARD = Body([set_field(SOURCE, ARG), set_field(REASON, PUNT_LEARN)], goto=Table.PUNT)
_NEW_ADDRESS = tuple(Match(Table.SOURCE, 60, (ETH_TYPE, kind), (SOURCE, ARG)) for kind in (ARP, IPV4, IPV6))
_LEARN = Body([set_field(REASON, PUNT_LEARN)], goto=Table.PUNT)()
_NO_ADDRESS = Match(Table.SOURCE, 100, (ETH_TYPE, IPV4), (IPV4_SRC, 0), (SOURCE, ARG))
"""A host that asks for its address (RFC 2131)."""
_ARP_QUESTION = Match(Table.SERVICES, 60, (ETH_TYPE, ARP), (ARP_OP, 1), (SOURCE, ARG))
_UNKNOWN = Match(Table.L2, 10, (ETH_DST, bytes(6), b"\x01" + bytes(5)), (SOURCE, ARG))
_ASK = Body([set_field(REASON, PUNT_UNKNOWN)], goto=Table.PUNT)()
_PUNT_LEARN, _PUNT_UNKNOWN = (
    Match(Table.PUNT, 110, (SOURCE, ARG), (REASON, reason)) for reason in (PUNT_LEARN, PUNT_UNKNOWN)
)
_WHOLE = Body([to_controller(0xFFFF)], meter=ARG)
_TO_SERVICES, _TO_L2 = Body(goto=Table.SERVICES)(), Body(goto=Table.L2)()


def compile_asking(ofport: bytes, source: bytes) -> dict[FlowKey, FlowBody]:
    """For each service number of a port with ``asks``: it may look for hosts that are not known."""
    return {
        _ARP_QUESTION(source): _TO_L2,
        _UNKNOWN(source): _ASK,
        _PUNT_UNKNOWN(source): _WHOLE(ofport),
    }


def compile_learned(ofport: bytes, source: bytes) -> dict[FlowKey, FlowBody]:
    """For a learned port, beside ``compile_asking``: what it says of itself is heard, and so are probes."""
    key, body = fabric.listen(ofport)
    flows = {
        key: body,
        _STRANGER(ofport): _HEARD(source),
        _NO_ADDRESS(source): _TO_SERVICES,
        _PUNT_LEARN(source): _WHOLE(ofport),
    }
    flows.update((match(source), _LEARN) for match in _NEW_ADDRESS)
    return flows
