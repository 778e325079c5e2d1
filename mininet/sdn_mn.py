"""Topologies, the switch and the controller of this project for Mininet's own program ``mn``.

    sudo mn --custom mininet/sdn_mn.py --topo fattree,4 --switch sdn --controller sdn
    sudo mn --custom mininet/sdn_mn.py --topo sdn,zoo:Abilene --switch sdn --controller sdn --test pingall

Topologies: fattree,K  leafspine,SPINES,LEAVES,HOSTS  ring,SWITCHES,HOSTS  torus,X,Y,HOSTS  mesh,SWITCHES,HOSTS
random,SWITCHES,DEGREE,SEED,HOSTS  sdn,SPEC (anything that ``python -m sdn.graph list`` knows, or a file). Each takes
``prefix=TEXT``, which is put before all names, so that two labs can live on one machine.

Rules
- ``mn`` executes this file with the system's Python: the standard library and mininet alone. What needs more is done by
  the Python of the project's .venv, as a process of its own.
- ``mn`` takes all names of this file among its own, so those that are not for it begin with Sdn, sdn or SDN.
- No exception may leave: ``mn`` answers any by killing programs by their names and deleting every bridge of the
  machine. What is wrong is told, and ends ``mn`` before it has made anything.
"""

from __future__ import annotations

import atexit
import ctypes
import inspect
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mininet.log import info, warn
from mininet.node import Controller, Node, OVSSwitch
from mininet.topo import Topo

SDN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
SDN_MAX_INTERFACE = 15
"""Bytes of a network device's name in Linux (IFNAMSIZ without the final zero)."""
SDN_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent ends."""
SDN_START_SECONDS, SDN_STOP_SECONDS, SDN_READY_SECONDS = 30.0, 10.0, 60.0


def sdn_end(message: str) -> None:
    """Tell what is wrong and end ``mn``; its handler of exceptions does not see this one."""
    print(f"sdn_mn: {message}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def sdn_root() -> Path:
    """The project's directory, by the name under which this code was compiled: there is no __file__."""
    frame = inspect.currentframe()
    assert frame is not None, "CPython has frames"
    return Path(frame.f_code.co_filename).resolve().parents[1]


SDN_ROOT = sdn_root()
SDN_PYTHON = SDN_ROOT / ".venv" / "bin" / "python"
if not os.access(SDN_PYTHON, os.X_OK):
    sdn_end(f"there is no {SDN_PYTHON}. Run ./dev setup in {SDN_ROOT} first.")


class SdnShared:
    """What the topology, the switches and the controller of one run tell each other."""

    topology: dict[str, Any] | None = None
    controller: SdnController | None = None


