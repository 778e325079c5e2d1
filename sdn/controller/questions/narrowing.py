"""Where a probe was lost: in a switch or on a link, told by more probes for each link that it may have taken.

A probe that was last seen in a switch, and should have come to another one, was lost in the first behind FABRIC, on the
link, or in the second before FABRIC. One probe goes right over the link, another one into its far end as if it came
from there: what the far switch takes, is not to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sdn.controller.errands import Errand, Seen, sealed
from sdn.controller.parts import Parts
from sdn.controller.questions.hops import Hop, Onward, hops
from sdn.model.ids import Dpid
from sdn.model.tracing import Fault, LiveLoss
from sdn.pipeline.layout import PROBE_HOPS, PROBE_MAC_PREFIX, Table
from sdn.trace import CONTROLLER, Trace

MAX_LINKS = 4
"""Links behind one switch that are looked at."""
_MAC = PROBE_MAC_PREFIX + bytes([PROBE_HOPS])


@dataclass(frozen=True, slots=True)
class Look:
    """At a link behind the switch where a probe was lost. over, into: the probes that are to tell."""

    onward: Onward
    far: Hop
    over: Errand
    into: Errand


class Narrowing:
    """A probe that was lost against the programs. seen: of it, in the order of its way, all where they lead."""

    def __init__(self, found: Trace, seen: Sequence[Seen], parts: Parts) -> None:
        self._parts = parts
        self._hops = hops(found)
        self._start = self._hops[0]
        self._last = self._find_last(seen)
        self.looks = () if self._last is None else tuple(self._looks(self._last))

    def _find_last(self, seen: Sequence[Seen]) -> Hop | None:
        """The hop where it was seen last; None: not even in FABRIC of the first switch."""
        passed = [one.sighting for one in seen if one.sighting.table == Table.FABRIC]
        if not passed:
            return None
        last = passed[-1]
        if last.in_port == CONTROLLER:
            return self._start
        found = [hop for hop in self._hops.values() if (hop.dpid, hop.in_port) == (last.dpid, last.in_port)]
        alike = [hop for hop in found if int.from_bytes(hop.frame[:3], "big") == last.label]
        return next(iter(alike or found), None)

    def _looks(self, hop: Hop) -> list[Look]:
        looks = []
        for onward in hop.onward[:MAX_LINKS]:
            far = self._hops[onward.hop]
            if not self._parts.prober.can((hop.dpid, far.dpid)):
                continue
            frame = partial(sealed, far.frame[:6] + _MAC + far.frame[12:])
            over = Errand(Dpid(hop.dpid), Table.CLASSIFY, (), frame, PROBE_HOPS, out_port=onward.out)
            into = Errand(Dpid(far.dpid), Table.CLASSIFY, (), frame, PROBE_HOPS, look_up=far.in_port)
            looks.append(Look(onward, far, over, into))
        return looks

    def loss(self, told: Sequence[Sequence[Seen]] = ()) -> LiveLoss:
        """Where it was lost. told: what was seen of the probes of ``looks``, over and into, one after the other."""
        hop = self._last
        if hop is None:
            return self._inside(self._start, self._start.before, seen=False)
        if not hop.onward:
            return self._inside(hop, hop.behind, seen=True)
        links = [(onward, self._hops[onward.hop]) for onward in hop.onward]
        pairs = zip(self.looks if told else (), told[::2], told[1::2], strict=True)
        bad = [(look, into) for look, over, into in pairs if not _came(over, look.far)]
        if told and not bad and len(self.looks) == len(links):
            if len(links) == 1:
                return self._between(hop, *links[0], Fault.SWITCH, hop)
            return self._inside(hop, hop.behind, seen=True)
        if len(bad) == 1:
            look, into = bad[0]
            fault = Fault.LINK if _came(into, look.far) else Fault.SWITCH
            return self._between(hop, look.onward, look.far, fault, look.far)
        if len(links) == 1:
            return self._between(hop, *links[0], Fault.UNKNOWN, hop)
        return LiveLoss(self._name(hop), "", "", "", Fault.UNKNOWN, "", _told(hop.behind))

    def _inside(self, hop: Hop, steps: tuple[int, ...], *, seen: bool) -> LiveLoss:
        name = self._name(hop)
        return LiveLoss(name if seen else "", "" if seen else name, "", "", Fault.SWITCH, name, _told(steps))

    def _between(self, hop: Hop, onward: Onward, far: Hop, fault: Fault, blamed: Hop) -> LiveLoss:
        here = hop.behind if blamed is hop else far.before
        return LiveLoss(
            after=self._name(hop),
            before=self._name(far),
            after_interface=self._interface(hop.dpid, onward.out),
            before_interface=self._interface(far.dpid, far.in_port),
            fault=fault,
            switch=self._name(blamed) if fault is Fault.SWITCH else "",
            steps=_told(here if fault is Fault.SWITCH else (*hop.behind, *far.before)),
        )

    def _name(self, hop: Hop) -> str:
        return self._parts.topology.name_of(Dpid(hop.dpid))

    def _interface(self, dpid: int, number: int) -> str:
        return self._parts.topology.discovery.interface(Dpid(dpid), number) or str(number)


def words(loss: LiveLoss) -> str:
    """To blame, for people; empty if that is not known."""
    if loss.fault is Fault.LINK:
        return f"the link {loss.after}:{loss.after_interface} - {loss.before}:{loss.before_interface} loses it"
    if loss.fault is not Fault.SWITCH:
        return ""
    does = "does not send it on" if loss.switch == loss.after else "does not take it"
    return f"{loss.switch} {does}, and sdnctl audit {loss.switch} tells whether it holds its entries"


def _came(seen: Sequence[Seen], hop: Hop) -> bool:
    """Whether a switch took a probe."""
    return any(one.sighting.dpid == hop.dpid and one.sighting.table == Table.FABRIC for one in seen)


def _told(steps: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of steps as they are told: from 1."""
    return tuple(number + 1 for number in steps)
