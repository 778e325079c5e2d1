"""Databases of switches: streams however cut, rows of any form, peers that misbehave, and a real ovsdb-server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.controller.events import BridgesSeen, ManagerDown, ManagerEvent, SessionRefused
from sdn.lab import PrivateOvs
from sdn.model.plugs import Bridge
from sdn.southbound.jsonstream import MAX_DEPTH, BadStream, JsonStream
from sdn.southbound.ovsdb import OvsdbLimits, OvsdbServer
from sdn.southbound.ovsdb_rows import MAX_ROWS, Rows

DEADLINE = 20.0
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=4) |
    st.dictionaries(st.text(max_size=4), inner, max_size=4), max_leaves=12,
)  # fmt: skip


# Streams


@given(
    st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5), st.lists(st.integers(1, 40)), st.booleans()
)
def test_texts_are_found_however_they_are_cut(objects: list[dict[str, Any]], cuts: list[int], ascii_only: bool) -> None:
    gap = "\n  " if ascii_only else ""
    data = gap.join(json.dumps(item, ensure_ascii=ascii_only) for item in objects).encode("utf-8", "surrogatepass")
    stream, found, at = JsonStream(), [], 0
    try:
        for size in [*cuts, len(data)]:
            found += stream.feed(data[at : at + size])
            at += size
    except BadStream:
        assert not ascii_only, "only a lone surrogate may be refused"
        return
    assert found == objects


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    for data in (noise, b'{"a":' + noise, b'{"a":"' + noise + b'"}'):
        try:
            list(JsonStream().feed(data))
        except BadStream:
            continue


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"{}x", "not a JSON object"),
        (b"{]", "not JSON"),
        (b'{"a":}', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":' + b"[" * MAX_DEPTH, "nested deeper"),
        (b'{"a":"' + b"x" * 2000, "more than 1000 bytes"),
        (b'{"a":"' + b"x" * 2000 + b'"}', "more than 1000 bytes"),
    ],
)
def test_what_may_not_come(data: bytes, reason: str) -> None:
    with pytest.raises(BadStream, match=reason):
        list(JsonStream(6000 if b"999" in data else 1000).feed(data))


# Rows


def bridge_row(**other: Any) -> dict[str, Any]:
    usual = {"name": "br0", "datapath_id": "00000000000000a1", "ports": ["uuid", "p1"], "fail_mode": "secure"}
    return usual | {"other_config": ["map", [["disable-in-band", "true"]]]} | other


def interface_row(name: str, iface_id: str = "", ofport: Any = 5) -> dict[str, Any]:
    ids = [["iface-id", iface_id]] if iface_id else []
    return {"name": name, "ofport": ofport, "external_ids": ["map", [*ids, ["vm-uuid", "x"]]]}


def told(**rows: dict[str, Any] | None) -> dict[str, Any]:
    """table__uuid=row as <table-updates>."""
    tables: dict[str, Any] = {}
    for key, row in rows.items():
        table, uuid = key.split("__")
        tables.setdefault(table, {})[uuid] = {"old": {}} if row is None else {"new": row}
    return tables


FIRST = told(
    Bridge__b=bridge_row(), Port__p1={"interfaces": ["uuid", "i1"]}, Interface__i1=interface_row("eth1", "vm1")
)


def test_bridges_as_they_are_told_and_change() -> None:
    rows = Rows()
    base = Bridge(0xA1, "br0", {"eth1": "vm1"})  # type: ignore[arg-type]
    assert rows.apply(FIRST) == ([base], [])
    assert rows.apply(FIRST) == ([], []), "nothing new"
    assert rows.apply(told(Interface__i1=interface_row("eth1", "vm2")))[0][0].iface_ids == {"eth1": "vm2"}
    for gone in (["set", []], -1, ["set", [0]]):
        rows.apply(told(Interface__i1=interface_row("eth1", "vm2", gone)))
        assert rows.apply(told(Interface__i1=interface_row("eth1", "vm2")))[0][0].iface_ids == {"eth1": "vm2"}
    assert rows.apply(told(Interface__i1=interface_row("eth1", "not an id")))[0][0].iface_ids == {}
    (changed,), _ = rows.apply(told(Bridge__b=bridge_row(fail_mode=["set", []], other_config=["map", []])))
    assert (changed.secure, changed.in_band) == (False, True)
    assert rows.apply(told(Bridge__b=None)) == ([], [0xA1])


def test_a_port_that_moves_between_bridges_of_one_database() -> None:
    rows = Rows()
    second = bridge_row(name="br1", datapath_id="00000000000000a2", ports=["set", []])
    rows.apply(FIRST | {"Bridge": FIRST["Bridge"] | {"c": {"new": second}}})
    for order in (("b", "c"), ("c", "b")):
        has, empty = {"ports": ["uuid", "p1"]}, {"ports": ["set", []]}
        for where in ("c", "b"):
            rows_of = {"b": bridge_row(), "c": second}
            update = {u: {"new": rows_of[u] | (has if u == where else empty)} for u in order}
            changed, gone = rows.apply({"Bridge": update})
            assert {b.dpid: dict(b.iface_ids) for b in changed} == {
                0xA1: {"eth1": "vm1"} if where == "b" else {},
                0xA2: {"eth1": "vm1"} if where == "c" else {},
            }
            assert gone == []


def test_a_bridge_without_datapath_id_is_told_when_it_has_one() -> None:
    rows = Rows()
    assert rows.apply(told(Bridge__b=bridge_row(datapath_id=["set", []]))) == ([], [])
    assert [b.dpid for b in rows.apply(told(Bridge__b=bridge_row()))[0]] == [0xA1]


@given(VALUES, st.sampled_from(["Bridge", "Port", "Interface"]), st.sampled_from(["name", "ports", "interfaces",
       "ofport", "external_ids", "other_config", "datapath_id", "fail_mode"]))  # fmt: skip
def test_rows_of_any_form_are_taken_or_refused(value: Any, table: str, column: str) -> None:
    for updates in (value, {table: value}, {table: {"u": value}}, {table: {"u": {"new": value}}},
                    {table: {"u": {"new": bridge_row(**{column: value})}}}):  # fmt: skip
        rows = Rows()
        rows.apply(FIRST)
        try:
            rows.apply(updates)
        except BadStream:
            continue


def test_more_rows_than_a_switch_can_have_are_refused() -> None:
    with pytest.raises(BadStream, match="rows"):
        Rows().apply({"Port": {str(n): {"new": {"interfaces": ["set", []]}} for n in range(MAX_ROWS + 1)}})


# Peers


class Rig:
    def __init__(self, limits: OvsdbLimits | None) -> None:
        self.events: asyncio.Queue[ManagerEvent | SessionRefused] = asyncio.Queue()
        self.server = OvsdbServer(self.events.put_nowait, limits)
        self.port = 0

    async def next(self) -> ManagerEvent | SessionRefused:
        async with asyncio.timeout(DEADLINE):
            return await self.events.get()


@asynccontextmanager
async def serving(limits: OvsdbLimits | None = None) -> AsyncIterator[Rig]:
    rig = Rig(limits)
    rig.port = await rig.server.start("127.0.0.1", 0)
    try:
        yield rig
    finally:
        await rig.server.close()


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._stream = JsonStream()
        self._found: list[dict[str, Any]] = []

    @classmethod
    async def connect(cls, rig: Rig) -> Peer:
        return cls(*await asyncio.open_connection("127.0.0.1", rig.port))

    def send(self, *messages: Any) -> None:
        self.writer.write(b"".join(m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages))

    async def read(self) -> dict[str, Any] | None:
        async with asyncio.timeout(DEADLINE):
            while not self._found:
                try:
                    data = await self.reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._found += self._stream.feed(data)
        return self._found.pop(0)

    async def ended(self) -> bool:
        while await self.read() is not None:
            pass
        return True

    async def greet(self) -> None:
        asked = await self.read()
        assert asked is not None
        assert (asked["method"], asked["params"][0]) == ("monitor", "Open_vSwitch")
        self.send({"id": asked["id"], "result": FIRST, "error": None})


async def test_rows_and_updates_become_events() -> None:
    async with serving() as rig:
        peer = await Peer.connect(rig)
        await peer.greet()
        seen = await rig.next()
        assert isinstance(seen, BridgesSeen)
        assert [b.dpid for b in seen.bridges] == [0xA1]
        update = told(Interface__i1=interface_row("eth1", "vm9"))
        peer.send({"method": "update", "params": ["other", {}], "id": None})
        peer.send(
            {"method": "update", "params": ["sdn", update], "id": None}, {"method": "echo", "params": [1], "id": "e"}
        )
        assert await peer.read() == {"id": "e", "result": [1], "error": None}
        again = await rig.next()
        assert isinstance(again, BridgesSeen)
        assert again.bridges[0].iface_ids == {"eth1": "vm9"}
        assert again.manager == seen.manager
        peer.send({"method": "steal", "params": [], "id": 7}, {"method": "stolen", "params": [], "id": None})
        peer.send({"id": 99, "result": {}, "error": None})
        assert await peer.read() == {"id": 7, "result": None, "error": "unknown method"}
        peer.writer.transport.abort()
        down = await rig.next()
        assert isinstance(down, ManagerDown)
        assert down.manager == seen.manager


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"a":' + b"[" * 100,
        {"method": "update", "params": 5, "id": None},
        {"method": "update", "params": ["sdn", {"Bridge": 1}], "id": None},
        {"method": "echo", "params": ["x" * 70_000], "id": 1},
    ],
)
async def test_who_sends_anything_else_loses_the_connection_and_nobody_else_does(bad: Any) -> None:
    async with serving() as rig:
        good, peer = await Peer.connect(rig), await Peer.connect(rig)
        for each in (good, peer):
            await each.greet()
            await rig.next()
        peer.send(bad)
        assert await peer.ended()
        assert isinstance(await rig.next(), ManagerDown)
        good.send({"method": "echo", "params": [], "id": 1})
        assert await good.read() is not None


async def test_a_database_that_refuses_or_says_nothing_is_let_go() -> None:
    async with serving(OvsdbLimits(connections=2, reply_seconds=0.2, idle_seconds=0.1, dead_seconds=0.2)) as rig:
        peer = await Peer.connect(rig)
        asked = await peer.read()
        assert asked is not None
        peer.send({"id": asked["id"], "result": None, "error": "no such database"})
        assert await peer.ended()
        silent = await Peer.connect(rig)
        assert await silent.ended()
        greeted = await Peer.connect(rig)
        await greeted.greet()
        assert isinstance(await rig.next(), BridgesSeen)
        alive = await greeted.read()
        assert alive is not None
        assert alive["method"] == "echo"
        assert await greeted.ended(), "an echo that is not answered"
        assert isinstance(await rig.next(), ManagerDown)
        many = [await Peer.connect(rig) for _ in range(3)]
        assert await many[2].read() is None
        assert len(rig.server.open) <= 2


@pytest.mark.lab
async def test_a_real_database_with_two_bridges() -> None:
    with PrivateOvs() as ovs:
        for bridge, dpid in (("br0", "a1"), ("br1", "a2")):
            ovs.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=dummy", "fail_mode=secure",
                      f"other-config:datapath-id={dpid:0>16}", "other-config:disable-in-band=true")  # fmt: skip
        async with serving() as rig:
            ovs.vsctl("set-manager", f"tcp:127.0.0.1:{rig.port}")
            known: dict[int, Bridge] = {}

            async def until(**wanted: dict[str, str]) -> None:
                while {b.name: dict(b.iface_ids) for b in known.values()} != wanted:
                    event = await rig.next()
                    assert isinstance(event, BridgesSeen)
                    known.update({bridge.dpid: bridge for bridge in event.bridges})
                    for dpid in event.gone:
                        del known[dpid]

            await until(br0={}, br1={})
            assert sorted(known) == [0xA1, 0xA2]
            assert all(bridge.secure and not bridge.in_band for bridge in known.values())
            ovs.vsctl(
                "add-port", "br0", "v1", "--", "set", "interface", "v1", "type=dummy", "external_ids:iface-id=vm1"
            )
            await until(br0={"v1": "vm1"}, br1={})
            ovs.vsctl("del-port", "v1", "--", "add-port", "br1", "v2", "--", "set", "interface", "v2", "type=dummy",
                      "external_ids:iface-id=vm1")  # fmt: skip
            await until(br0={}, br1={"v2": "vm1"})
            ovs.vsctl("del-fail-mode", "br1", "--", "set", "bridge", "br0", "other-config:disable-in-band=false")
            while known[0xA2].secure or not known[0xA1].in_band:
                event = await rig.next()
                assert isinstance(event, BridgesSeen)
                known.update({bridge.dpid: bridge for bridge in event.bridges})
            ovs.vsctl("del-br", "br0")
            await until(br1={"v2": "vm1"})
            ovs.vsctl("del-manager")
            assert isinstance(await rig.next(), ManagerDown)
