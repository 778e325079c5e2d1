"""A declared topology made of real Open vSwitch bridges, with hosts that are a port and a capture file each."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sdn.lab import stats, wiring
from sdn.lab.cabling import Cabling, PatchCabling, SocketCabling
from sdn.lab.ovs import LabError, PrivateOvs
from sdn.lab.pcap import PcapTail
from sdn.lab.stats import PortCounters
from sdn.lab.wiring import BridgeSettings, Command
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology

_WINDOW = 48
"""Frames on their way at once: a dummy port holds 100 (NETDEV_DUMMY_MAX_QUEUE in OVS) and drops what is above."""
_TURNS_PER_LINK = 2
"""Turns of ovs-vswitchd's main loop that a frame needs for a socket link (cabling.py)."""
_COMMANDS_PER_TURN = 10
"""The most that ovs-vswitchd answers to one connection in one turn (run_connection in OVS's unixctl.c)."""
_TURNS_PER_SWEEP = 4
_MAX_SETTLE_ROUNDS = 200

LinkRef = DeclaredLink | tuple[str, str]
"""A link, or the names of the two switches that it alone connects."""


@dataclass(frozen=True, slots=True)
class _Host:
    declared: DeclaredHost
    tail: PcapTail


class LabNetwork:
    """A running network, as a context manager; ``topology`` holds the names of all interfaces.

    controller: target of ovs-vsctl, as ``tcp:127.0.0.1:6653``, or '' for none. links: see ``cabling``.
    daemons: 'one' ovs-vswitchd for all, 'each' switch its own, or 'auto': one, if interface names are unique.
    keep: leave the directory with logs, databases and captures behind. probe: milliseconds of silence before a switch
    asks whether the controller lives. Errors are LabError, or InvalidInput for a topology that cannot be built.
    """

    def __init__(
        self,
        topology: DeclaredTopology,
        *,
        controller: str = "",
        links: Literal["socket", "patch"] = "socket",
        daemons: Literal["auto", "one", "each"] = "auto",
        keep: bool = False,
        probe: int = 5000,
    ) -> None:
        self.topology = wiring.complete(topology)
        unique = wiring.has_unique_interfaces(self.topology)
        self._each = daemons == "each" or (daemons == "auto" and not unique)
        if not self._each and not unique:
            raise LabError("two switches have an interface of the same name. Use daemons='each', or other names.")
        if self._each and links == "patch":
            raise LabError("patch ports connect bridges of one ovs-vswitchd only. Use links='socket'.")
        self._sockets = links == "socket"
        self._settings = BridgeSettings(controller, probe)
        self._keep = keep
        self._bridges = wiring.bridge_names(self.topology)
        self._daemon_of = {switch: i if self._each else 0 for i, switch in enumerate(self.topology.switches)}
        self._ovs: list[PrivateOvs] = []
        self._hosts: dict[str, _Host] = {}
        self._captures = itertools.count(1)
        self._cut: set[DeclaredLink] = set()
        self._stopped: set[str] = set()
        self._directory: Path | None = None
        self._cabling: Cabling

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # ---- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the switches, with all links up."""
        self._directory = Path(tempfile.mkdtemp(prefix="sdn-lab-", dir="/tmp"))
        cabling = SocketCabling if self._sockets else PatchCabling
        self._cabling = cabling(lambda switch: (self.ovs_of(switch), self.bridge_of(switch)), self._directory)
        try:
            for number in range(len(self.topology.switches) if self._each else 1):
                self._ovs.append(PrivateOvs(self._directory / f"ovs{number}"))
                self._ovs[-1].start()
            for host in self.topology.hosts:
                self._hosts[host.name] = self._new_host(host)
            self._build(self.topology.switches)
            self._cabling.join(self.topology.links)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all processes and remove the directory unless ``keep``. Does nothing when stopped already."""
        for ovs in self._ovs:
            ovs.stop()
        self._ovs.clear()
        if self._directory is not None and not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    @property
    def directory(self) -> Path:
        """Where logs, databases and captures are."""
        if self._directory is None:
            raise LabError("this network does not run. Call start(), or use it as a context manager.")
        return self._directory

    def log_tail(self) -> str:
        """The end of the logs of all switches."""
        return "\n".join(ovs.log_tail() for ovs in self._ovs)

    # ---- switches ------------------------------------------------------------------------------------------------

    def ovs_of(self, switch: str) -> PrivateOvs:
        """The Open vSwitch instance in which a switch lives."""
        return self._ovs[self._daemon_of[switch]]

    def bridge_of(self, switch: str) -> str:
        """The name of a switch's bridge, for commands of Open vSwitch."""
        return self._bridges[switch]

    def ofctl(self, switch: str, command: str, *args: str) -> str:
        """``ovs-ofctl COMMAND`` on a switch."""
        return self.ovs_of(switch).ofctl(command, self.bridge_of(switch), *args)

    def flows(self, switch: str) -> str:
        """All flows as ``ovs-ofctl dump-flows`` prints them."""
        return self.ofctl(switch, "dump-flows")

    def groups(self, switch: str) -> str:
        """All groups as ``ovs-ofctl dump-groups`` prints them."""
        return self.ofctl(switch, "dump-groups")

    def ports(self, switch: str) -> dict[str, int]:
        """Interface name → OpenFlow port number."""
        return stats.parse_ports(self.ofctl(switch, "dump-ports-desc"))

    def counters(self, switch: str) -> dict[str, PortCounters]:
        """Packets and bytes per interface since the port was made."""
        names = {number: name for name, number in self.ports(switch).items()}
        return stats.parse_counters(self.ofctl(switch, "dump-ports"), names)

    def set_controller(self, controller: str) -> None:
        """Connect every switch to another controller, or to none if empty; also those started later."""
        self._settings = replace(self._settings, controller=controller)
        batches: dict[PrivateOvs, list[Command]] = {}
        for switch in filter(self.runs, self.topology.switches):
            batch = batches.setdefault(self.ovs_of(switch), [])
            batch += wiring.set_controller(self.bridge_of(switch), self._settings)
        for ovs, batch in batches.items():
            ovs.vsctl_batch(batch)

    def connected(self, switch: str) -> bool:
        """Whether the switch has an OpenFlow connection to its controller."""
        if not self.runs(switch) or not self._settings.controller:
            return False
        text = self.ovs_of(switch).vsctl("get", "controller", self.bridge_of(switch), "is_connected")
        return text.strip() == "true"

    def runs(self, switch: str) -> bool:
        """Whether a switch was not stopped."""
        return switch not in self._stopped

    def stop_switch(self, switch: str) -> None:
        """A power failure: the switch is gone with its flows, and its neighbours see their links go down."""
        if not self.runs(switch):
            return
        self._stopped.add(switch)
        if self._each:
            self.ovs_of(switch).stop_vswitchd(kill=True)
            self.ovs_of(switch).vsctl("--no-wait", "del-br", self.bridge_of(switch))
        else:
            self.ovs_of(switch).vsctl("del-br", self.bridge_of(switch))
        self._cabling.part(self._links_of(switch), self.runs)

    def start_switch(self, switch: str) -> None:
        """Bring a stopped switch back with an empty table; its links come up unless cut or leading to a stopped one."""
        if self.runs(switch):
            return
        if self._each:
            self.ovs_of(switch).start_vswitchd()
        self._stopped.discard(switch)
        self._build([switch])
        links = self._links_of(switch)
        self._cabling.part([link for link in links if not self._works(link)], lambda name: name == switch)
        self._cabling.join([link for link in links if self._works(link)])

    # ---- links ---------------------------------------------------------------------------------------------------

    def link(self, a: str, b: str) -> DeclaredLink:
        """The only link between two switches; raises LabError when there is none or more."""
        found = [link for link in self.topology.links if {link.a[0], link.b[0]} == {a, b}]
        if len(found) != 1:
            raise LabError(f"{len(found)} links connect {a} and {b}. Pick one from topology.links.")
        return found[0]

    def cut(self, *links: LinkRef) -> None:
        """Interrupt links, many at once: no frame crosses them, and the switches see them go down."""
        new = [link for link in dict.fromkeys(map(self._declared, links)) if link not in self._cut]
        working = [link for link in new if self._works(link)]
        self._cut.update(new)
        if working:
            self._cabling.part(working, self.runs)

    def mend(self, *links: LinkRef) -> None:
        """Undo ``cut``."""
        declared = [link for link in dict.fromkeys(map(self._declared, links)) if link in self._cut]
        self._cut.difference_update(declared)
        working = [link for link in declared if self._works(link)]
        if working:
            self._cabling.join(working)

    # ---- hosts ---------------------------------------------------------------------------------------------------

    @property
    def hosts(self) -> dict[str, DeclaredHost]:
        """All hosts by name."""
        return {name: host.declared for name, host in self._hosts.items()}

    def add_host(self, name: str, switch: str, interface: str) -> None:
        """Plug a new host in."""
        host = DeclaredHost(name, switch, interface)
        wiring.check_host(self.topology, host)
        grown = replace(self.topology, hosts=(*self.topology.hosts, host))
        if not self._each and (not wiring.has_unique_interfaces(grown) or interface in self._bridges.values()):
            raise LabError(f"another port or bridge is named {interface!r}. Use another name, or daemons='each'.")
        self.topology = grown
        self._hosts[name] = self._new_host(host)
        if self.runs(switch):
            self.ovs_of(switch).vsctl_batch(self._host_commands(lambda declared: declared is host))

    def remove_host(self, name: str) -> None:
        """Unplug a host: its port disappears."""
        host = self._hosts.pop(name).declared
        self.topology = replace(self.topology, hosts=tuple(h for h in self.topology.hosts if h is not host))
        if self.runs(host.switch):
            self.ovs_of(host.switch).vsctl("del-port", self.bridge_of(host.switch), host.interface)

    def send(self, host: str, *frames: bytes) -> None:
        """Let a host send frames, in this order."""
        self.send_all((host, frame) for frame in frames)

    def send_all(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Send (host, frame) pairs in this order, no faster than the switches take them, whatever their number.

        Raises LabError when a host's switch was stopped.
        """
        rest = iter(frames)
        while window := list(itertools.islice(rest, _WINDOW)):
            by_ovs: dict[PrivateOvs, list[Command]] = {}
            for name, frame in window:
                host = self._hosts[name].declared
                command = ("netdev-dummy/receive", host.interface, frame.hex())
                by_ovs.setdefault(self.ovs_of(host.switch), []).append(command)
            for ovs, commands in by_ovs.items():
                ovs.appctl_batch(commands)
            # All may go over one link, or come from one port: wait until there is room for the next window.
            most = max(Counter(name for name, _ in window).values())
            self._turn(_TURNS_PER_LINK * len(window) if self._sockets else most)

    def received(self, host: str) -> list[bytes]:
        """Frames that came to a host since the last call."""
        return self._hosts[host].tail.read()

    def settle(self) -> None:
        """Return when no frame is on its way any more in the switches (what a controller holds is not seen)."""
        # A frame may be on a long way without reaching a host, so each round lasts as long as the longest way.
        turns = _TURNS_PER_LINK * (len(self.topology.switches) + 1) if self._sockets else 2
        before = self._capture_sizes()
        for _ in range(_MAX_SETTLE_ROUNDS):
            self._turn(turns)
            now = self._capture_sizes()
            if now == before:
                return
            before = now
        raise LabError("frames go on arriving. Look for a loop, or for a host that sends all the time.")

    # ---- inside --------------------------------------------------------------------------------------------------

    def _turn(self, times: int) -> None:
        """Let the main loop of every ovs-vswitchd turn at least this often, in sweeps over all of them."""
        for _ in range(-(-times // _TURNS_PER_SWEEP)):
            for ovs in self._ovs:
                if ovs.running:
                    ovs.appctl_batch([("version",)] * (_TURNS_PER_SWEEP * _COMMANDS_PER_TURN))

    def _capture_sizes(self) -> list[int]:
        paths = (host.tail.path for host in self._hosts.values())
        return [path.stat().st_size if path.exists() else 0 for path in paths]

    def _new_host(self, host: DeclaredHost) -> _Host:
        return _Host(host, PcapTail(self.directory / f"h{next(self._captures)}.pcap"))

    def _declared(self, link: LinkRef) -> DeclaredLink:
        if not isinstance(link, DeclaredLink):
            return self.link(*link)
        if link not in self.topology.links:
            raise LabError(f"{link.a} to {link.b} is no link of this network. Pick one from topology.links.")
        return link

    def _links_of(self, switch: str) -> list[DeclaredLink]:
        return [link for link in self.topology.links if switch in (link.a[0], link.b[0])]

    def _works(self, link: DeclaredLink) -> bool:
        return link not in self._cut and self.runs(link.a[0]) and self.runs(link.b[0])

    def _build(self, switches: Iterable[str]) -> None:
        """Make bridges with all their ports; links do not work yet."""
        batches: dict[PrivateOvs, list[Command]] = {}
        for switch in switches:
            batch = batches.setdefault(self.ovs_of(switch), [])
            batch += wiring.add_bridge(self.bridge_of(switch), self.topology.switches[switch], self._settings)
            batch += self._cabling.build(switch, self._links_of(switch))
            batch += self._host_commands(lambda host, switch=switch: host.switch == switch)  # type: ignore[misc]
        for ovs, commands in batches.items():
            ovs.vsctl_batch(commands)

    def _host_commands(self, chosen: Callable[[DeclaredHost], bool]) -> Iterator[Command]:
        for host in self._hosts.values():
            if chosen(host.declared):
                bridge = self.bridge_of(host.declared.switch)
                yield from wiring.add_host_port(bridge, host.declared.interface, str(host.tail.path))
