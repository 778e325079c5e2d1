"""A switch that holds flows of another layout version is adopted without a moment at which packets are lost."""

from __future__ import annotations

import pytest
from southbound_rig import Rig, serving

from sdn.controller.effects import CloseSession, RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model import program as model
from sdn.model.program import LAYOUT_VERSION, Batch, Installed, cookie_of, is_older, is_ours
from sdn.pipeline import Compiler
from sdn.pipeline.facts import PortFacts, SwitchFacts
from sdn.pipeline.layout import Table
from sdn.pipeline.program import SwitchProgram
from sdn.reconcile import SwitchSync

pytestmark = pytest.mark.lab
BRIDGE, DPID = "br0", 1
OTHER_VERSION = LAYOUT_VERSION ^ 0x40
MACS = {1: bytes([2, 0, 0, 0, 0, 1]), 2: bytes([2, 0, 0, 0, 0, 2])}
PACKET = "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_type=0x0800,nw_src=10.0.0.1,nw_dst=10.0.0.2"
_GOTO = 1


def compiled() -> SwitchProgram:
    """One switch with two ports of a network on it, and a link."""
    compiler = Compiler()
    compiler.set_switch(DPID, SwitchFacts(1, frozenset({3}), frozenset({3})))
    compiler.set_network(1, "n")
    for number, mac in MACS.items():
        compiler.set_port(f"p{number}", PortFacts(1, number, mac, (bytes([10, 0, 0, number]),), (), DPID, number))
    compiler.compile()
    return compiler.programs[DPID]


def moved(flows: dict[bytes, bytes], by: int) -> dict[bytes, bytes]:
    """The same flows in other tables but 0, which is where packets come in whatever the layout."""
    return {(bytes([key[0] + by]) if key[0] else b"\0") + key[1:]: body_moved(body, by) for key, body in flows.items()}


def body_moved(body: bytes, by: int) -> bytes:
    at, parts = 0, []
    while at < len(body):
        kind, size = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
        part = body[at : at + size]
        parts.append(part[:4] + bytes([part[4] + by]) + part[5:] if kind == _GOTO else part)
        at += size
    return b"".join(parts)


async def install(rig: Rig, up: SwitchUp, flows: dict[bytes, bytes], program: SwitchProgram, version: int) -> None:
    """As a controller of another layout version left the switch."""
    base = model.COOKIE_MARK << 48 | version << 40
    meters = tuple((number, meter, False) for number, meter in program.meters.items())
    batch = Batch(meters=meters, groups=tuple(program.groups.items()), flows=tuple(flows.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "COOKIE_BASE", base)
        rig.server.perform(SendBatch(up.session, 0, batch))
        assert (await rig.expect(BatchDone)).failures == ()


async def read_back(rig: Rig, up: SwitchUp) -> Installed:
    rig.server.perform(RequestReadBack(up.session))
    return (await rig.expect(ReadBack)).installed


def way(ovs: PrivateOvs) -> str:
    """What becomes of a packet from one port to the other."""
    trace = ovs.appctl("ofproto/trace", BRIDGE, PACKET)
    return next(line for line in trace.splitlines() if line.startswith("Datapath actions:"))


@pytest.mark.parametrize("by", [0, 100], ids=["same tables", "other tables"])
@pytest.mark.parametrize("limit", [1, 5000])
async def test_an_upgrade_beside_the_old_layout(by: int, limit: int) -> None:
    program = compiled()
    old = moved(program.flows, by)
    with PrivateOvs() as ovs:
        bridge = ("set", "bridge", BRIDGE, "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
        ovs.vsctl("add-br", BRIDGE, "--", *bridge, f"other_config:datapath-id={DPID:016x}")
        for n in (1, 2, 3):
            port = ("add-port", BRIDGE, f"p{n}", "--", "set", "interface", f"p{n}", "type=dummy")
            ovs.vsctl(*port, f"ofport_request={n}")
        async with serving() as rig:
            ovs.vsctl("set-controller", BRIDGE, f"tcp:127.0.0.1:{rig.port}")
            up = await rig.expect(SwitchUp)
            await install(rig, up, old, program, OTHER_VERSION)
            before = way(ovs)
            assert "drop" not in before
            rig.server.perform(CloseSession(up.session, "the old controller ends"))
            up = await rig.expect(SwitchUp)
            assert all(is_ours(cookie) and is_older(cookie) for cookie in up.installed.flows.values())
            await upgrade(ovs, rig, up, program, set(old), limit, before)


async def upgrade(
    ovs: PrivateOvs, rig: Rig, up: SwitchUp, program: SwitchProgram, old: set[bytes], limit: int, before: str
) -> None:
    """Adopt step by step, and look at the switch after each of them."""
    new = {key: cookie_of(body) for key, body in program.flows.items()}
    sync = SwitchSync(program)
    found = sync.adopt(up.installed, 1)
    assert (found.older, found.kept, found.alien) == (len(old), len(old), 0)
    assert {entry.key for entry in found.changed} == old & new.keys()
    assert {entry.key for entry in found.extra} == old - new.keys()
    tables: list[int] = []
    while (batch := sync.next_batch(limit)) is not None:
        tables += [key[0] for key, _ in batch.flows]
        complete = not batch.flows
        rig.server.perform(SendBatch(up.session, 1, batch))
        assert (await rig.expect(BatchDone)).failures == ()
        sync.done(())
        there = (await read_back(rig, up)).flows
        assert not (old & new.keys()) - there.keys(), "what both layouts have is never missing"
        if complete:
            assert new.items() <= there.items(), "nothing old goes before everything new is there"
        else:
            assert not old - there.keys()
        assert way(ovs) == before
    assert tables == sorted(tables, reverse=True), "table 0 leads into the new layout when that is complete"
    assert tables[-1] == Table.CLASSIFY
    assert (await read_back(rig, up)).flows == new
