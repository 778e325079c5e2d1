"""What is compiled for next hops and repair hops is read back as the same; anything else is not understood."""

from __future__ import annotations

import random

import pytest

from sdn.model.ids import Dpid
from sdn.model.program import Group, Installed, cookie_of
from sdn.model.route import EPOCHS, NO_HOP, Leg, NextHops, RepairHops, version
from sdn.pipeline import Compiler
from sdn.pipeline.ecmp import slots
from sdn.pipeline.fabric import node_keys
from sdn.pipeline.facts import SwitchFacts
from sdn.pipeline.layout import GROUP_ROUTE
from sdn.pipeline.readback import Held, Outputs, Reading

A, B = Dpid(1), Dpid(2)
HOPS = NextHops((1, 2), 1)


@pytest.fixture(scope="module")
def outputs() -> Outputs:
    return Outputs()


def installed(hops: NextHops | None, repair: RepairHops | None, epoch: int = 0) -> Installed:
    """What a switch holds that was brought to its program."""
    compiler = Compiler()
    for dpid in (A, B):
        compiler.set_switch(dpid, SwitchFacts(dpid, frozenset({1, 2}), frozenset()))
    compiler.add_version(B, epoch)
    name = version(B, epoch)
    compiler.set_routes([(A, name, Leg(hops, epoch, stamped=False) if hops and epoch else hops)])
    compiler.set_repairs([(A, name, repair)])
    compiler.compile()
    program = compiler.programs[A]
    cookies = {key: cookie_of(body) for key, body in program.flows.items()}
    return Installed(cookies, dict(program.groups), dict(program.meters))


@pytest.mark.parametrize("seed", range(100))
def test_what_was_compiled_is_read(seed: int, outputs: Outputs) -> None:
    rng = random.Random(seed)
    epoch = rng.randrange(EPOCHS)
    ports = tuple(sorted(rng.sample([*range(1, 40), 3000, 0xFEFF], rng.choice([1, 1, 2, 3, 7, 8, 20]))))
    hops = NextHops(ports, rng.randrange(9))
    red, blue = rng.choice([NO_HOP, *ports]), rng.choice([NO_HOP, *range(1, 40)])
    repair = RepairHops(red, blue) if rng.random() < 0.8 and red + blue else None
    reading = Reading(installed(hops, repair, epoch), outputs)
    assert reading.held(node_keys(B, epoch), hops) == Held(hops, repair)
    assert reading.held(node_keys(B, (epoch + 1) % EPOCHS), hops) == Held(None, None)
    told = reading.held(node_keys(B, epoch), None)
    assert told is not None
    assert told.hops is not None
    assert (told.hops.ports, told.repair) == (ports, repair)
    assert slots(told.hops) == slots(hops), "what it sends where is the same"


def test_nothing_is_read_as_nothing(outputs: Outputs) -> None:
    assert Reading(installed(None, None), outputs).held(node_keys(B), HOPS) == Held(None, None)


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_flow_that_we_would_not_write_is_not_understood(which: int, outputs: Outputs) -> None:
    held = installed(HOPS, RepairHops(1, 2))
    keys = node_keys(B)
    held.flows[keys[which]] ^= 1
    assert Reading(held, outputs).held(keys, HOPS) is None


@pytest.mark.parametrize("buckets", [b"", b"\0", bytes(16), b"\0\x40" + bytes(14), b"\0\0" + bytes(30), b"\xff" * 40])
@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_a_group_of_strange_bytes_is_not_understood(kind: int, buckets: bytes, outputs: Outputs) -> None:
    held = installed(HOPS, RepairHops(1, 2))
    for number in held.groups:
        if number >= GROUP_ROUTE:
            held.groups[number] = Group(kind, buckets)
    assert Reading(held, outputs).held(node_keys(B), HOPS) is None


def test_a_group_of_more_slots_than_ours_have_is_not_understood(outputs: Outputs) -> None:
    held = installed(HOPS, RepairHops(1, 2))
    for number, group in list(held.groups.items()):
        if group.type == 1:
            held.groups[number] = Group(1, group.buckets * 5)
    assert Reading(held, outputs).held(node_keys(B), HOPS) is None


def test_a_group_that_leads_to_itself_is_not_followed(outputs: Outputs) -> None:
    held = installed(HOPS, RepairHops(1, 2))
    for number in held.groups:
        if number >= GROUP_ROUTE:
            itself = b"\0\x18" + bytes(14) + b"\0\x16\0\x08" + number.to_bytes(4, "big")
            held.groups[number] = Group(3, itself)
    assert Reading(held, outputs).held(node_keys(B), HOPS) is None
