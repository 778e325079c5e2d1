"""A simulation in which switches carry out batches when a test says so, and act on what they held for a while longer.

What a packet may meet is judged by the flows and groups that switches hold: at any moment a switch may act on its
tables, on those before a batch that is on its way to it or was answered less than a grace ago, and on those behind it.
"""

from __future__ import annotations

import random
import re
from functools import cache
from ipaddress import ip_network
from typing import NamedTuple

from simulation import Device, Simulation

from sdn.controller.effects import Effect, SendBatch
from sdn.controller.events import BatchDone, Event
from sdn.model.ids import Dpid
from sdn.model.intent import Binding, Network, Port, Subnet, Tenant
from sdn.model.notation import format_body, format_buckets
from sdn.model.program import Batch, Group
from sdn.pipeline.fabric import compile_wiring
from sdn.pipeline.layout import Table, octet0
from sdn.topology.adjacency import End
from sdn.topology.maintenance import LinkWish

CACHED = 0.9
"""Seconds for which a switch may act on former tables behind the answer; the controller waits a second."""
T = "tenants/t"
EPOCH_MASK = octet0(0, 0, 3)
"""Bits of octet 0 that tell the epoch (and the two lowest, which are always the same)."""


(LISTENS,) = compile_wiring(1, link=True, probe=False).flows.values()
"""What CLASSIFY does with labelled frames from a link."""


class Action(NamedTuple):
    """own: delivered here. stages: what is tried in order: (ports to choose from, octet 0 to be written or None)."""

    own: bool = False
    stages: tuple[tuple[tuple[int, ...], int | None], ...] = ()


@cache
def stage_of(text: str) -> tuple[tuple[int, ...], int | None]:
    color = re.search(r"load:0x([0-9a-f]+)->NXM_OF_ETH_DST\[40\.\.47\]", text)
    return tuple(map(int, re.findall(r"output:(\d+)", text))), int(color[1], 16) if color else None


class Tables:
    """What a switch holds of STAMP and FABRIC. Never changed once made."""

    def __init__(self, flows: dict[bytes, bytes], groups: dict[int, Group]) -> None:
        self.flows = {key: body for key, body in flows.items() if key[0] in (Table.STAMP, Table.FABRIC)}
        self.groups = dict(groups)
        self.stamps: dict[int, int] = {}
        self.labels: dict[tuple[int, int], Action] = {}
        self.own: int | None = None
        self.listens = {
            int.from_bytes(key[7:11], "big")
            for key, body in flows.items()
            if key[0] == Table.CLASSIFY and body == LISTENS
        }
        """Ports at which labelled frames are taken."""
        for key, body in self.flows.items():
            text = format_body(body)
            label = key[7:13] if len(key) >= 13 else b""
            transport = int.from_bytes(label[1:3], "big")
            stamp = re.search(r"load:0x([0-9a-f]+)->", text)
            if key[0] == Table.STAMP and stamp:
                self.stamps[transport] = int(stamp[1], 16)
            elif key[0] == Table.FABRIC and f"goto_table:{int(Table.DELIVER)}" in text:
                self.own = transport
            elif key[0] == Table.FABRIC:
                self.labels[label[0], transport] = self.action(text)

    def asked_for(self, used: set[tuple[int, int]]) -> Tables:
        """What can be in the cache: labels that packets have carried."""
        found = Tables({}, {})
        found.stamps, found.own, found.listens = self.stamps, self.own, self.listens
        found.labels = {
            (octet, label): action
            for (octet, label), action in self.labels.items()
            if (octet & EPOCH_MASK, label) in used
        }
        return found

    def action(self, text: str) -> Action:
        group = re.search(r"group:(\d+)", text)
        if not group:
            return Action(stages=(stage_of(text),))
        return Action(stages=tuple(self.stages(int(group[1]))))

    def stages(self, number: int):  # type: ignore[no-untyped-def]
        group = self.groups[number]
        buckets = format_buckets(group.type, group.buckets).split("bucket=")[1:]
        if group.type == 1:
            yield tuple(sorted({port for bucket in buckets for port in stage_of(bucket)[0]})), None
            return
        for bucket in buckets:
            inner = re.search(r"actions=group:(\d+)", bucket)
            if inner:
                yield from self.stages(int(inner[1]))
            else:
                yield stage_of(bucket)


