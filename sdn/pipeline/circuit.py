"""Ends of bare circuits: whole Ethernet frames, whatever they are, travel as Ethernet over MPLS inside the label.

Where a frame comes in it is wrapped (``encap`` of ovs-actions(7), 18 bytes more) and goes on as what any sender sends;
where it goes out it is unwrapped. A VLAN tag that belongs to the end is taken off first and put on last. Two things are
as they are because of Open vSwitch 3.1 (observed): it ends with an assertion when a frame that is MPLS is wrapped, so
these are dropped; and it loses the tags of frames that are wrapped and unwrapped in one go, so between two ends at one
switch nothing is wrapped: who gets the frame is known from the beginning, and STEER and PATH look at the sender alone.

A circuit of many ends is a root with legs. A leg is as a circuit of two ends, but that it takes nothing in at the root:
there the root's own entries copy each frame to all legs.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.model.oxm import ETH_DST, ETH_TYPE, IN_PORT, VLAN_VID, Field
from sdn.model.program import Entries, FlowBody, FlowKey, Group
from sdn.pipeline.base import DROP
from sdn.pipeline.facts import CircuitFacts, EdgeFacts, RootFacts
from sdn.pipeline.layout import DESTINATION, GROUP_FAR, GROUP_NEAR, PROBE, PROBE_FREE, SOURCE, WANTED, Table
from sdn.pipeline.probes import UNCOUNTED
from sdn.pipeline.shapes import (
    DECAP,
    DECAP_ETHERNET,
    ENCAP_ETHERNET,
    ENCAP_MPLS,
    POP_VLAN,
    PUSH_VLAN,
    Action,
    Body,
    Bucket,
    Match,
    Value,
    group,
    load,
    output,
    resubmit,
    set_field,
)
from sdn.pipeline.steer import counting

_ALL = 0
_MPLS = (0x8847, 0x8848)
_SERVICE = b"\x00\x00\x00\xff\xff\xff"
_TAGGED = 0x1000
"""OFPVID_PRESENT."""


def compile_circuit(edge: EdgeFacts, dpid: int, labels: Mapping[int, int]) -> dict[FlowKey, FlowBody]:
    """Flows on one switch where an end is. labels: transport numbers of the switches of both ends.

    Of a leg, all but what takes frames in at the root: ``compile_root``.
    """
    flows: dict[FlowKey, FlowBody] = {}
    assert edge.circuit is not None
    a, b = edge.circuit
    for index, (here, there) in enumerate(((a, b), (b, a))):
        if here.dpid != dpid or here.ofport is None:
            continue
        flows |= _leaving(here, wrapped=there.dpid != dpid)
        flows |= _probed_alone(here, there) if index == edge.rooted else _entering(here, there, labels)
    return flows


def _leaving(here: CircuitFacts, *, wrapped: bool) -> dict[FlowKey, FlowBody]:
    """What goes out at an end. wrapped: it comes from another switch."""
    tag = [PUSH_VLAN, set_field(VLAN_VID, _TAGGED | here.vlan)] if here.vlan else []
    flows = {Match(Table.OUTPUT, 100, (DESTINATION, here.service))(): Body([*tag, output(here.ofport or 0)])()}
    if wrapped:
        arrived = Match(Table.DELIVER, 110, (ETH_DST, here.service.to_bytes(6, "big"), _SERVICE), (ETH_TYPE, _MPLS[0]))
        unwrap = Body([DECAP, DECAP_ETHERNET, set_field(DESTINATION, here.service)], goto=Table.OUTPUT)
        flows[arrived()] = unwrap()
    return flows


def _entering(here: CircuitFacts, there: CircuitFacts, labels: Mapping[int, int]) -> dict[FlowKey, FlowBody]:
    """What comes in at an end, for one other end."""
    if there.dpid == here.dpid:
        known = [set_field(SOURCE, here.service), set_field(DESTINATION, there.service)]
        return {_way_in(here, 100): Body([*_untagged(here), *known], goto=Table.STEER)()}
    label = load(ETH_DST, 0, 48, labels[there.dpid] << 24 | there.service)
    wrap = [*_untagged(here), ENCAP_MPLS, ENCAP_ETHERNET, set_field(SOURCE, here.service), label]
    flows = {_way_in(here, 100): Body(wrap, goto=Table.STEER)()}
    return flows | {_way_in(here, 110, kind): DROP for kind in _MPLS}


def _probed_alone(root: CircuitFacts, leaf: CircuitFacts) -> dict[FlowKey, FlowBody]:
    """Of a probe that comes in at the root STEER lets the copy for one leaf go on: each leg has probes of its own."""
    sender, free = (SOURCE, root.service), (PROBE, PROBE_FREE, PROBE_FREE)
    return {
        Match(Table.STEER, UNCOUNTED + 2, sender, (WANTED, leaf.service), free)(): Body(goto=Table.PATH)(),
        Match(Table.STEER, UNCOUNTED + 1, sender, free)(): DROP,
    }


def compile_root(edge: EdgeFacts, dpid: int, labels: Mapping[int, int]) -> Entries:
    """Entries on one switch of the root of a circuit of many ends. labels: transport numbers of known switches.

    Frames are counted and held to the ceiling once, in STEER. PATH makes the copies: each has what a frame has that
    comes in at an end of a circuit of two, and goes to STEER again, where its leg counts it and leads it.
    """
    entries, root = Entries(), edge.root
    if root is None or root.end.dpid != dpid or root.end.ofport is None:
        return entries
    here, side = root.end, edge.there if edge.there.dpids else edge.back
    near, far = _copies(root, labels)
    groups = {GROUP_NEAR | here.service: near, GROUP_FAR | here.service: far}
    entries.groups.update({number: Group(_ALL, b"".join(buckets)) for number, buckets in groups.items() if buckets})
    to_near, to_far = ([group(number)] if number in entries.groups else [] for number in groups)
    sender = (SOURCE, here.service)
    entries.flows = {
        _way_in(here, 100): Body([*_untagged(here), set_field(*sender)], goto=Table.STEER)(),
        Match(Table.STEER, 100, sender)(): counting(side.ceiling, entries),
        Match(Table.PATH, 100, sender)(): Body(
            [*to_near, *([ENCAP_MPLS, ENCAP_ETHERNET, *to_far] if to_far else [])],
        )(),
    }
    for kind in _MPLS if to_far else ():
        entries.flows[Match(Table.PATH, 110, (ETH_TYPE, kind), sender)()] = Body(to_near)()
    return entries


def _copies(root: RootFacts, labels: Mapping[int, int]) -> tuple[list[bytes], list[bytes]]:
    """Buckets for legs to the root's own switch, and for those to others."""
    near, far = [], []
    for sender, leaf in root.copies:
        if leaf.dpid == root.end.dpid:
            known = [set_field(SOURCE, sender), set_field(DESTINATION, leaf.service)]
            near.append(Bucket([*known, resubmit(Table.STEER)])())
        elif leaf.dpid in labels:
            label = load(ETH_DST, 0, 48, labels[leaf.dpid] << 24 | leaf.service)
            far.append(Bucket([set_field(SOURCE, sender), label, resubmit(Table.STEER)])())
    return near, far


def _untagged(here: CircuitFacts) -> list[Action]:
    return [POP_VLAN] if here.vlan else []


def _way_in(here: CircuitFacts, priority: int, kind: int | None = None) -> FlowKey:
    """Frames of an end, or those of one EtherType."""
    fields: list[tuple[Field, Value]] = [(IN_PORT, here.ofport or 0)]
    fields += [] if kind is None else [(ETH_TYPE, kind)]
    fields += [] if here.vlan is None else [(VLAN_VID, here.vlan and _TAGGED | here.vlan)]
    return Match(Table.CLASSIFY, priority, *fields)()
