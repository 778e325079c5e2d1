"""The part of an Open vSwitch database that is monitored: rows as they come, bridges as they are meant. No I/O.

Rows and values as in RFC 7047, sections 4.1.5, 4.1.6 and 5.1, columns as in ovs-vswitchd.conf.db(5). What does not have
the form raises BadStream; what has it and cannot be used (an iface-id of spaces, a bridge without a datapath id) counts
as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdn.controller.effects import SetWatching
from sdn.model.ids import Dpid
from sdn.model.plugs import Bridge, Watching, is_iface_id
from sdn.southbound.jsonstream import BadStream, Json

DATABASE = "Open_vSwitch"
COLUMNS = {
    "Bridge": ["name", "datapath_id", "ports", "fail_mode", "other_config"],
    "Port": ["interfaces"],
    "Interface": ["name", "ofport", "external_ids", "type", "bfd", "bfd_status", "cfm_mpid"],
}
MAX_ROWS = 1 << 16
"""Of each table: OpenFlow has no more ports."""
MAX_NAME = 255
_DPID = re.compile(r"[0-9a-f]{16}")
_NO_BRIDGE = ""

Row = dict[str, Json]


@dataclass(frozen=True, slots=True)
class _Bridge:
    name: str
    dpid: Dpid
    ports: frozenset[str]
    secure: bool
    in_band: bool


@dataclass(frozen=True, slots=True)
class _Interface:
    """Of one that exists in the switch. iface_id: '' for none."""

    name: str
    iface_id: str
    patch: bool
    watching: Watching | None


class Rows:
    """All rows by uuid. ``apply`` takes what is told and answers which bridges are other ones now."""

    def __init__(self) -> None:
        self._bridges: dict[str, _Bridge] = {}
        self._ports: dict[str, frozenset[str]] = {}
        self._interfaces: dict[str, _Interface] = {}
        """Those that exist in the switch."""
        self._bridge_of: dict[str, str] = {}
        self._port_of: dict[str, str] = {}
        self._shown: dict[Dpid, Bridge] = {}

    def apply(self, updates: Json) -> tuple[list[Bridge], list[Dpid]]:
        """Bridges that are new or other ones, and those that are gone. updates: <table-updates>. Raises BadStream."""
        touched: set[str] = set()
        tables = _object(updates)
        for table, take in (("Bridge", self._take_bridge), ("Port", self._take_port), ("Interface", self._take_iface)):
            for uuid, change in _object(tables.get(table, {})).items():
                new = _object(change).get("new")
                touched |= take(uuid, None if new is None else _object(new))
        if max(len(self._bridges), len(self._ports), len(self._interfaces)) > MAX_ROWS:
            raise BadStream(f"more than {MAX_ROWS} rows of a table")
        return self._show(touched)

    def interface(self, dpid: Dpid, name: str) -> str | None:
        """The uuid of an interface of a bridge. O(its interfaces)."""
        for bridge in self._bridges.values():
            if bridge.dpid == dpid:
                for uuid in (uuid for port in bridge.ports for uuid in self._ports.get(port, ())):
                    if uuid in self._interfaces and self._interfaces[uuid].name == name:
                        return uuid
        return None

    def _take_bridge(self, uuid: str, row: Row | None) -> set[str]:
        old = self._bridges.pop(uuid, None)
        for port in old.ports if old else ():
            if self._bridge_of.get(port) == uuid:  # it may be in another one by now
                del self._bridge_of[port]
        if row is not None:
            new = _bridge(row)
            self._bridges[uuid] = new
            self._bridge_of.update(dict.fromkeys(new.ports, uuid))
        return {uuid}

    def _take_port(self, uuid: str, row: Row | None) -> set[str]:
        for interface in self._ports.pop(uuid, ()):
            if self._port_of.get(interface) == uuid:
                del self._port_of[interface]
        if row is not None:
            self._ports[uuid] = _uuids(row.get("interfaces", ["set", []]))
            self._port_of.update(dict.fromkeys(self._ports[uuid], uuid))
        return {self._bridge_of.get(uuid, _NO_BRIDGE)}

    def _take_iface(self, uuid: str, row: Row | None) -> set[str]:
        old = self._interfaces.pop(uuid, None)
        new = None if row is None else _interface(row)
        if new is not None:
            self._interfaces[uuid] = new
        return set() if old == new else {self._bridge_of.get(self._port_of.get(uuid, ""), _NO_BRIDGE)}

    def _show(self, touched: set[str]) -> tuple[list[Bridge], list[Dpid]]:
        changed = []
        for uuid in sorted(touched):
            row = self._bridges.get(uuid)
            if row is None or not row.dpid:
                continue
            shown = self._view(row)
            if self._shown.get(row.dpid) != shown:
                self._shown[row.dpid] = shown
                changed.append(shown)
        there = {row.dpid for row in self._bridges.values()}
        gone = [dpid for dpid in self._shown if dpid not in there]
        for dpid in gone:
            del self._shown[dpid]
        return changed, gone

    def _view(self, row: _Bridge) -> Bridge:
        uuids = (uuid for port in row.ports for uuid in self._ports.get(port, ()))
        found = sorted((self._interfaces[uuid] for uuid in uuids if uuid in self._interfaces), key=lambda i: i.name)
        return Bridge(
            *(row.dpid, row.name),
            {item.name: item.iface_id for item in found if item.iface_id},
            *(row.secure, row.in_band),
            {item.name: item.watching for item in found if item.watching is not None},
            frozenset(item.name for item in found if item.patch),
        )


def update_of(uuid: str, effect: SetWatching) -> Json:
    """The operation (RFC 7047, section 5.2.3) that sets both columns where they are as they were seen."""
    where: Json = [
        ["_uuid", "==", ["uuid", uuid]],
        ["bfd", "==", _map_of(effect.seen.bfd)],
        ["cfm_mpid", "==", _set_of(effect.seen.cfm)],
    ]
    row: Json = {"bfd": _map_of(effect.wanted.bfd), "cfm_mpid": _set_of(effect.wanted.cfm)}
    return {"op": "update", "table": "Interface", "where": where, "row": row}


def _map_of(values: Mapping[str, str]) -> Json:
    return ["map", [[name, value] for name, value in sorted(values.items())]]


def _set_of(value: int | None) -> Json:
    return ["set", []] if value is None else value


def _bridge(row: Row) -> _Bridge:
    text = _optional(row.get("datapath_id", ["set", []]))
    dpid = Dpid(int(text, 16) if _DPID.fullmatch(text) else 0)
    other = _map(row.get("other_config", ["map", []]))
    secure = _optional(row.get("fail_mode", ["set", []])) == "secure"
    name = _text(row.get("name", ""))
    return _Bridge(name, dpid, _uuids(row.get("ports", ["set", []])), secure, other.get("disable-in-band") != "true")


def _interface(row: Row) -> _Interface | None:
    ofport = _elements(row.get("ofport", ["set", []]))
    exists = bool(ofport) and isinstance(ofport[0], int) and ofport[0] > 0
    iface_id = _map(row.get("external_ids", ["map", []])).get("iface-id", "")
    name = _text(row.get("name", ""))
    if not exists:
        return None
    patch = _text(row.get("type", "")) == "patch"
    return _Interface(name, iface_id if is_iface_id(iface_id) else "", patch, _watching(row))


def _watching(row: Row) -> Watching | None:
    """None where nothing watches. What it says of its state besides up or not changes often, and is not kept."""
    bfd = _map(row.get("bfd", ["map", []]))
    cfm = _elements(row.get("cfm_mpid", ["set", []]))
    point = cfm[0] if cfm and isinstance(cfm[0], int) and not isinstance(cfm[0], bool) else None
    if not bfd and point is None:
        return None
    return Watching(bfd, point, _map(row.get("bfd_status", ["map", []])).get("state") == "up")


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise BadStream("a row or table of another form")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise BadStream("a name of another form")
    return value


def _pair(value: Json, tag: str) -> list[Json]:
    if not isinstance(value, list) or len(value) != 2 or value[0] != tag or not isinstance(value[1], list):
        raise BadStream(f"a {tag} of another form")
    return value[1]


def _elements(value: Json) -> list[Json]:
    """The elements of a set; one alone stands for itself."""
    return _pair(value, "set") if isinstance(value, list) and value[:1] == ["set"] else [value]


def _optional(value: Json) -> str:
    """A text or nothing."""
    found = _elements(value)
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _uuids(value: Json) -> frozenset[str]:
    found = set()
    for item in _elements(value):
        if not isinstance(item, list) or len(item) != 2 or item[0] != "uuid" or not isinstance(item[1], str):
            raise BadStream("a uuid of another form")
        found.add(item[1])
    return frozenset(found)


def _map(value: Json) -> dict[str, str]:
    """Pairs of texts."""
    found: dict[str, str] = {}
    for item in _pair(value, "map"):
        if not isinstance(item, list) or len(item) != 2 or not all(isinstance(part, str) for part in item):
            raise BadStream("a map of another form")
        found[str(item[0])] = str(item[1])
    return found
