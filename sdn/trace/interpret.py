"""The way of a packet: from table to table, through groups, from switch to switch.

A pure function of the frame, the port it comes in by, and what switches hold and how they are wired. What may be
followed is bounded: steps by ``Limits``, resubmits within a switch as in Open vSwitch. A frame that comes to a port
where it was before goes round for ever; this is found after all steps were taken, and cut there (``Why.LOOP``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sdn.trace import actions as act
from sdn.trace.fields import Values
from sdn.trace.packet import Packet, extract
from sdn.trace.rewrite import CannotWriteError, write
from sdn.trace.steps import ALL, CONTROLLER, FAST_FAILOVER, INDIRECT, SELECT, Change, Doing, Step, Trace, Why
from sdn.trace.tables import Place, Switch

_IN_PORT = 0xFFFFFFF8
_FIRST_RESERVED = 0xFFFFFF00
_DEPTH, _RESUBMITS = 64, 4096
"""MAX_DEPTH and MAX_RESUBMITS of Open vSwitch (ofproto/ofproto-dpif-xlate.c): nested lookups, and all of a packet."""
_LIVENESS_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """steps: of a trace; what would come after them is not told (Why.TOO_LONG)."""

    steps: int = 20_000


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a frame that the controller sends enters the tables of the first switch, and what registers hold there.

    look_up: port by which the flow of that table is chosen, 0: as it came in; what follows is as it came in.
    """

    table: int = 0
    registers: Mapping[str, int] = field(default_factory=dict)
    look_up: int = 0


def trace(
    world: Callable[[int], Switch | None],
    start: Place,
    frame: bytes,
    limits: Limits | None = None,
    entrance: Entrance | None = None,
) -> Trace:
    """Follow a frame of at least 14 bytes that comes in by a port. O(steps + flows of the tables visited).

    world: the switch of a datapath id, None if there is none. entrance: of a frame that no port has sent.
    """
    tracer = _Tracer(world, limits or Limits(), entrance or Entrance())
    tracer.arrive(start, frame)
    tracer.run()
    return Trace(_without_circles(tracer.steps()))


class _TooDeepError(Exception):
    """Open vSwitch would give up on this packet, in this switch."""


class _TooLongError(Exception):
    """The trace has as many steps as it may have."""


@dataclass(slots=True)
class _Draft:
    """A step that is being made."""

    step: Step
    next: list[int] = field(default_factory=list)
    why: Why | None = None
    note: str = ""
    meters: list[int] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    values: Values = field(default_factory=dict)

    def done(self) -> Step:
        """The step."""
        return replace(
            self.step,
            next=tuple(self.next),
            why=self.why,
            note=self.note,
            meters=tuple(self.meters),
            changes=self.changes,
            values=self.values,
        )


@dataclass(slots=True)
class _Visit:
    """A frame in a switch."""

    switch: Switch
    dpid: int
    packet: Packet
    resubmits: int = 0
    look_up: int = 0
    """Port by which the next flow is chosen, and no other; 0: that by which the frame came in."""


