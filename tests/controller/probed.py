"""A simulation whose switches carry probes: what they hold is carried out on paper, with links that lose silently."""

from __future__ import annotations

from ipaddress import ip_network

from simulation import LLDP, Device, Simulation

from sdn.controller.effects import SendPacket
from sdn.controller.events import Event, PacketIn, PacketsSent
from sdn.model.intent import Binding, Connection, Network, Port, Subnet, Tenant
from sdn.trace import CONTROLLER, Doing, Entrance, Switch, Why, trace

T = "tenants/t"
NAME = f"{T}/connections/c"


class Probed(Simulation):
    """interval: of probes. lossy: (switch, interface) whose cable, in this direction, carries LLDP and nothing else."""

    def __init__(self, spec: str, interval: float = 10.0, **more: bool) -> None:
        self.path_probe_interval = interval
        self.lossy: set[tuple[str, str]] = set()
        self.frames: list[SendPacket] = []
        self.seen: list[PacketIn] = []
        self.at_hosts: list[bytes] = []
        super().__init__(spec, **more)  # type: ignore[arg-type]

    def _carry(self, packet: SendPacket) -> list[Event]:
        device = self._of_session(packet.session)
        if device is None or packet.data[12:14] == LLDP:
            return super()._carry(packet)
        self.frames.append(packet)
        start, entrance = (int(device.dpid), packet.in_port or CONTROLLER), Entrance()
        if packet.entrance is not None:
            registers = {f"reg{n}": value for n, value in packet.entrance.registers}
            entrance = Entrance(packet.entrance.table, registers, packet.entrance.look_up or 0)
        else:
            switch = self._world(int(device.dpid))
            assert switch is not None
            start = switch.links[packet.out_port]
        found = trace(self._world, start, packet.data, entrance=entrance)
        parents = {below: step for step in found.steps for below in step.next}
        events: list[Event] = [PacketsSent(packet.session, device.dpid, (packet.token,), self.now, 0.002)]
        for step in found.steps:
            if step.why is Why.DELIVERED:
                self.at_hosts.append(step.frame)
            elif step.why is Why.CONTROLLER:
                table = step
                while table.doing is not Doing.TABLE:
                    table = parents[table.number]
                registers = {int(k[3:]): v for k, v in step.values.items() if k.startswith("reg")}
                far = self.devices[self.by_dpid[step.dpid]]  # type: ignore[index]
                into, at = step.values.get("in_port", 0), self.now + 0.003
                event = PacketIn(far.session, far.dpid, into, table.table, 0, registers, step.frame, at)
                events.append(event)
                self.seen.append(event)
        return events

    def _world(self, dpid: int) -> Switch | None:
        name = self.by_dpid.get(dpid)  # type: ignore[call-overload]
        return None if name is None else self._switch(name, self.devices[name])

    def _switch(self, name: str, device: Device) -> Switch:
        links = {}
        for interface, port in device.ports.items():
            other = self.wires.get((name, interface))
            if other is not None:
                far = self.devices[other[0]]
                lost = (name, interface) in self.lossy
                links[port.number] = (0 if lost else int(far.dpid), far.ports[other[1]].number)
        up = {port.number: port.up for port in device.ports.values()}
        return Switch(device.flows, device.groups, up, links)

    def lose(self, a: str, b: str, *, both: bool = False) -> None:
        """The cable from a to b loses all but LLDP."""
        for end, other in self.wires.items():
            if (end[0], other[0]) == (a, b) or (both and (end[0], other[0]) == (b, a)):
                self.lossy.add(end)

    def path(self, name: str = NAME) -> list[str]:
        """Switches of the path that is reserved."""
        return [hop.switch for hop in self.controller.statuses.of(self.controller.store.objects[name]).path]


def ready(spec: str, interval: float = 10.0) -> Probed:
    """All switches connected, one tenant with a port for each host."""
    sim = Probed(spec, interval)
    sim.connect()
    sim.run(3)
    ports = [
        Port(
            name=f"{T}/ports/{host.name}",
            network=f"{T}/networks/n",
            mac="",
            binding=Binding(switch=host.switch, interface=host.interface),
        )
        for host in sim.declared.hosts
    ]
    subnet = Subnet(name=f"{T}/subnets/s", network=f"{T}/networks/n", cidr=ip_network("10.0.0.0/24"))
    sim.put(Tenant(name=T), Network(name=f"{T}/networks/n"), subnet, *ports)
    sim.run(1)
    return sim


def wish(sim: Simulation, name: str = NAME, **values: object) -> Connection:
    """A connection between the first and the last host."""
    first, *_, last = sim.declared.hosts
    ends = {"a": f"{T}/ports/{first.name}", "b": f"{T}/ports/{last.name}"}
    return Connection(**{"name": name, **ends, "bandwidth": 10**6, **values})  # type: ignore[arg-type]
