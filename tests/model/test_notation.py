"""Notation: what ovs-ofctl would show, and that ovs-ofctl means the same by it."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.model.notation import format_body, format_buckets, format_match, format_meter, split_key
from sdn.model.oxm import ARP_OP, ETH_DST, ETH_TYPE, IP_PROTO, IPV4_DST, IPV6_DST, REG, VLAN_VID
from sdn.model.route import NextHops
from sdn.model.route import Path as SwitchPath
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
from sdn.pipeline.shapes import Body, Bucket, Match, group, load, move, output, resubmit, set_field, to_controller


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (Match(0, 1), ""),
        (Match(0, 1, (ETH_TYPE, 0x0800), (IPV4_DST, 0x0A000000, 0xFF000000)), "ip,nw_dst=10.0.0.0/8"),
        (Match(0, 1, (ETH_TYPE, 0x86DD), (IP_PROTO, 58)), "icmp6"),
        (Match(0, 1, (ETH_TYPE, 0x0806), (ARP_OP, 1), (REG[1], 7)), "arp,arp_op=1,reg1=0x7"),
        (Match(0, 1, (ETH_TYPE, 0x88CC)), "dl_type=0x88cc"),
        (Match(0, 1, (VLAN_VID, 0)), "vlan_tci=0x0000"),
        (
            Match(0, 1, (ETH_DST, b"\x02\0\0\0\0\0", b"\x03\0\0\0\0\0")),
            "dl_dst=02:00:00:00:00:00/03:00:00:00:00:00",
        ),
        (Match(0, 1, (ETH_TYPE, 0x86DD), (IPV6_DST, 0xFF << 120, 0xFF << 120)), "ipv6,ipv6_dst=ff00::/8"),
    ],
)
def test_match(match: Match, text: str) -> None:
    assert format_match(split_key(match())[2]) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (Body(), "drop"),
        (Body(goto=24), "goto_table:24"),
        (Body([to_controller(256)], meter=3), "meter:3,CONTROLLER:256"),
        (Body([set_field(REG[0], 5), output(3)], goto=4), "set_field:0x5->reg0,output:3,goto_table:4"),
        (Body([set_field(ETH_DST, b"\xff" * 6)]), "set_field:ff:ff:ff:ff:ff:ff->eth_dst"),
        (Body([load(ETH_DST, 24, 24, 0x420001)]), "load:0x420001->NXM_OF_ETH_DST[24..47]"),
        (Body([move(IPV4_DST, ETH_DST, 23)]), "move:NXM_OF_IP_DST[0..22]->NXM_OF_ETH_DST[0..22]"),
        (Body([group(9), resubmit(36), output(0xFFFFFFF8)]), "group:9,resubmit(,36),IN_PORT"),
    ],
)
def test_body(body: Body, text: str) -> None:
    assert format_body(body()) == text


def test_buckets_and_meters() -> None:
    buckets = Bucket([output(3)], watch_port=3, weight=1)() + Bucket([resubmit(36)])()
    assert format_buckets(1, buckets) == (
        "type=select,bucket=weight:1,watch_port:3,actions=output:3,bucket=actions=resubmit(,36)"
    )
    assert format_meter(50, 10) == "pktps,burst,band=type=drop,rate=50,burst_size=10"
    assert format_meter(50, 10, bits=True) == "kbps,burst,band=type=drop,rate=50,burst_size=10"


@given(st.binary(max_size=80), st.integers(0, 5))
def test_anything_is_shown_or_refused(data: bytes, kind: int) -> None:
    for show in (split_key, format_match, format_body, lambda raw: format_buckets(kind, raw)):
        with suppress(InvalidInput):
            show(data)


@pytest.mark.lab
def test_ovs_ofctl_means_the_same() -> None:
    """Every entry of a real program, read by ovs-ofctl and shown again, is the same set of flows."""
    from sdn.lab import PrivateOvs

    compiler = Compiler()
    for dpid in (1, 2, 3):
        compiler.set_switch(dpid, SwitchFacts(dpid, frozenset({1}), frozenset({1, 2})))
    compiler.set_network(1, "tenants/t/networks/n")
    compiler.set_router("tenants/t/routers/r", RouterFacts(1, (InterfaceFacts(1, b"\x0a\0\0\0", 24, b"\x0a\0\0\1"),)))
    for number, dpid in ((1, 1), (2, 2)):
        v4, v6 = b"\x0a\0\0" + bytes([number + 4]), b"\xfd" + bytes(14) + bytes([number])
        compiler.set_port(f"p{number}", PortFacts(1, number, b"\2\0\0\0\0" + bytes([number]), (v4,), (v6,), dpid, 7))
    compiler.set_routes([(Dpid(1), Dpid(2), NextHops((1, 2), 1)), (Dpid(2), Dpid(1), NextHops((1,), 0))])
    way = Way(SwitchPath((1, 2), ((1, 1),)), 1, 2)  # type: ignore[arg-type]
    compiler.set_connection("c", ConnectionFacts(1, 2, (way,), way))
    compiler.set_edge("c", EdgeFacts(SideFacts(1, 2, (1,), Ceiling(70000, 50)), SideFacts(2, 1, (2,))))
    some = ClassFacts(4, (bytes([10, 0, 0, 0]), 8), None, 6, 0, 80, 46), ClassFacts(6, None, None, 17, 53)
    compiler.set_edge("d", EdgeFacts(SideFacts(1, 2, (1,), None, some, 7), SideFacts(2, 1, ())))
    line = CircuitFacts(20, 1, 50, 100), CircuitFacts(21, 2, 51, None)
    compiler.set_edge("e", EdgeFacts(SideFacts(20, 21, (1,)), SideFacts(21, 20, (2,)), line))
    compiler.compile()
    program = compiler.programs[1]
    lines = []
    for key, body in program.flows.items():
        table, priority, match = split_key(key)
        text = format_match(match)
        lines.append(f"table={table},priority={priority}{',' + text if text else ''} actions={format_body(body)}")
    groups = [f"group_id={n},{format_buckets(g.type, g.buckets)}" for n, g in program.groups.items()]
    with PrivateOvs() as ovs:
        ovs.vsctl("add-br", "n1", "--", "set", "bridge", "n1", "datapath_type=dummy", "fail_mode=secure")

        def ofctl(*words: str, text: str = "") -> str:
            target = f"unix:{ovs.directory}/n1.mgmt"
            command = ["ovs-ofctl", "-O", "OpenFlow13", words[0], target, *words[1:]]
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        for number, meter in program.meters.items():
            shown = format_meter(meter.rate, meter.burst, meter.bits)
            ofctl("add-meter", f"meter={number},{shown}")
        ofctl("add-groups", "-", text="\n".join(groups))
        ofctl("add-flows", "-", text="\n".join(lines))
        dumped = [line for line in ofctl("dump-flows", "--no-stats").splitlines() if "actions=" in line]
    assert len(dumped) == len(lines)
    shown_actions = sorted(line.split("actions=")[1].strip() for line in dumped)
    ours = sorted(format_body(body) for body in program.flows.values())
    assert [_plain(a) for a in shown_actions] == [_plain(a) for a in ours]


def _plain(actions: str) -> str:
    """ovs-ofctl shows some actions in a form of its own."""
    return actions.lower().replace("_field:0x0->", "_field:0->")
