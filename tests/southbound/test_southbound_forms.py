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
    "empty apply is no instruction": ("00040008 00000000", "empty"),
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


async def back(ovs: PrivateOvs, key: bytes, body: bytes) -> tuple[bytes, bytes] | str:
    """The flow as it is read back, or why it is refused."""
    async with serving() as rig:
        ovs.ofctl("del-flows", "br0")
        ovs.vsctl("set-controller", "br0", f"tcp:127.0.0.1:{rig.port}")
        up = await rig.expect(SwitchUp)
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=((key, body),))))
        rig.server.perform(RequestReadBack(up.session))
        bodies = (await rig.expect(ReadBack)).installed.bodies
        failures = (await rig.expect(BatchDone)).failures
        if failures:
            assert bodies == {}
            return f"refused: {failures[0].text}"
        assert bodies is not None
        (found,) = bodies.items()
        return found


def form(expected: str, written: str) -> bytes:
    return bytes.fromhex(expected or written)


@pytest.mark.parametrize("name", MATCHES)
async def test_match(ovs: PrivateOvs, name: str) -> None:
    written, expected = MATCHES[name]
    found = await back(ovs, b"\2\0\7" + bytes.fromhex(written), b"")
    assert found == (expected if "refused" in expected else (b"\2\0\7" + form(expected, written), b""))


def apply(actions: bytes) -> bytes:
    return b"\0\4" + (8 + len(actions)).to_bytes(2, "big") + bytes(4) + actions


@pytest.mark.parametrize("name", ACTIONS)
async def test_action(ovs: PrivateOvs, name: str) -> None:
    written, expected = ACTIONS[name]
    key = b"\2\0\7" + bytes.fromhex("80000a02 0800")
    found = await back(ovs, key, apply(bytes.fromhex(written)))
    assert found == (expected if "refused" in expected else (key, apply(form(expected, written))))


@pytest.mark.parametrize("name", INSTRUCTIONS)
async def test_instructions(ovs: PrivateOvs, name: str) -> None:
    written, expected = INSTRUCTIONS[name]
    found = await back(ovs, b"\2\0\7", bytes.fromhex(written))
    body = b"" if expected == "empty" else None
    if "refused" in expected:
        assert found == expected
    else:
        assert found == (b"\2\0\7", form(expected, written) if body is None else body)
