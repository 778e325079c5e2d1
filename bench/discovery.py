"""What discovery costs while nothing happens: CPU of the daemon and of the switches, and packets a second.

A random regular graph of real switches (one ovs-vswitchd, dummy datapath, links by patch ports, no root) under sdnd
with its usual settings, without tenants. Measured is the time between: all links are known, all programs written, and
every port is probed once a second.

* ``daemon_cpu``: CPU seconds of sdnd per second; ``probe_us``: the same per probe, in microseconds;
* ``packets_per_s``: packet-outs and packet-ins, as the interval has it; ``heard_per_s``: probes that arrived, counted
  by the switches;
* ``learn_s``: from when the switches are told of the daemon until every link is known and every program is written.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

from _common import arguments, cpu_seconds, finish

from sdn.client import Client
from sdn.graph import load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port

_TIMEOUT = 300.0
_CONTROLLER_FLOW = re.compile(r"n_packets=(\d+).*dl_type=0x88cc")


def heard(network: LabNetwork) -> int:
    """Probes that switches have punted so far."""
    flows = (line for switch in network.topology.switches for line in network.flows(switch).splitlines())
    return sum(int(found[1]) for found in map(_CONTROLLER_FLOW.search, flows) if found)


def measure(args: argparse.Namespace) -> dict[str, object]:
    """All figures of one run."""
    spec = f"random-regular:switches={args.switches},degree={args.degree},hosts=0"
    topology = load_topology(spec)
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        daemon = Daemon(Path(directory), spec, openflow=free_port(), grpc=free_port())
        network = LabNetwork(topology, links="patch")
        with daemon, Client(daemon.address, timeout=_TIMEOUT) as client:
            daemon.wait_answers(client)
            with network:
                started = time.monotonic()
                network.set_controller(f"tcp:127.0.0.1:{daemon.openflow}")
                daemon.wait_ready(client, _TIMEOUT)
                learned = time.monotonic() - started
                time.sleep(args.settle)
                switches = network.ovs_of(next(iter(topology.switches))).pids
                heard_before, counted = heard(network), time.monotonic()
                before = [cpu_seconds(pid) for pid in (daemon.pid, *switches)]
                began = time.monotonic()
                time.sleep(args.seconds)
                spent = [cpu_seconds(pid) for pid in (daemon.pid, *switches)]
                seconds = time.monotonic() - began
                arrived = (heard(network) - heard_before) / (time.monotonic() - counted)
                up = sum(link.up for link in client.topology().links)
    probes = 2 * up  # each port once a second, as sdnd does without being told
    each = [(after - first) / seconds for after, first in zip(spent, before, strict=True)]
    return {
        "switches": len(topology.switches),
        "links": up,
        "packets_per_s": 2 * probes,
        "heard_per_s": round(arrived),
        "daemon_cpu": round(each[0], 4),
        "probe_us": round(each[0] / probes * 1e6, 1),
        "switches_cpu": round(sum(each[1:]), 4),
        "learn_s": round(learned, 2),
    }


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "10 switches, 20 links, 3 seconds")
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--degree", type=int, default=20, help="links of each switch")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds between the last link and the measurement")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the measurement")
    args = parser.parse_args()
    if args.small:
        args.switches, args.degree, args.settle, args.seconds = 10, 4, 1.0, 3.0
    finish(measure(args), [], as_json=args.json)


if __name__ == "__main__":
    main()
