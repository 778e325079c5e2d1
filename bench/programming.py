"""Flows into one switch, from the compiled program to the last reply, beside ``ovs-ofctl --bundle`` with the same.

The program is that of one leaf switch of a cloud with networks, ports and routers, IPv4 and IPv6: 100,000 flows of the
shapes that the pipeline makes. Every run has a new private Open vSwitch (dummy datapath) that is connected and empty.

* Ours: from the program through sdn.reconcile's batches and the OpenFlow server until the last batch is confirmed,
  meters and groups included. Once as one bundle (``ratio``), once in bundles as on a live switch (``ratio_live``).
* The limit: ``ovs-ofctl -O OpenFlow13 --bundle add-flows`` of the very same flows from a file, from the start of the
  program to its end; meters and groups are there before. It parses the whole file before it sends anything; how long
  that takes is seen by a peer that only waits for the beginning of the bundle (``limit_parse_s``).
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from _common import arguments, cpu_seconds, finish
from _facts import Facts, compiled

from sdn.controller.effects import SendBatch
from sdn.controller.events import BatchDone, SwitchEvent, SwitchUp
from sdn.daemon import collector
from sdn.lab import LabError, PrivateOvs
from sdn.model.notation import format_body, format_buckets, format_match, format_meter, split_key
from sdn.model.program import Batch, cookie_of
from sdn.openflow import Framer, encode, wire
from sdn.pipeline.program import SwitchProgram
from sdn.reconcile import SwitchSync
from sdn.reconcile.sync import BATCH_LIMIT
from sdn.southbound import OpenFlowServer
from sdn.southbound.batch import BatchRun

_BRIDGE = "b"
_TIMEOUT = 120.0
_PORTS = 50
_FLOWS_PER_NETWORK = 625
"""Of one of three leaves, for a routed network of 50 ports with IPv4 and IPv6, about."""
_BUNDLE = ("--bundle", "--no-names")
"""Without names ovs-ofctl has nothing to ask before it begins."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: wall-clock seconds, and CPU seconds that the switch took."""

    seconds: float
    switch_cpu_s: float


