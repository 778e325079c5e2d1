"""A world of switches and cables that carries probes, with a clock of its own."""

from sdn.model.topology import SwitchPort
from sdn.topology import End

KEY = b"k" * 32


def mac(dpid, number):
    return bytes((2, dpid, 0, 0, 0, number))


class Fabric:
    """Ports of switch d are numbered from 1 and named d-eth1 and so on. Cables join (dpid, number) pairs."""

    def __init__(self, state, discovery=None):
        self.state = state
        self.discovery = discovery or state.discovery
        self.now = 100.0
        self.cables = {}
        self.up = {}
        self.down_ports = set()
        self._random = 0

    def random_bytes(self, count):
        self._random += 1
        return self._random.to_bytes(count, "little")

    def port(self, dpid, number, name=None):
        up = (dpid, number) not in self.down_ports
        return SwitchPort(number, name or f"{dpid}-eth{number}", mac(dpid, number), up, 0)

    def connect(self, dpid, count):
        self.up[dpid] = count
        self.discovery.switch_up(dpid, [self.port(dpid, n) for n in range(1, count + 1)], self.now)

    def disconnect(self, dpid):
        self.up.pop(dpid, None)
        self.discovery.switch_down(dpid, self.now)

    def plug(self, a, b):
        for end in (a, b):
            self.unplug(end)
        self.cables[a] = b
        self.cables[b] = a

    def unplug(self, end):
        other = self.cables.pop(end, None)
        self.cables.pop(other, None)

    def set_port(self, dpid, number, up):
        (self.down_ports.discard if up else self.down_ports.add)((dpid, number))
        if dpid in self.up:
            self.discovery.port_changed(dpid, self.port(dpid, number), self.now)

    def probes(self):
        return self.discovery.probes(self.now, self.random_bytes)

    def deliver(self, sent):
        """Carry probes over the cables; returns the rejects."""
        rejects = []
        for dpid, number, frame in sent:
            target = self.cables.get((dpid, number))
            if target and target[0] in self.up and not {target, (dpid, number)} & self.down_ports:
                rejects.append(self.discovery.receive(*target, frame, self.now))
        return [r for r in rejects if r]

    def tick(self, seconds=0.1):
        self.now += seconds
        rejects = self.deliver(self.probes())
        (self.state or self.discovery).expire(self.now)
        return rejects

    def run(self, seconds):
        rejects = []
        for _ in range(round(seconds * 10)):
            rejects += self.tick()
        return rejects

    def links(self):
        return self.discovery.links()


def pair(a, b):
    """The link between two (dpid, number) by names."""
    ends = sorted(End(d, f"{d}-eth{n}") for d, n in (a, b))
    return ends[0], ends[1]
