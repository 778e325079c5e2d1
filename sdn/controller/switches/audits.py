"""Audits: switches are read back with all instructions, one after the other and when somebody asks, and repaired.

A switch goes on being written to while it is read: what changed meanwhile is not judged (reconcile.SwitchSync). Whoever
asks is answered from a read-back that began after the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf

from sdn.controller.effects import Audited, RequestReadBack
from sdn.controller.switches.fleet import Fleet, Switch
from sdn.model.errors import Exhausted, Limit, NotFound, SdnError, Thing, Unavailable
from sdn.model.ids import Dpid
from sdn.model.notation import format_match, split_key
from sdn.model.notice import AuditReport, Finding
from sdn.model.program import Entry
from sdn.pipeline.layout import TABLE_NAMES
from sdn.pipeline.program import SwitchProgram
from sdn.reconcile import Adoption

MAX_FINDINGS = 100
"""Of each kind, in one report."""
MAX_WAITING = 1000
"""Questions that wait for answers; more are refused."""


class Audits:
    """When which switch is read back. interval: seconds between two read-backs of any switches."""

    def __init__(self, fleet: Fleet, name_of: Callable[[Dpid], str], interval: float, now: float) -> None:
        self._fleet = fleet
        self._name_of = name_of
        self._interval = interval
        self._due = now + interval
        self._last: Dpid | None = None
        self._suspects: dict[Dpid, None] = {}
        self._suspected: dict[Dpid, float] = {}
        self._wanted: dict[Dpid, list[int]] = {}
        self._asked: dict[Dpid, list[int]] = {}

    @property
    def waiting(self) -> int:
        """Questions that are not answered yet."""
        return sum(map(len, (*self._wanted.values(), *self._asked.values())))

    def want(self, token: int, switch: str, dpid: Dpid | None) -> Audited | None:
        """Somebody asks for an audit of a switch; an answer at once if that cannot be."""
        error: SdnError | None = None
        found = None if dpid is None else self._fleet.get(dpid)
        if dpid is None or found is None:
            remedy = "List the topology for names and datapath ids."
            thing = Thing("Switch", switch)
            error = NotFound.of("switch", f"no switch {switch!r} has connected since the start", remedy, thing)
        elif not found.live:
            error = Unavailable.of("switch", self._why_not(found), "Ask again when it is connected.")
        elif self.waiting >= MAX_WAITING:
            limit = Limit("", "audits", MAX_WAITING, MAX_WAITING)
            error = Exhausted.of("", f"{MAX_WAITING} audits are waiting to be answered", "Ask again later.", limit)
        if error is not None:
            return Audited(token, error)
        assert dpid is not None
        self._wanted.setdefault(dpid, []).append(token)
        return None

    def _why_not(self, switch: Switch) -> str:
        name = self._name_of(switch.dpid)
        return f"switch {name} is not connected" if switch.session is None else f"switch {name} is not adopted yet"

    def suspect(self, dpid: Dpid, now: float) -> None:
        """A switch refused an entry, perhaps because somebody took away what that needs: look, once in an interval."""
        if now - self._suspected.get(dpid, -inf) >= self._interval:
            self._suspected[dpid] = now
            self._suspects[dpid] = None

    def questions(self, now: float) -> Iterator[RequestReadBack]:
        """Read-backs to be asked for: those that are wanted, and the next switch's when it is time."""
        for dpid in [*self._wanted, *(dpid for dpid in self._suspects if dpid not in self._wanted)]:
            switch = self._fleet.get(dpid)
            question = self._fleet.ask(switch) if switch is not None else None
            if question is not None:
                self._suspects.pop(dpid, None)
                self._asked[dpid] = self._wanted.pop(dpid, [])
                yield question
        if now >= self._due:
            self._due = now + self._interval
            question = self._next()
            if question is not None:
                yield question

    def _next(self) -> RequestReadBack | None:
        live = sorted((s for s in self._fleet if s.live), key=lambda s: (s.dpid <= (self._last or 0), s.dpid))
        for switch in live[:1]:
            self._last = switch.dpid
            return self._fleet.ask(switch)
        return None

    def answers(self, dpid: Dpid, report: AuditReport) -> Iterator[Audited]:
        """For those who asked before the read-back began."""
        for token in self._asked.pop(dpid, ()):
            yield Audited(token, report)

    def lost(self, dpid: Dpid) -> Iterator[Audited]:
        """A session ended: for those who wait for its switch."""
        self._suspects.pop(dpid, None)
        text = f"switch {self._name_of(dpid)} went away before it was read back"
        for token in (*self._asked.pop(dpid, ()), *self._wanted.pop(dpid, ())):
            yield Audited(token, Unavailable.of("switch", text, "Ask again when it is connected."))


def report_of(name: str, found: Adoption, program: SwitchProgram) -> AuditReport:
    """What was found, with entries in the notation of ovs-ofctl and their owners. name: of the switch."""
    findings = (
        _finding(kind, entry, program)
        for kind, entries in (("missing", found.missing), ("changed", found.changed), ("extra", found.extra))
        for entry in entries[:MAX_FINDINGS]
    )
    return AuditReport(
        switch=name,
        checked=len(program.flows) + len(program.groups) + len(program.meters),
        missing=len(found.missing),
        changed=len(found.changed),
        extra=len(found.extra),
        alien_flows=found.alien,
        alien_groups=found.alien_groups,
        findings=tuple(findings),
    )


def owners_of(entries: Iterable[Entry], program: SwitchProgram) -> tuple[str, ...]:
    """The objects that asked for these entries, each once, sorted."""
    return tuple(sorted({unit.object for entry in entries for unit in program.owners(entry)}))


def _finding(kind: str, entry: Entry, program: SwitchProgram) -> Finding:
    owners = owners_of([entry], program)
    more = f" and {len(owners) - 1} more" if len(owners) > 1 else ""
    owner = owners[0] + more if owners else ""
    if not isinstance(entry.key, bytes):
        word = "group_id" if entry.kind == "group" else "meter"
        return Finding(kind, entry.kind, "", 0, f"{word}={entry.key}", owner)
    table, priority, match = split_key(entry.key)
    return Finding(kind, "flow", TABLE_NAMES.get(table, str(table)), priority, _match_text(match), owner)


def _match_text(match: bytes) -> str:
    """Also of what others wrote under our mark, with fields that we do not know."""
    try:
        return format_match(match)
    except SdnError:
        return f"0x{match.hex()}"
