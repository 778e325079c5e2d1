"""Learned links, and penalties of those that were lost, as text: a restart does not begin with an empty network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from sdn.model import codec
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.topology.adjacency import End
from sdn.topology.damping import Penalty

_REMEDY = "Remove the record; the link is learned again."


@dataclass(frozen=True, slots=True, order=True)
class EndRecord:
    """An end of a link as it was last: number is the OpenFlow port number, speed in bits/s (0 if unknown)."""

    dpid: Dpid
    interface: str
    number: int
    speed: int


LinkRecord = tuple[EndRecord, EndRecord]


def write(a: EndRecord, b: EndRecord) -> tuple[str, str]:
    """Key and JSON text; the key names both ends and never changes while the link lives."""
    return key(a, b), codec.dumps([[format_dpid(e.dpid), e.interface, e.number, e.speed] for e in (a, b)])


def key(a: EndRecord | End, b: EndRecord | End) -> str:
    """The key of a link's record."""
    return " ".join(f"{format_dpid(end.dpid)}/{end.interface}" for end in (a, b))


def read(records: Mapping[str, str]) -> list[LinkRecord]:
    """The links of such records, sorted by key; raises InvalidInput naming the record."""
    links = []
    for name in sorted(records):
        value = codec.loads(records[name])
        if not isinstance(value, list) or len(value) != 2:
            raise _wrong(name)
        links.append((_end(name, value[0]), _end(name, value[1])))
    return links


def write_penalty(link: tuple[End, End], penalty: Penalty) -> str:
    """JSON text of a penalty; its key is that of the link."""
    ends: list[codec.Json] = [[format_dpid(end.dpid), end.interface] for end in link]
    return codec.dumps([*ends, penalty.figure, penalty.suppressed, penalty.wall])


def read_penalties(records: Mapping[str, str]) -> dict[tuple[End, End], Penalty]:
    """Penalties by link; raises InvalidInput naming the record."""
    penalties = {}
    for name, text in records.items():
        match codec.loads(text):
            case [
                [str(dpid_a), str(port_a)],
                [str(dpid_b), str(port_b)],
                int() | float() as figure,
                bool(suppressed),
                int() | float() as wall,
            ] if figure >= 0 and isfinite(figure) and isfinite(wall):
                where = f"damping {name}"
                link = End(parse_dpid(dpid_a, where), port_a), End(parse_dpid(dpid_b, where), port_b)
                penalties[link] = Penalty(float(figure), suppressed, float(wall))
            case _:
                reason = "not two ends of [datapath id, interface], a penalty, whether it suppresses, and a time"
                raise InvalidInput.of(f"damping {name}", reason, "Remove the record; the penalty is forgotten.")
    return penalties


def _end(name: str, value: object) -> EndRecord:
    if not isinstance(value, list) or [type(item) for item in value] != [str, str, int, int]:
        raise _wrong(name)
    dpid, interface, number, speed = value
    if not interface or not 0 < number < 1 << 32 or speed < 0:
        raise _wrong(name)
    return EndRecord(parse_dpid(dpid, f"link {name}"), interface, number, speed)


def _wrong(name: str) -> SdnError:
    return InvalidInput.of(f"link {name}", "not two ends of [datapath id, interface, number, speed]", _REMEDY)
