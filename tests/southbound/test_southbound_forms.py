"""The forms in which Open vSwitch gives matches and actions back: the facts of docs/ovs-readback.md, one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from southbound_rig import serving

from sdn.controller.effects import RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model.program import Batch

pytestmark = pytest.mark.lab

SAME = ""
NOTHING = "nothing"

MATCHES = {
    "own order": ("00010004 00000005 80000004 00000001", "80000004 00000001 00010004 00000005"),
    "mask of all ones": ("8000070c 020000000001 ffffffffffff", "80000606 020000000001"),
    "mask of all zeros leaves the packet type": ("8000070c 000000000000 000000000000", "80005804 00000000"),
    "bits outside the mask are cleared": ("00010108 000000ff 0000000f", "refused: OFPBMC_BAD_WILDCARDS (4, 5)"),
    "NXM header with OXM counterpart": ("00000602 0806", "80000a02 0806"),
    "NXM in_port": ("00000002 0001", "80000004 00000001"),
    "64-bit register": ("80010008 00000001 00000002", "00010004 00000001 00010204 00000002"),
    "masked 64-bit register": ("80010110 0000000100000000 ffffffff00000000", "00010004 00000001"),
    "TTL has only an NXM header": ("80000a02 0800 00013a01 40", SAME),
    "prefix": ("80000a02 0800 80001908 0a000000 ff000000", SAME),
    "no VLAN": ("80000c02 0000", SAME),
    "any VLAN": ("80000d04 1000 1000", SAME),
    "masked register": ("00010108 00000005 0000000f", SAME),
    "metadata": ("80000408 0000000100000002", SAME),
}
"""What is written, and what comes back: SAME, other bytes, or why it is refused."""

PORT = "00000010 00000001"
NICIRA = "ffff0018 00002320"
ACTIONS = {
    "output": (f"{PORT} ffff 000000000000", SAME),
    "output keeps max_len": (f"{PORT} 0000 000000000000", SAME),
    "in_port": ("00000010 fffffff8 0000 000000000000", SAME),
    "controller": ("00000010 fffffffd 0080 000000000000", SAME),
    "set_field eth_dst": ("00190010 80000606 020000000001 0000", SAME),
    "set_field register": ("00190010 00010204 00000005 00000000", SAME),
    "set_field 64-bit register": ("00190010 80010008 0000000100000002", SAME),
    "load of a whole field": (f"{NICIRA} 0007 001f 00010004 0000000000000005", SAME),
    "load of some bits": (f"{NICIRA} 0007 0003 00010004 0000000000000005", SAME),
    "load by OXM header": (
        f"{NICIRA} 0007 0017 80000606 0000000000000000",
        f"{NICIRA} 0007 0017 00000206 0000000000000000",
    ),
    "move by OXM headers": (
        f"{NICIRA} 0006 0030 0000 0000 80000806 80000606",
        f"{NICIRA} 0006 0030 0000 0000 00000406 00000206",
    ),
    "resubmit": ("ffff0010 00002320 000e fff8 28 000000", SAME),
    "dec_ttl": ("00180008 00000000", SAME),
    "check_pkt_larger": (f"{NICIRA} 0031 05ea 0003 00010a04 000000000000", SAME),
    "group that does not exist": ("00160008 00000063", "refused: OFPBAC_BAD_OUT_GROUP (2, 9)"),
}

APPLY = f"00040018 00000000 {PORT} ffff 000000000000"
WRITE = f"00030018 00000000 {PORT} ffff 000000000000"
INSTRUCTIONS = {
    "order of instructions": (
        f"00010008 09000000 {WRITE} 00050008 00000000 {APPLY}",
        f"{APPLY} 00050008 00000000 {WRITE} 00010008 09000000",
    ),
    "meter that does not exist": ("00060008 00000063", "refused: OFPMMFC_INVALID_METER (12, 2)"),
    "empty apply is no instruction": ("00040008 00000000", NOTHING),
    "write actions": (WRITE, SAME),
    "clear actions": ("00050008 00000000", SAME),
}


@pytest.fixture(scope="module")
def ovs() -> Iterator[PrivateOvs]:
    with PrivateOvs() as ovs:
        bridge = ("set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
        ovs.vsctl("add-br", "br0", "--", *bridge, "other_config:datapath-id=0000000000000007")
        ovs.vsctl("add-port", "br0", "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=1")
        yield ovs


Found = dict[str, tuple[bytes, bytes] | str]


async def back(ovs: PrivateOvs, flows: dict[str, tuple[bytes, bytes]]) -> Found:
    """Each of the flows (key without priority, body) as it is read back, or why it is refused."""
    found: Found = {}
    ovs.ofctl("del-flows", "br0")
    async with serving() as rig:
        ovs.vsctl("set-controller", "br0", f"tcp:127.0.0.1:{rig.port}")
        up = await rig.expect(SwitchUp)
        for number, (name, (key, body)) in enumerate(flows.items()):
            rig.server.perform(SendBatch(up.session, number, Batch(flows=((key, body),))))
            failures = (await rig.expect(BatchDone)).failures
            rig.server.perform(RequestReadBack(up.session))
            bodies = (await rig.expect(ReadBack)).installed.bodies
            assert bodies is not None
            if failures:
                assert bodies == {}
                found[name] = f"refused: {failures[0].text}"
            else:
                (found[name],) = bodies.items()
                rig.server.perform(SendBatch(up.session, number, Batch(deletes=tuple(bodies))))
                assert (await rig.expect(BatchDone)).failures == ()
    return found


TABLE = b"\2\0\7"


async def test_matches(ovs: PrivateOvs) -> None:
    written = {name: (TABLE + bytes.fromhex(before), b"") for name, (before, _) in MATCHES.items()}
    expected: Found = {
        name: after if "refused" in after else (TABLE + bytes.fromhex(after or before), b"")
        for name, (before, after) in MATCHES.items()
    }
    assert await back(ovs, written) == expected


def apply(actions: str) -> bytes:
    packed = bytes.fromhex(actions)
    return b"\0\4" + (8 + len(packed)).to_bytes(2, "big") + bytes(4) + packed


async def test_actions(ovs: PrivateOvs) -> None:
    key = TABLE + bytes.fromhex("80000a02 0800")
    expected: Found = {
        name: after if "refused" in after else (key, apply(after or before))
        for name, (before, after) in ACTIONS.items()
    }
    assert await back(ovs, {name: (key, apply(before)) for name, (before, _) in ACTIONS.items()}) == expected


async def test_instructions(ovs: PrivateOvs) -> None:
    written = {name: (TABLE, bytes.fromhex(before)) for name, (before, _) in INSTRUCTIONS.items()}
    expected: Found = {
        name: after if "refused" in after else (TABLE, b"" if after == NOTHING else bytes.fromhex(after or before))
        for name, (before, after) in INSTRUCTIONS.items()
    }
    assert await back(ovs, written) == expected
