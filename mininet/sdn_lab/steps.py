"""Carries out the steps of an experiment in a running lab, and compares what happens with what is expected.

A step that goes wrong is told and the next one follows; only what makes the rest senseless (a name that does not
exist, a daemon that has ended) ends the experiment, as an exception.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from . import pictures, wishes
from .experiment import Experiment, Step
from .flows import Throughput
from .lab import MininetLab, StreamTicket
from .machine import MachineError
from .matrix import Reachability
from .report import Outcome

_SHOWN = 20
"""Lines of what is wrong in a matrix."""


class Steps:
    """lab: running, with the manifest applied. tell: called with each outcome as it is there."""

    def __init__(self, lab: MininetLab, experiment: Experiment, tell: Callable[[Outcome], None]) -> None:
        self._lab = lab
        self._experiment = experiment
        self._tell = tell
        self._start = time.monotonic()
        self._running: dict[str, tuple[float, StreamTicket | Throughput]] = {}
        self._marks: list[tuple[float, str]] = []
        self.outcomes: list[Outcome] = []

    def run(self) -> list[Outcome]:
        """All steps; measurements that nobody has awaited are awaited at the end."""
        for step in self._experiment.steps:
            self._do(step)
        for name in list(self._running):
            self._do(Step("end", {"of": name, "lost": None, "gap": None, "least": None}, ""))
        return self.outcomes

    def _do(self, step: Step) -> None:
        began = time.monotonic() - self._start
        perform = getattr(self, f"_do_{step.verb}")
        try:
            outcome: Outcome = perform(step.fields)
        except MachineError as error:
            raise MachineError(f"{self._experiment.file}, {step.where}: {step.verb}: {error}") from None
        outcome.time = began
        self.outcomes.append(outcome)
        self._tell(outcome)

    # Doing

    def _do_say(self, fields: Any) -> Outcome:
        return Outcome(fields[""])

    def _do_apply(self, fields: Any) -> Outcome:
        count = self._lab.apply(self._experiment.file.parent / fields[""])
        return Outcome(f"Apply {fields['']}", text=f"{count} objects, confirmed by every switch concerned")

    def _do_cut(self, fields: Any) -> Outcome:
        return self._event(f"Cut {' - '.join(fields[''])}", self._lab.cut, fields[""])

    def _do_mend(self, fields: Any) -> Outcome:
        return self._event(f"Mend {' - '.join(fields[''])}", self._lab.mend, fields[""])

    def _do_stop(self, fields: Any) -> Outcome:
        return self._event(f"Stop {fields['']}", self._lab.stop_switch, fields[""])

    def _do_start(self, fields: Any) -> Outcome:
        return self._event(f"Start {fields['']}", self._lab.start_switch, fields[""])

    def _begin(self, name: str, ticket: StreamTicket | Throughput) -> None:
        if name in self._running:
            raise MachineError(f"{name!r} is under way already; end it, or use another name.")
        self._running[name] = time.monotonic() - self._start, ticket

    def _event(self, what: str, do: Callable[[Any], None], argument: Any) -> Outcome:
        self._marks.append((time.monotonic() - self._start, what))
        do(argument)
        return Outcome(what)

    def _do_move(self, fields: Any) -> Outcome:
        host, switch = fields["host"], fields["to"]
        self._marks.append((time.monotonic() - self._start, f"move {host}"))
        interface = self._lab.move(host, switch)
        return Outcome(f"Move {host} to {switch}", text=f"it is at {interface} now, with the same addresses")

    def _do_ready(self, fields: Any) -> Outcome:
        self._lab.ready(fields["timeout"])
        return Outcome("All switches are in sync, all links are up")

    def _do_wait(self, fields: Any) -> Outcome:
        time.sleep(fields[""])
        return Outcome(f"{fields['']:g} seconds pass")

    # Seeing

    def _do_matrix(self, fields: Any) -> Outcome:
        found = self._lab.matrix(int(fields["version"]), fields["protocol"], timeout=fields["timeout"])
        wanted = len(found.expected & found.tried)
        text = _some(found.explain()) or (
            f"{wanted} pairs reach each other, {len(found.tried) - wanted} pairs are kept apart, as they must be"
        )
        title = f"Who reaches whom: IPv{fields['version']} {fields['protocol']}"
        return Outcome(title, found.right, text, [pictures.matrix(found)], _counts(found))

    def _do_broadcast(self, fields: Any) -> Outcome:
        sender = fields["from"]
        end = self._lab.endpoint(sender)
        wanted = {e.host for e in self._lab.endpoints.values() if e.network == end.network} - {sender}
        heard = self._lab.broadcast(sender, f"b{len(self.outcomes)}")
        text = f"heard by {', '.join(sorted(heard)) or 'nobody'}"
        return Outcome(f"{sender} speaks to everybody", heard == wanted, text, numbers={"heard": sorted(heard)})

    def _do_path(self, fields: Any) -> Outcome:
        sender, receiver, count = fields["from"], fields["to"], int(fields["packets"])
        before = self._lab.carried()
        _, lost, _ = self._lab.start_stream(sender, receiver, interval=0.002, count=count).result()
        load = self._lab.carried(before)
        busy = {pair for pair, packets in load.items() if packets * 2 >= count}
        switches = {name for pair in busy for name in pair}
        right = lost == 0 and (not fields["via"] or fields["via"] in switches) and fields["avoid"] not in switches
        lines = [f"{a} to {b}: {load[a, b]} packets" for a, b in sorted(busy)]
        drawn = {pair: load[pair] for pair in busy}
        picture = pictures.network(self._lab.network.topology, drawn, self._lab.network.cut_links, (sender, receiver))
        title = f"The way of {count} packets from {sender} to {receiver}, and of the answers"
        return Outcome(title, right, "\n".join(lines) or "they do not leave the switch", [picture], {"lost": lost})

    def _do_spread(self, fields: Any) -> Outcome:
        """Each link of a switch towards others carries its share of many TCP connections."""
        switch, before = fields["from"], self._lab.carried()
        for _ in range(int(fields["rounds"])):
            self._lab.matrix(4, "tcp")
        load = self._lab.carried(before)
        links = {b: count for (a, b), count in load.items() if a == switch}
        total = sum(links.values()) or 1
        shares = {b: count / total for b, count in links.items()}
        right = bool(shares) and min(shares.values()) >= fields["least"]
        text = "\n".join(f"{switch} to {b}: {links[b]} packets, {shares[b]:.0%}" for b in sorted(shares))
        picture = pictures.network(self._lab.network.topology, load, self._lab.network.cut_links)
        numbers: dict[str, object] = {"shares": {b: round(share, 3) for b, share in shares.items()}}
        return Outcome(f"How traffic spreads over the links of {switch}", right, text, [picture], numbers)

    def _do_connection(self, fields: Any) -> Outcome:
        connection = wishes.await_state(self._lab.client, fields)
        legs = [[hop.switch for hop in leg.path] for leg in connection.status.legs] or [
            [hop.switch for hop in connection.status.path]
        ]
        hops = [switch for leg in legs for switch in leg]
        there = bool(hops) or fields["state"] in ("PENDING", "DEGRADED", "EXPIRED")
        right = there and (not fields["via"] or fields["via"] in hops) and fields["avoid"] not in hops
        right = right and wishes.is_as(connection.status, fields)
        text = "\n".join(" - ".join(leg) for leg in legs if leg)
        text = text or f"{connection.status.reason} {connection.status.message}"
        pairs = (pair for leg in legs for pair in itertools.pairwise(leg))
        load = dict.fromkeys(pairs, connection.bandwidth_bps // 1000000)
        picture = pictures.network(self._lab.network.topology, load, self._lab.network.cut_links)
        title = f"{fields['name']}, {connection.bandwidth_bps / 1e6:g} Mbit/s reserved"
        return Outcome(title, right, text, [picture], {"path": hops})

    def _do_refused(self, fields: Any) -> Outcome:
        """A manifest that must not be taken."""
        text = wishes.refusal(self._lab.client, self._experiment.file.parent / fields["file"])
        right = text is not None and fields["because"] in text
        return Outcome(f"Apply {fields['file']}, to be refused", right, text or "it was taken")

    def _do_book(self, fields: Any) -> Outcome:
        ends = {side: self._lab.endpoint(fields[word]).port for side, word in (("a", "from"), ("b", "to"))}
        begin = wishes.book(self._lab.client, ends, fields)
        return Outcome(f"{fields['name']} is booked", text=f"for {fields['seconds']:g} s from {begin} on")

    # Measuring over time

    def _do_stream(self, fields: Any) -> Outcome:
        interval, seconds = fields["interval"], fields["seconds"]
        ends = fields["from"], fields["to"]
        self._begin(fields["name"], self._lab.start_stream(*ends, interval=interval, count=round(seconds / interval)))
        return Outcome(f"From now on {ends[0]} sends a packet to {ends[1]} every {interval * 1000:g} ms")

    def _do_throughput(self, fields: Any) -> Outcome:
        ends = fields["from"], fields["to"]
        self._begin(fields["name"], Throughput(self._lab, *ends, seconds=fields["seconds"]))
        return Outcome(f"From now on {ends[0]} sends to {ends[1]} as fast as TCP allows")

    def _do_end(self, fields: Any) -> Outcome:
        name = fields["of"]
        if name not in self._running:
            raise MachineError(f"no stream or throughput {name!r} was begun.")
        began, ticket = self._running.pop(name)
        if isinstance(ticket, StreamTicket):
            return self._end_stream(name, ticket, fields)
        values = ticket.result()
        mean = sum(rate for _, rate in values) / len(values) / 1e6
        marks = [(at - began, what) for at, what in self._marks if at >= began]
        picture = pictures.series([(t, rate / 1e6) for t, rate in values], "Mbit/s", marks)
        right = None if fields["least"] is None else mean >= fields["least"]
        numbers: dict[str, object] = {"mbit_per_s": [[round(t, 2), round(r / 1e6, 1)] for t, r in values]}
        return Outcome(f"Throughput {name!r}", right, f"{mean:.0f} Mbit/s on average", [picture], numbers)

    def _end_stream(self, name: str, ticket: StreamTicket, fields: Any) -> Outcome:
        sent, lost, gap = ticket.result()
        bounds = ((lost, fields["lost"]), (gap, fields["gap"]))
        wanted = [value <= most for value, most in bounds if most is not None]
        text = f"{sent} packets, {lost} lost, longest silence {gap * 1000:.0f} ms"
        numbers: dict[str, object] = {"sent": sent, "lost": lost, "gap_ms": round(gap * 1000, 1)}
        return Outcome(f"Stream {name!r}", all(wanted) if wanted else None, text, numbers=numbers)


def _some(text: str) -> str:
    """The first lines, and how many more there are."""
    lines = text.splitlines()
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(lines[:_SHOWN] + more)


def _counts(found: Reachability) -> dict[str, object]:
    return {
        "tried": len(found.tried),
        "reach": len(found.arrived & found.answered),
        "missing": sorted(map(list, found.missing)),
        "leaks": sorted(map(list, found.leaks)),
    }
