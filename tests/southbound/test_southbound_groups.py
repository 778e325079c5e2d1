"""Groups and meters have no cookie, so adoption compares their content: what we write must be what is read back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from southbound_rig import Rig, serving
from test_southbound_program import compiled

from sdn.controller.effects import CloseSession, RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model.program import GRACE, OUR_GROUPS_FROM, Batch, Entry, Group, Installed, Meter
from sdn.reconcile import SwitchSync

pytestmark = pytest.mark.lab
BRIDGE = "br0"
ALL, SELECT, INDIRECT, FAST_FAILOVER = range(4)
SAME = ""
OUTPUT = "00000010 00000001 ffff 000000000000"
NONE = "ffffffff"
NICIRA = "ffff0018 00002320"


def bucket(actions: str = OUTPUT, weight: int = 0, port: str = NONE, group: str = NONE) -> str:
    size = 16 + len(bytes.fromhex(actions))
    return f"{size:04x} {weight:04x} {port} {group} 00000000 {actions}"


LOAD = f"{NICIRA} 0007 0027 00000206 000000004000005a"
RESUBMIT = "ffff0010 00002320 000e fff8 28 000000"
FORMS = {
    "all": (ALL, bucket() + bucket("00000010 00000002 ffff 000000000000"), SAME),
    "all without buckets": (ALL, "", SAME),
    "all: load and resubmit": (ALL, bucket(LOAD + RESUBMIT), SAME),
    "all: register and resubmit": (ALL, bucket(f"00190010 00010804 00000007 00000000 {RESUBMIT}"), SAME),
    "all with weights": (ALL, bucket(weight=1), "refused: OFPGMFC_INVALID_GROUP (6, 1)"),
    "select": (SELECT, bucket(weight=1, port="00000001") + bucket(weight=1, port="00000002"), SAME),
    "select with weight 0": (SELECT, bucket(port="00000001"), SAME),
    "fast failover": (FAST_FAILOVER, bucket(port="00000001") + bucket(LOAD + RESUBMIT, group="20000000"), SAME),
    "fast failover with group": (FAST_FAILOVER, bucket("00160008 20000000", group="20000000"), SAME),
    "indirect without actions": (INDIRECT, bucket(""), SAME),
    "load by OXM header": (
        ALL,
        bucket(f"{NICIRA} 0007 0017 80000606 0000000000000000"),
        bucket(f"{NICIRA} 0007 0017 00000206 0000000000000000"),
    ),
}
"""Type, buckets as written, and buckets as read back or why they are refused."""

METERS = {
    1: (Meter(50, 50), Meter(50, 50)),
    2: (Meter(1, 1), Meter(1, 1)),
    3: (Meter(1_000_000, 3), Meter(1_000_000, 3)),
    4: (Meter(70, 0), Meter(70, 70)),
    65535: (Meter(50, 50), Meter(50, 50)),
    65536: (Meter(50_000, 5_000, bits=True), Meter(50_000, 5_000, bits=True)),
    196607: (Meter(2**32 - 1, 2**28, bits=True), Meter(2**32 - 1, 2**28, bits=True)),
}
"""As written, and as read back."""


@pytest.fixture
def ovs() -> Iterator[PrivateOvs]:
    with PrivateOvs() as ovs:
        bridge = ("set", "bridge", BRIDGE, "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
        ovs.vsctl("add-br", BRIDGE, "--", *bridge, "other_config:datapath-id=0000000000000001")
        for n in (1, 2):
            port = ("add-port", BRIDGE, f"p{n}", "--", "set", "interface", f"p{n}", "type=dummy")
            ovs.vsctl(*port, f"ofport_request={n}")
        yield ovs


async def come_up(ovs: PrivateOvs, rig: Rig) -> SwitchUp:
    ovs.vsctl("set-controller", BRIDGE, f"tcp:127.0.0.1:{rig.port}")
    return await rig.expect(SwitchUp)


async def reconnect(rig: Rig, up: SwitchUp) -> SwitchUp:
    """A bridge forgets everything when it gets its first controller, so what is to be adopted is written afterwards."""
    rig.server.perform(CloseSession(up.session, "test"))
    return await rig.expect(SwitchUp)


async def read_back(rig: Rig, up: SwitchUp) -> Installed:
    rig.server.perform(RequestReadBack(up.session))
    return (await rig.expect(ReadBack)).installed


async def bring(rig: Rig, up: SwitchUp, sync: SwitchSync) -> None:
    """Write what waits."""
    while (batch := sync.next_batch()) is not None:
        rig.server.perform(SendBatch(up.session, 1, batch))
        assert (await rig.expect(BatchDone)).failures == ()
        sync.done(())


async def test_forms_of_groups_and_meters(ovs: PrivateOvs) -> None:
    alive = Group(INDIRECT, bytes.fromhex(bucket("")))
    found: dict[str, Group | str] = {}
    expected: dict[str, Group | str] = {}
    async with serving() as rig:
        up = await come_up(ovs, rig)
        meters = tuple((number, written, False) for number, (written, _) in METERS.items())
        rig.server.perform(SendBatch(up.session, 1, Batch(meters=meters, groups=((OUR_GROUPS_FROM, alive),))))
        assert (await rig.expect(BatchDone)).failures == ()
        for name, (kind, written, back) in FORMS.items():
            group = Group(kind, bytes.fromhex(written))
            rig.server.perform(SendBatch(up.session, 1, Batch(groups=((OUR_GROUPS_FROM + 1, group),))))
            failures = (await rig.expect(BatchDone)).failures
            there = (await read_back(rig, up)).groups
            assert there.pop(OUR_GROUPS_FROM) == alive
            found[name] = f"refused: {failures[0].text}" if failures else there[OUR_GROUPS_FROM + 1]
            expected[name] = back if "refused" in back else Group(kind, bytes.fromhex(back or written))
        assert found == expected
        assert (await read_back(rig, up)).meters == {number: back for number, (_, back) in METERS.items()}


@pytest.mark.parametrize("dpid", [1, 2, 3])
async def test_every_group_and_meter_that_is_compiled_is_adopted_as_it_is(ovs: PrivateOvs, dpid: int) -> None:
    program = compiled().programs[dpid]
    kinds = {group.type for group in program.groups.values()}
    assert kinds == {ALL, SELECT, INDIRECT, FAST_FAILOVER}
    assert program.meters
    async with serving() as rig:
        up = await come_up(ovs, rig)
        sync = SwitchSync(program)
        sync.adopt(up.installed, 1)
        await bring(rig, up, sync)
        found = await read_back(rig, up)
    assert (found.groups, found.meters) == (program.groups, program.meters)
    again = SwitchSync(program).adopt(found, 1)
    assert again.differences == ()
    assert again.kept == len(program.flows)


async def test_groups_of_others_are_left_alone_and_counted(ovs: PrivateOvs) -> None:
    program = compiled().programs[1]
    async with serving() as rig:
        up = await come_up(ovs, rig)
        for number in (1, 7, OUR_GROUPS_FROM - 1):
            ovs.ofctl("add-group", BRIDGE, f"group_id={number},type=select,bucket=actions=output:1")
        ovs.ofctl("add-group", BRIDGE, f"group_id={OUR_GROUPS_FROM + 5},type=all,bucket=actions=output:1")
        up = await reconnect(rig, up)
        theirs = {number: group for number, group in up.installed.groups.items() if number < OUR_GROUPS_FROM}
        sync = SwitchSync(program)
        found = sync.adopt(up.installed, 1)
        assert (found.alien, found.alien_groups) == (0, 3)
        assert found.extra == (Entry("group", OUR_GROUPS_FROM + 5),)
        await bring(rig, up, sync)
        sync.retire(0.0, 1)
        sync.retire(GRACE, 1)
        await bring(rig, up, sync)
        assert (await read_back(rig, up)).groups == {**theirs, **program.groups}
    assert set(theirs) == {1, 7, OUR_GROUPS_FROM - 1}


async def test_a_meter_of_another_form_is_made_ours(ovs: PrivateOvs) -> None:
    """Also one that counts bytes or has no burst: meters are named by the ports of the switch, all of them are ours."""
    program = compiled().programs[1]
    one, two, *_ = sorted(program.meters)
    async with serving() as rig:
        up = await come_up(ovs, rig)
        ovs.ofctl("add-meter", BRIDGE, f"meter={one},kbps,band=type=drop,rate=1")
        ovs.ofctl("add-meter", BRIDGE, f"meter={two},pktps,burst,band=type=drop,rate=50,burst_size=49")
        ovs.ofctl("add-meter", BRIDGE, "meter=999,pktps,band=type=drop,rate=50")
        up = await reconnect(rig, up)
        assert up.installed.meters == {one: None, two: Meter(50, 49), 999: None}
        sync = SwitchSync(program)
        found = sync.adopt(up.installed, 1)
        assert [entry for entry in found.changed if entry.kind == "meter"] == [Entry("meter", one), Entry("meter", two)]
        assert found.extra == (Entry("meter", 999),)
        await bring(rig, up, sync)
        assert (await read_back(rig, up)).meters == program.meters
