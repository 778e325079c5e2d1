"""A whole compiled program, of every feature there is, is read back from Open vSwitch byte for byte."""

from __future__ import annotations

import pytest
from southbound_rig import serving

from sdn.controller.effects import RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model.ids import Dpid
from sdn.model.program import Installed, cookie_of
from sdn.model.route import NextHops, Path
from sdn.pipeline import Compiler
from sdn.pipeline.facts import (
    Ceiling,
    CircuitFacts,
    ClassFacts,
    ConnectionFacts,
    EdgeFacts,
    InterfaceFacts,
    PortFacts,
    RouterFacts,
    SideFacts,
    SwitchFacts,
    Way,
)
from sdn.reconcile import SwitchSync

pytestmark = pytest.mark.lab


def compiled() -> Compiler:
    """Three switches in a line with two networks, a router, both IP versions, ECMP and a connection over all three."""
    compiler = Compiler()
    for dpid in (1, 2, 3):
        compiler.set_switch(dpid, SwitchFacts(dpid, frozenset({1, 2}), frozenset({1, 2, 3})))
    dpids, hops = [Dpid(dpid) for dpid in (1, 2, 3)], NextHops((1, 2), 1)
    compiler.set_routes([(a, b, hops) for a in dpids for b in dpids if a != b])
    for number in (1, 2):
        compiler.set_network(number, f"n{number}")
    for number in range(1, 7):
        network, dpid = number % 2 + 1, (number - 1) % 3 + 1
        v4, v6 = bytes([10, 0, network, number + 9]), bytes([0xFD, network]) + bytes(13) + bytes([number + 9])
        mac = bytes([2, 0, 0, 0, 0, number])
        compiler.set_port(f"p{number}", PortFacts(network, number, mac, (v4,), (v6,), dpid, number + 10))
    v4s = [InterfaceFacts(n, bytes([10, 0, n, 0]), 24, bytes([10, 0, n, 1])) for n in (1, 2)]
    v6s = [InterfaceFacts(n, bytes([0xFD, n]) + bytes(14), 64, bytes([0xFD, n]) + bytes(13) + b"\1") for n in (1, 2)]
    compiler.set_router("r", RouterFacts(1, (*v4s, *v6s)))
    path = Path((Dpid(1), Dpid(2), Dpid(3)), ((1, 1), (2, 1)))
    way = Way(path, 1, 2)
    compiler.set_connection("c", ConnectionFacts(1, 6, (way,), way))
    there, back = Ceiling(65536, 100_000), Ceiling(196607, 2**32 - 1)
    compiler.set_edge("c", EdgeFacts(SideFacts(1, 6, (1,), there), SideFacts(6, 1, (3,), back)))
    classes = (
        ClassFacts(4, (bytes([10, 0, 0, 0]), 8), (bytes([10, 0, 1, 9]), 32), 6, 1, 65535, 63),
        ClassFacts(6, (bytes([0xFD]) + bytes(15), 8), None, 17, 0, 53, 0),
        ClassFacts(6, None, (bytes(15) + b"\1", 128), 132),
        ClassFacts(4, (bytes(4), 0), None, 0, 0, 0, 1),
    )
    sides = (SideFacts(a, b, (at,), None, classes, 1000) for a, b, at in ((1, 6, 1), (6, 1, 3)))
    compiler.set_edge("classified", EdgeFacts(*sides))
    for name, service, vlans in (("line", 20, (None, None)), ("tagged", 30, (100, 0))):
        ends = [
            CircuitFacts(service + n, at, 50 + service, vlan)
            for n, (at, vlan) in enumerate(zip((1, 3), vlans, strict=True))
        ]
        sides = [SideFacts(service, service + 1, (1,)), SideFacts(service + 1, service, (3,))]
        compiler.set_edge(name, EdgeFacts(*sides, (ends[0], ends[1])))
    here = CircuitFacts(40, 2, 90, 7), CircuitFacts(41, 2, 91, 4094)
    sides = [SideFacts(40, 41, (2,), Ceiling(65540, 9)), SideFacts(41, 40, (2,))]
    compiler.set_edge("local", EdgeFacts(*sides, here))
    compiler.compile()
    return compiler


@pytest.mark.parametrize("dpid", [1, 2, 3])
async def test_a_whole_program_comes_back_as_it_was_written(dpid: int) -> None:
    program = compiled().programs[dpid]
    sync = SwitchSync(program)
    async with serving() as rig:
        with PrivateOvs() as ovs:
            bridge = ("set", "bridge", "b", "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
            target = ("set-controller", "b", f"tcp:127.0.0.1:{rig.port}")
            ovs.vsctl("add-br", "b", "--", *bridge, f"other_config:datapath-id={dpid:016x}", "--", *target)
            up = await rig.expect(SwitchUp)
            sync.adopt(up.installed, 1)
            number = 0
            while (batch := sync.next_batch(100)) is not None:
                number += 1
                rig.server.perform(SendBatch(up.session, number, batch))
                done = await rig.expect(BatchDone)
                assert done.failures == ()
                sync.done(())
            rig.server.perform(RequestReadBack(up.session))
            found = (await rig.expect(ReadBack)).installed
    cookies = {key: cookie_of(body) for key, body in program.flows.items()}
    assert found == Installed(cookies, program.groups, dict(program.meters), program.flows)
    assert sync.adopt(found, 2).differences == ()