class MovingRoutes(Simulation):
    """slow: batches wait for ``answer``. lossless: no packet may be lost, whatever switches do next."""

    def __init__(self, spec: str, *, repair: bool = True) -> None:
        self.slow = self.lossless = self.judged = False
        self.waiting: list[tuple[Device, SendBatch]] = []
        self.now_held: dict[Dpid, Tables] = {}
        self.former: dict[Dpid, list[tuple[float | None, Tables]]] = {}
        """Until when it may be acted on; None: that is not known yet."""
        self.checks = 0
        super().__init__(spec, repair=repair)

    def ready(self) -> None:
        """All switches connected, a port on each host interface, and everything at rest."""
        self.connect()
        self.run(3)
        self.put(
            Tenant(name=T),
            Network(name=f"{T}/networks/n"),
            Subnet(name=f"{T}/subnets/s", network=f"{T}/networks/n", cidr=ip_network("10.0.0.0/16")),
            *(
                Port(
                    name=f"{T}/ports/{host.name}",
                    network=f"{T}/networks/n",
                    mac="",
                    binding=Binding(switch=host.switch, interface=host.interface),
                )
                for host in self.declared.hosts
            ),
        )
        self.run(4)
        self.labels = {name: self.tables(device).own for name, device in self.devices.items()}
        self.edges = {host.switch for host in self.declared.hosts}
        self.judged = True

    # ---- switches that take their time ----

    def tables(self, device: Device) -> Tables:
        held = self.now_held.get(device.dpid)
        if held is None:
            held = self.now_held[device.dpid] = Tables(device.flows, device.groups)
        return held

    def _carry_out(self, effect: Effect) -> list[Event]:
        if not isinstance(effect, SendBatch):
            return super()._carry_out(effect)
        device = self._of_session(effect.session)
        if device is None:
            return []
        if self.slow:
            self.waiting.append((device, effect))
            self.judge()
            return []
        return [self.take(device, effect)]

    def take(self, device: Device, effect: SendBatch) -> BatchDone:
        """A switch carries a batch out."""
        if self.judged:
            cached = self.tables(device).asked_for(self.in_use())
            self.former.setdefault(device.dpid, []).append((self.now + CACHED, cached))
        failures = device.write(effect.batch)
        self.now_held.pop(device.dpid, None)
        self.judge()
        return BatchDone(effect.session, device.dpid, effect.batch_id, failures)

    def answer(self, index: int) -> None:
        """One of the batches on their way is carried out and answered."""
        device, effect = self.waiting.pop(index)
        if device.session == effect.session:
            self.turn(self.take(device, effect))

    def rest(self, rng: random.Random, seconds: float = 6) -> None:
        """Batches are answered in a random order, time passing in between, until nothing is to be done any more."""
        end = self.now + seconds
        while self.now < end or self.waiting:
            while self.waiting and rng.random() < 0.8:
                self.answer(rng.randrange(len(self.waiting)))
            self.run(0.1)
        assert not self.waiting

    def set_cost(self, index: int, cost: int) -> None:
        """An operator gives a link another cost."""
        link = self.declared.links[index]
        pair = sorted(End(self.declared.switches[name], interface) for name, interface in (link.a, link.b))
        self.controller.topology.set_link((pair[0], pair[1]), LinkWish(cost=cost))
        self.turn()

    # ---- what packets meet ----

    def held(self, name: str) -> list[tuple[Tables, bool]]:
        """All that a switch may act on, now or before anybody hears of it again; whether that is its cache.

        A cache has only what packets have asked for, so a label that was not known then is not in it as one to drop:
        nobody had written it yet.
        """
        device = self.devices[name]
        former = [item for item in self.former.get(device.dpid, ()) if item[0] is None or item[0] > self.now]
        self.former[device.dpid] = former
        found = [(self.tables(device), False), *((tables, True) for _, tables in former)]
        found += [(after(device, effect.batch), False) for waiting, effect in self.waiting if waiting is device]
        return found

    def in_use(self) -> set[tuple[int, int]]:
        """Epochs and transports that packets may carry."""
        every = (tables for name in self.devices for tables, _ in self.held(name))
        return {(octet & EPOCH_MASK, label) for tables in every for label, octet in tables.stamps.items()}

    def alive(self, name: str, port: int) -> str | None:
        """The switch at the other end of a link that is alive."""
        (interface,) = (key for key, item in self.devices[name].ports.items() if item.number == port)
        far = self.wires.get((name, interface))
        if far is None or not self.devices[name].ports[interface].up or not self.devices[far[0]].ports[far[1]].up:
            return None
        return far[0]

    def judge(self) -> None:
        """No mixture of what switches may do has a loop, and none loses a packet if ``lossless``."""
        if not self.judged:
            return
        self.checks += 1
        held = {name: self.held(name) for name in self.devices}
        for destination in sorted(self.edges):
            label = self.labels[destination]
            assert label is not None
            done: set[tuple[str, int]] = set()
            for name in sorted(self.edges - {destination}):
                for tables, cached in held[name]:
                    octet = tables.stamps.get(label)
                    if octet is not None:
                        self.follow(held, destination, label, (name, octet), done)
                    elif self.lossless and not cached:
                        raise AssertionError(f"{name} has no label for {destination}")

    def steps(self, held, destination: str, label: int, at: tuple[str, int]):  # type: ignore[no-untyped-def]
        name, octet = at
        if name == destination:
            return
        for tables, cached in held[name]:
            action = tables.labels.get((octet, label))
            if action is None and cached:
                continue
            choice = next(
                (
                    (ports, wanted)
                    for every, wanted in (action.stages if action else ())
                    if (ports := [far for port in every if (far := self.alive(name, port))])
                ),
                None,
            )
            if choice is not None:
                for far in choice[0]:
                    yield far, octet if choice[1] is None else choice[1]
            elif self.lossless:
                raise AssertionError(f"{name} drops what is labelled {octet:#x} for {destination}")

    def follow(self, held, destination, label, start, done) -> None:  # type: ignore[no-untyped-def]
        way = {start: self.steps(held, destination, label, start)}
        while way:
            at, rest = next(reversed(way.items()))
            for step in rest:
                assert step not in way, f"a loop to {destination}: {[*way, step]}"
                if step not in done:
                    way[step] = self.steps(held, destination, label, step)
                    break
            else:
                del way[at]
                done.add(at)


def after(device: Device, batch: Batch) -> Tables:
    """What a switch holds when it has carried out a batch."""
    flows = {**device.flows, **dict(batch.flows)}
    groups = {**device.groups, **dict(batch.groups)}
    for key in batch.deletes:
        flows.pop(key, None)
    for number in batch.group_deletes:
        groups.pop(number, None)
    return Tables(flows, groups)
