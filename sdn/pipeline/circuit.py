"""Ends of bare circuits: whole Ethernet frames, whatever they are, travel as Ethernet over MPLS inside the label.

Where a frame comes in it is wrapped (``encap`` of ovs-actions(7), 18 bytes more) and goes on as what any sender sends;
where it goes out it is unwrapped. A VLAN tag that belongs to the end is taken off first and put on last. Two things are
as they are because of Open vSwitch 3.1 (observed): it ends with an assertion when a frame that is MPLS is wrapped, so
these are dropped; and it loses the tags of frames that are wrapped and unwrapped in one go, so between two ends at one
switch nothing is wrapped: who gets the frame is known from the beginning, and STEER and PATH look at the sender alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.model.oxm import ETH_DST, ETH_TYPE, IN_PORT, VLAN_VID, Field
from sdn.model.program import FlowBody, FlowKey
from sdn.pipeline.base import DROP
from sdn.pipeline.facts import CircuitFacts, EdgeFacts
from sdn.pipeline.layout import DESTINATION, SOURCE, Table
from sdn.pipeline.shapes import (
    DECAP,
    DECAP_ETHERNET,
    ENCAP_ETHERNET,
    ENCAP_MPLS,
    POP_VLAN,
    PUSH_VLAN,
    Body,
    Match,
    Value,
    load,
    output,
    set_field,
)

_MPLS = (0x8847, 0x8848)
_SERVICE = b"\x00\x00\x00\xff\xff\xff"
_TAGGED = 0x1000
"""OFPVID_PRESENT."""


def compile_circuit(edge: EdgeFacts, dpid: int, labels: Mapping[int, int]) -> dict[FlowKey, FlowBody]:
    """Flows on one switch where an end is. labels: transport numbers of the switches of both ends."""
    flows: dict[FlowKey, FlowBody] = {}
    assert edge.circuit is not None
    a, b = edge.circuit
    for here, there in ((a, b), (b, a)):
        if here.dpid != dpid or here.ofport is None:
            continue
        tag = [PUSH_VLAN, set_field(VLAN_VID, _TAGGED | here.vlan)] if here.vlan else []
        flows[Match(Table.OUTPUT, 100, (DESTINATION, here.service))()] = Body([*tag, output(here.ofport)])()
        untag = [POP_VLAN] if here.vlan else []
        if there.dpid == dpid:
            known = [set_field(SOURCE, here.service), set_field(DESTINATION, there.service)]
            flows[_way_in(here, 100)] = Body([*untag, *known], goto=Table.STEER)()
            continue
        label = load(ETH_DST, 0, 48, labels[there.dpid] << 24 | there.service)
        wrap = [*untag, ENCAP_MPLS, ENCAP_ETHERNET, set_field(SOURCE, here.service), label]
        flows[_way_in(here, 100)] = Body(wrap, goto=Table.STEER)()
        flows |= {_way_in(here, 110, kind): DROP for kind in _MPLS}
        arrived = Match(Table.DELIVER, 110, (ETH_DST, here.service.to_bytes(6, "big"), _SERVICE), (ETH_TYPE, _MPLS[0]))
        unwrap = Body([DECAP, DECAP_ETHERNET, set_field(DESTINATION, here.service)], goto=Table.OUTPUT)
        flows[arrived()] = unwrap()
    return flows


def _way_in(here: CircuitFacts, priority: int, kind: int | None = None) -> FlowKey:
    """Frames of an end, or those of one EtherType."""
    fields: list[tuple[Field, Value]] = [(IN_PORT, here.ofport or 0)]
    fields += [] if kind is None else [(ETH_TYPE, kind)]
    fields += [] if here.vlan is None else [(VLAN_VID, here.vlan and _TAGGED | here.vlan)]
    return Match(Table.CLASSIFY, priority, *fields)()