class _Tracer:
    def __init__(self, world: Callable[[int], Switch | None], limits: Limits, entrance: Entrance) -> None:
        self._world, self._limits, self._entrance = world, limits, entrance
        self._drafts: list[_Draft] = []
        self._waiting: list[int] = []
        self._arrived: dict[tuple[Place, bytes], int] = {}

    def steps(self) -> tuple[Step, ...]:
        return tuple(draft.done() for draft in self._drafts)

    def arrive(self, place: Place, frame: bytes) -> int:
        """The step at which this frame enters by this port, told once."""
        number = self._arrived.get((place, frame))
        if number is None:
            number = self._add(Step(0, Doing.ARRIVE, place[0], port=place[1], frame=frame))
            self._arrived[place, frame] = number
            self._waiting.append(number)
        return number

    def run(self) -> None:
        while self._waiting:
            number = self._waiting.pop()
            before = len(self._drafts), list(self._waiting)
            try:
                self._visit(self._drafts[number])
            except _TooDeepError as error:
                self._take_back(*before)
                self._drafts[number].next.clear()
                self._end(number, Why.TOO_DEEP, str(error))
            except _TooLongError:
                self._end(number, Why.TOO_LONG, f"more than {self._limits.steps} steps")
                for other in self._waiting:
                    self._end(other, Why.TOO_LONG, "")
                return

    def _take_back(self, count: int, waiting: list[int]) -> None:
        del self._drafts[count:]
        self._waiting = waiting
        self._arrived = {key: number for key, number in self._arrived.items() if number < count}

    def _add(self, step: Step, after: int | None = None) -> int:
        number = len(self._drafts)
        if number >= self._limits.steps:
            raise _TooLongError
        self._drafts.append(_Draft(replace(step, number=number)))
        if after is not None:
            self._drafts[after].next.append(number)
        return number

    def _end(self, number: int, why: Why, note: str = "") -> None:
        self._drafts[number].why, self._drafts[number].note = why, note

    # Within a switch

    def _visit(self, draft: _Draft) -> None:
        step = draft.step
        switch = self._world(step.dpid)
        if switch is None:
            self._end(step.number, Why.NO_SWITCH)
            return
        packet = extract(step.frame)
        values = {**packet.fields, "in_port": step.port}
        entrance = self._entrance if step.number == 0 else Entrance()
        values.update(entrance.registers)
        visit = _Visit(switch, step.dpid, packet, look_up=entrance.look_up)
        self._tables(visit, values, entrance.table, step.number, 0)

    def _tables(self, visit: _Visit, values: Values, table: int | None, after: int, depth: int) -> None:
        """Look the packet up in a table and in those that its flows lead to."""
        while table is not None:
            visit.resubmits += 1
            if depth > _DEPTH or visit.resubmits > _RESUBMITS:
                raise _TooDeepError(f"more than {_DEPTH} resubmits within each other, or {_RESUBMITS} in all")
            after, table = self._table(visit, values, table, after, depth)

    def _table(self, visit: _Visit, values: Values, table: int, after: int, depth: int) -> tuple[int, int | None]:
        """The step made, and the table that the flow leads to."""
        chosen_by, visit.look_up = visit.look_up or values["in_port"], 0
        keys, sure = visit.switch.match(table, {**values, "in_port": chosen_by})
        bodies = {visit.switch.flows[key] for key in keys}
        key = keys[0] if keys else None
        number = self._add(Step(0, Doing.TABLE, visit.dpid, table=table, key=key), after)
        if not sure:
            self._end(number, Why.UNKNOWN, "a flow that may match names a field that is not known here")
        elif len(bodies) > 1:
            note = f"{len(keys)} flows of priority {int.from_bytes(keys[0][1:3], 'big')} match and differ"
            self._end(number, Why.UNKNOWN, note)
        elif key is None:
            self._end(number, Why.NO_MATCH)
        else:
            return number, self._instructions(visit, values, bodies.pop(), number, depth)
        self._drafts[number].values = dict(values)
        return number, None

    def _instructions(self, visit: _Visit, values: Values, body: bytes, number: int, depth: int) -> int | None:
        before, goto = dict(values), None
        goes_on = True
        try:
            for kind, data in act.items(body):
                if kind == act.GOTO_TABLE:
                    goto = data[0]
                elif kind == act.METER:
                    self._drafts[number].meters.append(int.from_bytes(data[:4], "big"))
                elif kind == act.APPLY_ACTIONS:
                    goes_on = self._actions(visit, values, act.actions(data[4:]), number, depth)
                else:
                    raise act.UnknownError(f"instruction({kind},{data.hex()})")
        except act.UnknownError as error:
            self._end(number, Why.UNKNOWN, str(error))
            goto = None
        self._note_changes(number, before, values)
        draft = self._drafts[number]
        if draft.why is None and goto is None and not draft.next:
            self._end(number, Why.NO_OUTPUT if body else Why.DROPPED)
            draft.values = before
        return goto if goes_on and draft.why is None else None

    def _note_changes(self, number: int, before: Values, values: Values) -> None:
        self._drafts[number].changes = tuple(
            Change(name, before.get(name, 0), value) for name, value in values.items() if before.get(name, 0) != value
        )

    def _actions(self, visit: _Visit, values: Values, actions: Iterable[act.Action], number: int, depth: int) -> bool:
        """Carry out actions in order; False when the packet ends there."""
        for action in actions:
            if isinstance(action, act.Output):
                self._output(visit, values, action.port, number)
            elif isinstance(action, act.ToGroup):
                self._group(visit, values, action.group, number, depth)
            elif isinstance(action, act.Resubmit):
                # Only a lookup in the same or an earlier table counts as deeper there; all do here, which is no less.
                self._tables(visit, values, action.table, number, depth + 1)
            elif isinstance(action, act.DecTtl):
                if values["dl_type"] not in (0x0800, 0x86DD):
                    continue
                if values.get("nw_ttl", 0) <= 1:
                    self._end(number, Why.TTL)
                    return False
                values["nw_ttl"] -= 1
            elif isinstance(action, act.CheckLarger):
                larger = len(visit.packet.frame) > action.length
                act.change(act.Load(action.field, larger << action.bit, 1 << action.bit), values)
            else:
                act.change(action, values)
        return True

    # Groups

    def _group(self, visit: _Visit, values: Values, group_id: int, after: int, depth: int) -> None:
        group = visit.switch.groups.get(group_id)
        kind = group.type if group is not None else 0
        number = self._add(Step(0, Doing.GROUP, visit.dpid, group=group_id, kind=kind), after)
        if group is None:
            self._end(number, Why.NO_GROUP)
            return
        try:
            buckets = list(act.buckets(group.buckets))
            chosen = self._chosen(visit.switch, kind, buckets)
        except act.UnknownError as error:
            self._end(number, Why.UNKNOWN, str(error))
            return
        if not chosen:
            self._end(number, Why.NO_BUCKET)
        for index, share in chosen:
            self._bucket(
                visit,
                dict(values),
                buckets[index],
                replace(self._drafts[number].step, bucket=index, share=share),
                depth,
            )

    def _chosen(self, switch: Switch, kind: int, buckets: list[act.Bucket]) -> list[tuple[int, tuple[int, int]]]:
        """(index, share) of the buckets that the packet takes, or one of which it takes; alike ones once."""
        if kind == ALL:
            return [(index, (1, 1)) for index in range(len(buckets))]
        if kind == INDIRECT:
            return [(0, (1, 1))] if buckets else []
        live = [index for index, bucket in enumerate(buckets) if _alive(switch, bucket, 0)]
        if kind == FAST_FAILOVER:
            return [(live[0], (1, 1))] if live else []
        if kind != SELECT:
            raise act.UnknownError(f"a group of type {kind}")
        weights: dict[bytes, int] = {}
        first: dict[bytes, int] = {}
        for index in live:
            bucket = buckets[index]
            if bucket.weight:
                weights[bucket.actions] = weights.get(bucket.actions, 0) + bucket.weight
                first.setdefault(bucket.actions, index)
        total = sum(weights.values())
        return [(first[same], (weight, total)) for same, weight in weights.items()]

    def _bucket(self, visit: _Visit, values: Values, bucket: act.Bucket, step: Step, depth: int) -> None:
        """A bucket's actions are a set: changes first, then what ends it (OpenFlow 1.3.5, section 5.10)."""
        number = self._add(replace(step, doing=Doing.BUCKET), step.number)
        before = dict(values)
        try:
            actions = list(act.actions(bucket.actions))
            final = [action for action in actions if isinstance(action, act.FINAL)]
            if len(final) > 1 or (final and actions[-1] is not final[0]):
                raise act.UnknownError("a bucket with several outputs, or changes behind one")
            # A copy ends with its bucket; what it changed does not reach the actions behind the group.
            self._actions(visit, values, actions[: len(actions) - len(final)], number, depth)
            self._note_changes(number, before, values)
            if self._drafts[number].why is None:
                self._actions(visit, values, final, number, depth)
        except act.UnknownError as error:
            self._end(number, Why.UNKNOWN, str(error))
        draft = self._drafts[number]
        if draft.why is None and not draft.next:
            self._end(number, Why.NO_OUTPUT)

    # Out

    def _output(self, visit: _Visit, values: Values, port: int, after: int) -> None:
        back = port == _IN_PORT
        port = values["in_port"] if back else port
        number = self._add(Step(0, Doing.OUTPUT, visit.dpid, port=port), after)
        draft = self._drafts[number]
        if port == values["in_port"] and not back and port != CONTROLLER:
            self._end(number, Why.INGRESS)
            return
        if back and port == CONTROLLER:  # what the controller sends comes from no port that could be sent to
            self._end(number, Why.NO_PORT)
            return
        try:
            frame = write(visit.packet, values)
        except CannotWriteError as error:
            self._end(number, Why.UNKNOWN, f"the frame cannot be made: {error}")
            return
        draft.step = replace(draft.step, frame=frame)
        if port == CONTROLLER:
            self._end(number, Why.CONTROLLER)
            draft.values = dict(values)
        elif port >= _FIRST_RESERVED and port not in visit.switch.ports:
            self._end(number, Why.UNKNOWN, f"output to the reserved port {port:#x}")
        elif port not in visit.switch.ports:
            self._end(number, Why.NO_PORT)
        elif not visit.switch.ports[port]:
            self._end(number, Why.PORT_DOWN)
        elif port in visit.switch.links:
            draft.next.append(self.arrive(visit.switch.links[port], frame))
        else:
            self._end(number, Why.DELIVERED)