def sdn_declared(spec: str) -> dict[str, Any]:
    """A topology as the project's Python reads it: names, interfaces and links, as in its JSON files."""
    command = [str(SDN_PYTHON), "-m", "sdn.graph", "convert", spec, "--to", "json", "--interfaces"]
    done = subprocess.run(command, cwd=os.getcwd(), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sdn_end(f"topology {spec!r}: {done.stderr.strip()[-2000:]}")
    declared: dict[str, Any] = json.loads(done.stdout)
    return declared


def sdn_named(declared: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The same with names that Linux takes as interfaces, with datapath ids, and with at least one host a switch."""
    names = {}
    for number, row in enumerate(declared["switches"], 1):
        row.setdefault("dpid", f"{number:016x}")
        name = prefix + row["name"]
        # Ten bytes leave room for -ethN; names of cities may hold anything.
        fits = len(name) <= SDN_MAX_INTERFACE - 6 and SDN_NAME.fullmatch(name)
        names[row["name"]] = name if fits else f"{prefix}s{number}"
    if len(set(names.values())) < len(names):
        names = {row["name"]: f"{prefix}s{number}" for number, row in enumerate(declared["switches"], 1)}
    used = dict.fromkeys(names, 0)

    def interface(switch: str) -> str:
        used[switch] += 1
        return f"{names[switch]}-eth{used[switch]}"

    links = []
    for row in declared.get("links", ()):
        ends = {key: row[key].partition(":")[0] for key in ("a", "b")}
        links.append({**row, **{key: f"{names[end]}:{interface(end)}" for key, end in ends.items()}})
    hosts = declared.get("hosts") or [{"name": f"h{n}", "switch": name} for n, name in enumerate(names, 1)]
    return {
        "name": declared.get("name", ""),
        "switches": [{**row, "name": names[row["name"]]} for row in declared["switches"]],
        "links": links,
        "hosts": [
            {**row, "name": prefix + row["name"], "switch": names[row["switch"]], "interface": interface(row["switch"])}
            for row in hosts
        ],
    }


def sdn_check_names(declared: dict[str, Any]) -> None:
    """End with a message when the machine has one of these names already: Mininet would delete what bears it."""
    wanted = {row["name"] for row in declared["switches"]}
    wanted |= {row[key].partition(":")[2] for row in declared["links"] for key in ("a", "b")}
    wanted |= {row["interface"] for row in declared["hosts"]}
    bridges = subprocess.run(["ovs-vsctl", "--timeout=5", "list-br"], capture_output=True, text=True, check=False)
    taken = {path.name for path in Path("/sys/class/net").iterdir()} | set(bridges.stdout.split())
    long = sorted(name for name in wanted if len(name) > SDN_MAX_INTERFACE)
    if long:
        sdn_end(f"{long[0]!r} is too long for an interface. Use a shorter prefix.")
    if wanted & taken:
        sdn_end(
            f"this machine has {min(wanted & taken)!r} already; another lab may be running. Add ,prefix=x to --topo."
        )


class SdnTopo(Topo):  # type: ignore[misc]
    """A topology of the project's own. spec: as sdnd takes it; prefix: before all names."""

    def build(self, spec: str, prefix: str = "") -> None:
        """Mininet's hook: add nodes and links."""
        declared = sdn_named(sdn_declared(spec), str(prefix))
        sdn_check_names(declared)
        for row in declared["switches"]:
            self.addSwitch(row["name"], dpid=row["dpid"])
        for row in declared["hosts"]:
            self.addHost(row["name"])
        # The numbers are those in the names, so that Mininet gives the very names that sdnd is told.
        for row in declared["links"]:
            (a, a_port), (b, b_port) = (row[key].split(":") for key in ("a", "b"))
            self.addLink(a, b, port1=sdn_number(a_port), port2=sdn_number(b_port))
        for row in declared["hosts"]:
            self.addLink(row["name"], row["switch"], port2=sdn_number(row["interface"]))
        SdnShared.topology = declared


def sdn_number(interface: str) -> int:
    """The number at the end of an interface's name."""
    return int(interface.rpartition("-eth")[2])


def sdn_family(generator: str, *parameters: str) -> Any:
    """What --topo calls: positional arguments are the parameters of a generator, others go by name."""

    def make(*values: Any, prefix: str = "", **more: Any) -> SdnTopo:
        if len(values) > len(parameters):
            sdn_end(f"{generator} takes at most {', '.join(parameters)}, and others as NAME=VALUE.")
        options = {**dict(zip(parameters, values, strict=False)), **more}
        return SdnTopo(f"{generator}:" + ",".join(f"{key}={value}" for key, value in options.items()), prefix=prefix)

    return make


def sdn_any(*values: Any, prefix: str = "", **more: Any) -> SdnTopo:
    """--topo sdn,SPEC, where ``mn`` has taken SPEC apart at commas and equal signs."""
    parts = [str(value) for value in values] + [f"{key}={value}" for key, value in more.items()]
    if not parts:
        sdn_end("name a topology: --topo sdn,zoo:Abilene")
    return SdnTopo(",".join(parts), prefix=prefix)


class SdnSwitch(OVSSwitch):  # type: ignore[misc]
    """Open vSwitch as sdnd wants it; datapath: 'kernel' or 'user', by default what this kernel can."""

    def __init__(self, name: str, datapath: str = "", protocols: str = "OpenFlow13", **params: Any) -> None:
        chosen = datapath or ("kernel" if sdn_kernel_switches() else "user")
        super().__init__(name, datapath=chosen, protocols=protocols, failMode="secure", **params)

    @classmethod
    def batchStartup(cls, switches: Any, **options: Any) -> Any:  # noqa: N802 - Mininet's name
        """Start the switches together, make hosts send whole checksums, and wait until hosts have been found."""
        started = super().batchStartup(switches, **options)
        hosts = [far for switch in switches for far in sdn_far_interfaces(switch) if not sdn_is_switch(far.node)]
        if any(switch.datapath == "user" for switch in switches):
            for far in hosts:
                # On veth the userspace datapath would send TCP and UDP with unfinished checksums.
                far.node.cmd("ethtool", "-K", far.name, "tx", "off")
        if SdnShared.controller is not None:
            SdnShared.controller.wait_ready(len(hosts))
        return started


def sdn_kernel_switches() -> bool:
    """Whether the kernel has Open vSwitch's datapath."""
    if Path("/sys/module/openvswitch").exists():
        return True
    try:
        return subprocess.run(["modprobe", "-q", "openvswitch"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def sdn_far_interfaces(switch: Any) -> list[Any]:
    """The other ends of a switch's cables."""
    links = [(own, own.link) for own in switch.intfList() if own.link is not None]
    return [link.intf2 if link.intf1 is own else link.intf1 for own, link in links]


def sdn_is_switch(node: Any) -> bool:
    """Whether a node forwards, so that no host is to be found there."""
    return hasattr(node, "dpid")


class SdnController(Controller):  # type: ignore[misc]
    """sdnd, started and stopped with the network: free ports, a state directory of its own, learning mode.

    learn: the network for the hosts; openflow, grpc: ports on 127.0.0.1, 0 for the usual or any free one.
    """

    def __init__(
        self, name: str, learn: str = "tenants/lab/networks/all", openflow: int = 0, grpc: int = 0, **params: Any
    ) -> None:
        params.pop("port", None)
        openflow, self.grpc = openflow or sdn_free_port(6653), grpc or sdn_free_port(50051)
        self.state = Path(tempfile.mkdtemp(prefix="sdn-mn-"))
        self.log = self.state / "sdnd.log"
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.end)
        super().__init__(name, port=openflow, **params)
        self._launch(learn)
        SdnShared.controller = self

    @property
    def address(self) -> str:
        """Where the API listens."""
        return f"127.0.0.1:{self.grpc}"

    def checkListening(self) -> None:  # noqa: N802 - Mininet's name
        """Nothing to check: the port is a free one."""

    def start(self) -> None:
        """Runs already: switches find it when they start."""

    def stop(self, *args: Any, **options: Any) -> None:
        """End sdnd and remove its state."""
        self.end()
        Node.stop(self, *args, **options)

    def end(self) -> None:
        """End the process, whatever state it is in; does nothing a second time."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(SDN_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.state, ignore_errors=True)

    def wait_ready(self, hosts: int) -> None:
        """Wait until all switches are in sync, all links up and this many hosts found; say so if they are not."""
        waiting = SDN_ROOT / "mininet" / "sdn_lab" / "waiting.py"
        command = [str(SDN_PYTHON), str(waiting), self.address, str(hosts), str(SDN_READY_SECONDS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            warn(f"\n*** sdnd is not ready: {done.stderr.strip()[-1000:]}\n")

    def _launch(self, learn: str) -> None:
        command = [str(SDN_PYTHON), "-m", "sdn.app", "--state-dir", str(self.state / "state"), "--learn", learn]
        command += ["--openflow", f"127.0.0.1:{self.port}", "--grpc", self.address]
        if SdnShared.topology is not None:
            file = self.state / "topology.json"
            file.write_text(json.dumps(SdnShared.topology), encoding="utf-8")
            command += ["--topology", str(file)]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C at Mininet's prompt is not meant for it.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=sdn_die_with_parent,
            )
        if not self._listens():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            self.end()
            sdn_end(f"sdnd did not start:\n{tail}")
        info(f"\nsdnd: API on {self.address}, log {self.log}\n")
        info(f"      {SDN_PYTHON.with_name('sdnctl')} --address {self.address} get ports\n")

    def _listens(self) -> bool:
        """Wait until switches can connect."""
        deadline = time.monotonic() + SDN_START_SECONDS
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.05)
        return False


def sdn_die_with_parent() -> None:
    """Also when ``mn`` is killed nothing stays behind. Runs in the new process."""
    ctypes.CDLL(None).prctl(SDN_PR_SET_PDEATHSIG, signal.SIGTERM)


def sdn_free_port(preferred: int) -> int:
    """A TCP port on 127.0.0.1 that nobody listens on: the preferred one if possible."""
    for wanted in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    sdn_end("no free TCP port on 127.0.0.1.")
    raise AssertionError


# What mn looks for.
topos = {
    "fattree": sdn_family("fat-tree", "k"),
    "leafspine": sdn_family("leaf-spine", "spines", "leaves", "hosts"),
    "ring": sdn_family("ring", "switches", "hosts"),
    "torus": sdn_family("torus", "x", "y", "hosts"),
    "mesh": sdn_family("full-mesh", "switches", "hosts"),
    "random": sdn_family("random-regular", "switches", "degree", "seed", "hosts"),
    "sdn": sdn_any,
}
switches = {"sdn": SdnSwitch}
controllers = {"sdn": SdnController}
