"""The cloud of the benchmark tenancy, then kill -9 of the daemon and a start on the same state.

Measured: seconds until every switch is adopted and in sync, flows written since (by their age in the switches), and
packets lost of a stream of 500 a second between two hosts during all of it.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import threading
import time
from typing import Self

from tenancy import Cloud, build, cloud

from sdn.lab.host import Host
from sdn.v1 import resources_pb2 as pb

_INTERVAL = 0.002
_NUMBER = struct.Struct(">I")
_UDP_CHECKSUM = 14 + 20 + 6
"""Offset in a frame without VLAN and without IP options."""
_AGE = re.compile(r"duration=([\d.]+)s")


class Stream:
    """500 packets a second into a host's interface, until stopped; each carries its number, so that none is counted
    for another, nor anything else that a host hears.

    frame: a UDP packet over IPv4 whose payload is four octets.
    """

    def __init__(self, made: Cloud, leaf: str, interface: str, frame: bytes) -> None:
        self._ovs, self._interface = made.network.ovs_of(leaf), interface
        # A checksum of zero is none (RFC 768), so that only the number changes.
        self._frame = frame[:_UDP_CHECKSUM] + b"\0\0" + frame[_UDP_CHECKSUM + 2 : -_NUMBER.size]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            frame = self._frame + _NUMBER.pack(len(self.sent))
            self._ovs.appctl("netdev-dummy/receive", self._interface, frame.hex())
            self.sent.append(frame)
            due += _INTERVAL
            self._stop.wait(max(0.0, due - time.monotonic()))


def plug_in(made: Cloud) -> tuple[Host, Host]:
    """Two hosts of network 0 on different leaves."""
    hosts = []
    for name, leaf, address in (("from", made.leaves[0], "10.0.0.250"), ("to", made.leaves[-1], "10.0.0.251")):
        made.network.add_host(name, leaf, name)
        port = pb.Port(name=f"tenants/t0/ports/{name}", network="tenants/t0/networks/n", addresses=[address])
        port.binding.switch, port.binding.interface = leaf, name
        made_port = made.client.ports.create(port, wait=60)
        hosts.append(Host.of(name, made_port.mac, f"{address}/24"))
    return hosts[0], hosts[1]


def young_flows(made: Cloud, seconds: float) -> int:
    """Flows in all switches that are younger than this."""
    dumps = (made.network.flows(name) for name in made.network.topology.switches)
    return sum(float(age) < seconds for dump in dumps for age in _AGE.findall(dump))


def restart(made: Cloud) -> dict[str, float]:
    """Kill and start the daemon under traffic."""
    sender, receiver = plug_in(made)
    address = receiver.address(4)
    assert address is not None
    frame = sender.udp(address, receiver.mac, bytes(_NUMBER.size))
    with Stream(made, made.leaves[0], "from", frame) as stream:
        start = time.monotonic()
        made.daemon.stop(kill=True)
        made.daemon.start()
        made.wait_ready()
        adopted = time.monotonic() - start
    made.network.settle()
    lost = len(set(stream.sent) - set(made.network.received("to")))
    written = young_flows(made, time.monotonic() - start)
    return {"adopt_s": round(adopted, 2), "flow_writes": written, "packets_lost": lost, "packets": len(stream.sent)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--switches", type=int, default=10, help="leaves")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--ports", type=int, default=20, help="ports per network")
    parser.add_argument("--small", action="store_true", help="3 leaves, 4 networks, 6 ports")
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    args = parser.parse_args()
    if args.small:
        args.switches, args.networks, args.ports = 3, 4, 6
    with cloud(args.switches) as made:
        build(made, args.networks, args.ports)
        result = restart(made) | {"flows": made.flows()}
    if not args.json:
        for key, value in result.items():
            print(f"{key:20} {value:12,}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