def _alive(switch: Switch, bucket: act.Bucket, depth: int) -> bool:
    """Whether a bucket may be used: it watches nothing, a port that is up, or a group with a live bucket."""
    if depth > _LIVENESS_DEPTH:
        raise act.UnknownError("groups watch each other in a circle, or too deeply")
    if bucket.port is None and bucket.group is None:
        return True
    if bucket.port is not None and switch.ports.get(bucket.port, False):
        return True
    group = switch.groups.get(bucket.group) if bucket.group is not None else None
    return group is not None and any(_alive(switch, other, depth + 1) for other in act.buckets(group.buckets))


def _without_circles(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, with every way that leads back to a step above it ended there."""
    found = list(steps)
    state = {0: 0}
    open_steps, stack = {0}, [0]
    while stack:
        number = stack[-1]
        following = found[number].next
        at = state[number]
        if at == len(following):
            open_steps.discard(stack.pop())
            continue
        state[number] = at + 1
        below = following[at]
        if below in open_steps:
            back = found[below]
            end = replace(back, number=len(found), next=(), why=Why.LOOP, note=f"as in step {below + 1}")
            found.append(end)
            found[number] = replace(found[number], next=(*following[:at], end.number, *following[at + 1 :]))
        elif below not in state:
            state[below] = 0
            open_steps.add(below)
            stack.append(below)
    return tuple(found)
