"""Paths of connections as records (bucket ``paths``), by names of interfaces, which a restart of a switch keeps.

A record is ``{"slots": {"0": STEPS, …}, "numbers": {"0": [17, 18], …}, "steered": 0, "primary": 0, "backup": null}``,
STEPS a list of [datapath id, out interface, in interface of the next], the numbers those along the path and against
it, which other connections may have too. What earlier versions wrote, STEPS alone, is slot 0 with all traffic; nor did
they write numbers, which belonged to one slot each and are found by its name. Paths that are reserved and not in
switches yet are ``"booked": [STEPS, STEPS]``, the primary and the backup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sdn.controller.connections.pathnumbers import Pair
from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.route import Path

InterfaceOf = Callable[[Dpid, int], str | None]
NumberOf = Callable[[Dpid, str], int | None]


@dataclass(frozen=True, slots=True)
class Saved:
    """Paths by slot, the slot that traffic takes, and those of the primary and the backup path.

    booked: the primary and the backup path that are reserved; written where they are in no slot. numbers: of the slots,
    for ``write``; what was written says ``numbers``.
    """

    slots: dict[int, Path]
    steered: int | None
    primary: int | None
    backup: int | None
    booked: tuple[Path | None, ...] = ()
    numbers: Mapping[int, Pair] = field(default_factory=dict)


def write(saved: Saved, interface: InterfaceOf) -> str:
    """The text of a record."""
    slots: dict[str, codec.Json] = {str(slot): _steps(path, interface) for slot, path in sorted(saved.slots.items())}
    data: dict[str, codec.Json] = {
        "slots": slots,
        "numbers": {str(slot): list(pair) for slot, pair in sorted(saved.numbers.items())},
        "steered": saved.steered,
        "primary": saved.primary,
        "backup": saved.backup,
    }
    if saved.booked and saved.primary is None:
        data["booked"] = [None if path is None else _steps(path, interface) for path in saved.booked]
    return codec.dumps(data)


def read(text: str, number: NumberOf) -> Saved | None:
    """What a record says, without paths whose interfaces are not known any more; None if it cannot be read."""
    try:
        data = codec.loads(text)
        if isinstance(data, list):
            data = {"slots": {"0": data}, "steered": 0, "primary": 0, "backup": None}
        if not isinstance(data, dict) or not isinstance(data.get("slots"), dict):
            return None
        booked = tuple(steps and _path(steps, number) for steps in data.get("booked", ()))
        slots = {int(slot): path for slot, steps in data["slots"].items() if (path := _path(steps, number)) is not None}
    except (SdnError, ValueError, TypeError):
        return None
    steered, primary, backup = (
        slot if slot in slots else None for slot in (data.get(name) for name in ("steered", "primary", "backup"))
    )
    return Saved(slots, steered, primary, backup, booked)


def numbers(text: str) -> dict[int, Pair | None]:
    """The numbers of the slots of a record; None for those of an earlier version, which does not say them."""
    try:
        data = codec.loads(text)
        if isinstance(data, list):
            return {0: None}
        if not isinstance(data, dict) or not isinstance(data.get("slots"), dict):
            return {}
        said = data.get("numbers")
        if said is None:
            return {int(slot): None for slot in data["slots"]}
        pairs = {int(slot): tuple(int(number) for number in pair) for slot, pair in said.items()}
        return {slot: (pair[0], pair[1]) for slot, pair in pairs.items() if len(pair) == 2}
    except (SdnError, ValueError, TypeError, AttributeError):
        return {}


def _steps(path: Path, interface: InterfaceOf) -> codec.Json:
    steps: list[codec.Json] = [
        [format_dpid(near), interface(near, out) or "", interface(far, into) or ""]
        for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
    ]
    return [*steps, [format_dpid(path.switches[-1]), "", ""]]


def _path(steps: object, number: NumberOf) -> Path | None:
    """Raises SdnError, ValueError or TypeError if this is not a path."""
    if not isinstance(steps, list) or not steps:
        raise ValueError("no steps")
    switches = tuple(parse_dpid(dpid) for dpid, _, _ in steps)
    links = []
    for near, far, (_, out, into) in zip(switches, switches[1:], steps, strict=False):
        ports = number(near, out), number(far, into)
        if ports[0] is None or ports[1] is None:
            return None
        links.append((ports[0], ports[1]))
    return Path(switches, tuple(links)) if len(set(switches)) == len(switches) else None