def leaf_program(flows: int) -> SwitchProgram:
    """The program of one of three leaves, of about so many flows."""
    facts = Facts(3, max(1, -(-flows // _FLOWS_PER_NETWORK)), _PORTS, dual=True)
    return compiled(facts).programs[1]


def add_bridge(ovs: PrivateOvs, *options: str) -> int:
    """An empty bridge; answers the process id of ovs-vswitchd."""
    bridge = ("set", "bridge", _BRIDGE, "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
    ovs.vsctl("add-br", _BRIDGE, "--", *bridge, "other_config:datapath-id=0000000000000001", *options)
    return ovs.pids[-1]


# Ours


class Switch:
    """A switch behind an OpenFlow server of ours, whose events are awaited one by one."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        self.server = OpenFlowServer(self._events.put_nowait)

    async def event(self, kind: type) -> SwitchEvent:
        """The next event of this kind."""
        async with asyncio.timeout(_TIMEOUT):
            while not isinstance(event := await self._events.get(), kind):
                pass
        return event

    async def write(self, session: int, sync: SwitchSync, limit: int) -> None:
        """Everything that waits, in batches of at most ``limit`` entries."""
        number = 0
        while (batch := sync.next_batch(limit)) is not None:
            number += 1
            self.server.perform(SendBatch(session, number, batch))
            done = await self.event(BatchDone)
            assert isinstance(done, BatchDone)
            if done.failures:
                raise SystemExit(f"refused: {done.failures[0].text}")
            sync.done(())


async def ours(program: SwitchProgram, limit: int, see: Callable[[PrivateOvs], None] | None = None) -> Run:
    """From the compiled program to the last reply. see: called with the filled switch."""
    switch = Switch()
    port = await switch.server.start("127.0.0.1", 0)
    with PrivateOvs(timeout=_TIMEOUT) as ovs:
        pid = add_bridge(ovs, "--", "set-controller", _BRIDGE, f"tcp:127.0.0.1:{port}")
        up = await switch.event(SwitchUp)
        assert isinstance(up, SwitchUp)
        cpu, start = cpu_seconds(pid), time.monotonic()
        sync = SwitchSync(program)
        sync.adopt(up.installed, 1)
        await switch.write(up.session, sync, limit)
        run = Run(time.monotonic() - start, cpu_seconds(pid) - cpu)
        if see is not None:
            see(ovs)
        await switch.server.close()
    return run


def encode_rate(program: SwitchProgram) -> float:
    """Flows per CPU second from batches to bytes on one core: cookies, bundle messages, control messages."""
    batches = [Batch(flows=part) for part in parts(tuple(program.flows.items()), BATCH_LIMIT)]
    start = time.process_time()
    for batch in batches:
        for _ in BatchRun(batch, 1).begin():
            pass
    return len(program.flows) / (time.process_time() - start)


def parts(entries: tuple[tuple[bytes, bytes], ...], size: int) -> list[tuple[tuple[bytes, bytes], ...]]:
    """Slices of at most ``size``."""
    return [entries[at : at + size] for at in range(0, len(entries), size)]


# ovs-ofctl


def write_flows(program: SwitchProgram, path: Path) -> None:
    """The flows as ovs-ofctl reads them."""
    with path.open("w") as file:
        for key, body in program.flows.items():
            table, priority, oxm = split_key(key)
            match = format_match(oxm)
            head = f"cookie={cookie_of(body):#x},table={table},priority={priority}"
            file.write(f"{head}{',' * bool(match)}{match},actions={format_body(body)}\n")


def add_groups_and_meters(ovs: PrivateOvs, program: SwitchProgram, directory: Path) -> None:
    """What the flows refer to, before the clock starts."""
    for number, meter in program.meters.items():
        ovs.ofctl("add-meter", _BRIDGE, f"meter={number},{format_meter(meter.rate, meter.burst)}")
    path = directory / "groups"
    lines = [f"group_id={number},{format_buckets(g.type, g.buckets)}\n" for number, g in program.groups.items()]
    path.write_text("".join(lines))
    ovs.ofctl("add-groups", _BRIDGE, str(path))


def limit(program: SwitchProgram, path: Path, see: Callable[[PrivateOvs], None] | None = None) -> Run:
    """One run of ovs-ofctl. see: called with the filled switch."""
    with PrivateOvs(timeout=_TIMEOUT) as ovs:
        pid = add_bridge(ovs)
        add_groups_and_meters(ovs, program, path.parent)
        cpu, start = cpu_seconds(pid), time.monotonic()
        ovs.ofctl("add-flows", _BRIDGE, *_BUNDLE, str(path))
        run = Run(time.monotonic() - start, cpu_seconds(pid) - cpu)
        if see is not None:
            see(ovs)
    return run


def parse_seconds(path: Path) -> float:
    """How long ovs-ofctl takes until it asks for a bundle to be opened, which is before the first flow."""
    where = str(path.parent / "peer.mgmt")
    Path(where).unlink(missing_ok=True)
    command = ["ovs-ofctl", "-O", "OpenFlow13", "-vconsole:off", "add-flows", f"unix:{where}", *_BUNDLE, str(path)]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()
        listener.settimeout(_TIMEOUT)
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as ofctl:
            try:
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(_TIMEOUT)
                    await_bundle(peer)
                return time.monotonic() - start
            finally:
                ofctl.kill()


def await_bundle(peer: socket.socket) -> None:
    """Speak OpenFlow until the other side begins a bundle."""
    peer.sendall(encode.hello(1))
    framer = Framer()
    while data := peer.recv(65536):
        if any(message[1] == wire.EXPERIMENTER for message in framer.feed(data)):
            return
    raise SystemExit("ovs-ofctl opened no bundle; is this Open vSwitch older than 2.5?")


# Both


def dump(ovs: PrivateOvs) -> list[str]:
    """What a switch holds, as text in a fixed order."""
    return sorted(ovs.ofctl("dump-flows", _BRIDGE, "--no-stats", "--no-names").splitlines())


def check_same(program: SwitchProgram, path: Path) -> None:
    """Both ways must lead to the same flows; also warms everything up."""
    seen: list[list[str]] = []
    asyncio.run(ours(program, len(program.flows) * 2, lambda ovs: seen.append(dump(ovs))))
    limit(program, path, lambda ovs: seen.append(dump(ovs)))
    if seen[0] != seen[1] or sum("actions=" in line for line in seen[0]) != len(program.flows):
        example = set(seen[0]).symmetric_difference(seen[1])
        raise SystemExit(f"the two switches differ in {len(example)} flows: {sorted(example)[:4]}")


def measure(program: SwitchProgram, runs: int, path: Path) -> tuple[dict[str, float], list[str]]:
    """All runs, alternating; the fields of the result and lines for people."""
    flows = len(program.flows)
    everything = flows + len(program.groups) + len(program.meters)
    whole, live, theirs, parsing, encoding = [], [], [], [], []
    for _ in range(runs):
        whole.append(asyncio.run(ours(program, everything)))
        theirs.append(limit(program, path))
        live.append(asyncio.run(ours(program, BATCH_LIMIT)))
        parsing.append(parse_seconds(path))
        encoding.append(encode_rate(program))
    one, small, peer = (statistics.median(run.seconds for run in side) for side in (whole, live, theirs))
    parse = statistics.median(parsing)
    result: dict[str, float] = {
        "flows": flows,
        "flows_per_s": round(flows / one),
        "limit_flows_per_s": round(flows / peer),
        "ratio": round(peer / one, 3),
        "encode_per_s": round(statistics.median(encoding)),
        "ratio_live": round(peer / small, 3),
        "live_flows_per_s": round(flows / small),
        "live_bundle": BATCH_LIMIT,
        "limit_parse_s": round(parse, 3),
        "ratio_without_parsing": round((peer - parse) / one, 3),
        "switch_cpu_s": round(statistics.median(run.switch_cpu_s for run in whole), 3),
        "limit_switch_cpu_s": round(statistics.median(run.switch_cpu_s for run in theirs), 3),
        "groups": len(program.groups),
        "meters": len(program.meters),
        "runs": runs,
    }
    sides = {"one bundle": whole, f"bundles of {BATCH_LIMIT}": live, "ovs-ofctl": theirs}
    lines = [f"{name}: {', '.join(f'{run.seconds:.3f}' for run in side)} s" for name, side in sides.items()]
    return result, lines


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "2,000 flows, one run")
    parser.add_argument("--flows", type=int, default=100_000, help="about so many: those of whole networks")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    if args.small:
        args.flows, args.runs = 2000, 1
    collector.tune()
    program = leaf_program(args.flows)
    collector.keep()
    with tempfile.TemporaryDirectory(prefix="sdn-bench-") as directory:
        path = Path(directory) / "flows"
        write_flows(program, path)
        try:
            check_same(program, path)
            result, lines = measure(program, args.runs, path)
        except LabError as error:
            raise SystemExit(str(error)) from None
    finish(result, lines, as_json=args.json)


if __name__ == "__main__":
    main()
