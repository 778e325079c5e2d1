"""Whatever is asked, given back, displaced, cut or restarted: no more is reserved than there is, and states are true.

The sum on every direction of every link is counted anew from the paths that connections say they have. Of the legs of
a connection of many ends the most that one wants counts, in each sense of their paths; away from the root of a circuit
all of them count, as each frame is copied for each leg.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_priorities import GIGA, T, full, network, wish

from sdn.model.command import Delete, Put
from sdn.model.errors import SdnError
from sdn.model.intent import Binding, Connection, Constraints, Port, Protection
from sdn.model.status import PathHop, State

NAMES = [f"c{number}" for number in range(6)]
MANY = ["fan", "funnel", "net", "tree", "bush"]
FACTOR = 1.5


class Machine(RuleBasedStateMachine):
    """A full mesh of four switches with one link each; at each switch two hosts, and interfaces that nobody has."""

    @initialize()
    def begin(self) -> None:
        self.sim = network("full-mesh:switches=4,hosts=2,capacity=1G", oversubscription=FACTOR)
        self.ends = dict(zip(NAMES, [(1, 3), (2, 5), (1, 7), (4, 6), (3, 8), (5, 7)], strict=True))
        self.down: set[tuple[str, str]] = set()
        for device in self.sim.devices.values():
            for name in ("root", "leaf", "leaf2"):
                device.add_port(name)
        self.sim.start()
        self.sim.connect()
        self.sim.run(12)

    @rule(
        name=st.sampled_from(NAMES),
        tenths=st.integers(1, 12),
        priority=st.integers(0, 2),
        level=st.integers(0, 2),
        mode=st.sampled_from(["NONE", "PREFERRED", "REQUIRED"]),
        no_path=st.sampled_from(["FAIL", "WAIT", "BEST_EFFORT"]),
    )
    def ask(self, name: str, tenths: int, priority: int, level: int, mode: str, no_path: str) -> None:
        values = {"priority": priority, "level": level, "no_path": no_path, "protection": Protection(mode=mode)}
        with suppress(SdnError):
            self.sim.put(wish(name, *self.ends[name], tenths / 10, **values))

    @rule(
        name=st.sampled_from(MANY),
        tenths=st.integers(1, 12),
        others=st.sets(st.integers(2, 8), min_size=1, max_size=4),
        mode=st.sampled_from(["NONE", "PREFERRED", "REQUIRED"]),
        no_path=st.sampled_from(["FAIL", "WAIT", "BEST_EFFORT"]),
        way=st.sampled_from([Constraints(), Constraints(include_switches=("s3",)), Constraints(pinned=True)]),
        priority=st.integers(0, 2),
    )
    def ask_many(
        self, name: str, tenths: int, others: set[int], mode: str, no_path: str, way: Constraints, priority: int
    ) -> None:
        values = {"no_path": no_path, "protection": Protection(mode=mode), "constraints": way, "priority": priority}
        hub, ports = f"{T}/ports/h1", tuple(f"{T}/ports/h{number}" for number in sorted(others))
        ends = {
            "fan": {"a": hub, "b": "", "targets": ports},
            "funnel": {"a": "", "b": f"{T}/ports/h2", "sources": tuple(p for p in ports if p != f"{T}/ports/h2")},
            "net": {"a": f"{T}/ports/h3", "b": f"{T}/networks/n"},
            "tree": {"a": "s1:root", "b": "", "targets": leaves("tree", others)},
            "bush": {"a": "", "b": "s3:root@1", "sources": leaves("bush", others)},
        }[name]
        bandwidth = tenths * GIGA // 10
        with suppress(SdnError):
            self.sim.put(Connection(name=full(name), bandwidth=bandwidth, **ends, **values))  # type: ignore[arg-type]

    @rule(number=st.integers(6, 8), there=st.booleans())
    def port(self, number: int, there: bool) -> None:
        name = f"{T}/ports/h{number}"
        host = next(host for host in self.sim.declared.hosts if host.name == f"h{number}")
        place = Binding(switch=host.switch, interface=host.interface)
        with suppress(SdnError):
            command = Put(Port(name=name, network=f"{T}/networks/n", mac="", binding=place)) if there else Delete(name)
            self.sim.submit(command)

    @rule(name=st.sampled_from([*NAMES, *MANY]))
    def give_back(self, name: str) -> None:
        with suppress(SdnError):
            self.sim.submit(Delete(full(name)))

    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        end = data.draw(st.sampled_from(sorted(self.sim.wires)))
        self.sim.set_link(end, up=False)
        self.down |= {end, self.sim.wires[end]}

    @precondition(lambda self: self.down)
    @rule(data=st.data())
    def mend(self, data: st.DataObject) -> None:
        end = data.draw(st.sampled_from(sorted(self.down)))
        self.sim.set_link(end, up=True)
        self.down -= {end, self.sim.wires[end]}
        self.sim.run(2)

    @rule()
    def restart(self) -> None:
        self.sim.start()
        self.sim.connect()
        self.sim.run(12)

    @invariant()
    def never_more_than_there_is(self) -> None:
        if not hasattr(self, "sim"):
            return
        controller = self.sim.controller
        used: Counter[tuple[str, str]] = Counter()
        shared: dict[tuple[str, tuple[str, str], bool], int] = {}
        for connection in controller.store.objects.values():
            if isinstance(connection, Connection) and not connection.many:
                status = controller.statuses.of(connection)
                self.check_state(connection, bool(status.path), status.state)
                for path in (status.path, status.backup_path):
                    self.add(used, shared, path, connection)
        for (_, end, _), bandwidth in shared.items():
            used[end] += bandwidth
        for link in controller.topology.links():
            for end in (link.a, link.b):
                name = (
                    controller.topology.name_of(end.dpid),
                    controller.topology.discovery.interface(end.dpid, end.port) or "",
                )
                assert used.pop(name, 0) == controller.connections.ledger.reserved(end) <= FACTOR * GIGA
        assert not +used, "nothing is reserved where there is no link"

    def add(
        self,
        used: Counter[tuple[str, str]],
        shared: dict[tuple[str, tuple[str, str], bool], int],
        path: tuple[PathHop, ...],
        connection: Connection,
    ) -> None:
        for near, far in pairwise(path):
            for end, forward in (((near.switch, near.egress), True), ((far.switch, far.ingress), False)):
                if connection.leg_of and not copied(connection, forward):
                    key = connection.leg_of, end, forward
                    shared[key] = max(shared.get(key, 0), connection.bandwidth)
                else:
                    used[end] += connection.bandwidth
            assert not {(near.switch, near.egress), (far.switch, far.ingress)} & self.down

    def check_state(self, connection: Connection, path: bool, state: State) -> None:
        if state is State.PROGRAMMED:
            assert path
        if state in (State.REJECTED, State.DEGRADED) and connection.protection.mode != "REQUIRED":
            assert not path
        by = self.sim.controller.parts.lives.displaced(connection.name)
        assert not path or not by


def leaves(name: str, numbers: set[int]) -> tuple[str, ...]:
    """Of a circuit two at each switch, by their tags, or one of all frames."""
    if name == "bush":
        return tuple(f"s{(number + 1) // 2}:leaf@{number}" for number in sorted(numbers))
    return tuple(f"s{number}:leaf2" for number in sorted({(number + 1) // 2 for number in numbers}))


def copied(connection: Connection, forward: bool) -> bool:
    """Whether what goes in this sense of a path comes from the root of a circuit."""
    return (connection.a if forward else connection.b).partition("@")[0] in ("s1:root", "s3:root")


Machine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLedger = Machine.TestCase
