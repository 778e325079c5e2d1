#!/usr/bin/env python3
"""The demo: two tenants with identical addresses on a leaf-spine fabric of real switches, and a link that is cut.

Everything is created by gRPC requests; nothing else touches the switches. Exit code 0 if all was as it must be.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from sdn_lab.lab import MininetLab
from sdn_lab.main import guarded
from sdn_lab.matrix import Protocol, Reachability

TOPOLOGY = "leaf-spine:spines=2,leaves=3,hosts=4"
MANIFEST = Path(__file__).with_name("demo.yaml")
CUT = ("leaf1", "spine1")
_STREAM_SECONDS = 4.0
_TIMEOUT = 10.0
"""Seconds that pairs that must reach each other may need until they do."""
_STREAM_INTERVAL = 0.01


class Story:
    """Tells what happens and remembers whether all was right."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.right = True
        self._step = 0

    def step(self, text: str) -> None:
        """Begin a new step."""
        self._step += 1
        print(f"\n[{self._step}] {text}   ({time.monotonic() - self.start:.1f} s)", flush=True)

    def say(self, text: str = "") -> None:
        """Print indented lines."""
        for line in text.splitlines() or [""]:
            print(f"    {line}".rstrip(), flush=True)

    def check(self, matrix: Reachability, what: str, *, table: bool = False) -> None:
        """Report a matrix."""
        self.right = self.right and matrix.right
        if table or not matrix.right:
            self.say(matrix.table())
        wanted = len(matrix.expected & matrix.tried)
        apart = len(matrix.tried) - wanted
        if matrix.right:
            self.say(f"{what}: {wanted} pairs reach each other, {apart} pairs are kept apart, as they must be")
        else:
            self.say(f"{what}: WRONG\n{matrix.explain()}")


def tell(args: argparse.Namespace) -> int:
    story = Story()
    story.step(f"Starting sdnd and Mininet with {TOPOLOGY}")
    with MininetLab(TOPOLOGY, state=args.state) as lab:
        story.say(f"API on {lab.daemon.address} (try: ./dev ctl status), log {lab.daemon.log}")
        status = lab.client.status()
        story.say(f"{status.switches_connected} switches connected, {status.links} links discovered by LLDP")
        story.step("Two tenants, red and blue, by one gRPC request (mininet/demo.yaml)")
        story.say(f"{lab.apply(MANIFEST)} objects, confirmed by every switch concerned")
        show_hosts(story, lab)
        story.step("Who reaches whom: every pair, with packets that the receiver recognises")
        story.say("'+' reaches, '.' does not and must not, '-' should but does not, '!' must not but does")
        check_all(story, lab, table=True)
        story.step(f"Cutting the link {CUT[0]} - {CUT[1]} under traffic")
        cut_under_traffic(story, lab)
        check_all(story, lab)
        story.step("Mending the link")
        lab.mend(CUT)
        lab.ready()
        check_all(story, lab)
        if args.cli:
            from sdn_lab.prompt import Prompt  # only here: most runs need no prompt

            story.step("Mininet's prompt; 'exit' ends the demo")
            Prompt(lab)
        story.step("Taking everything down")
    print(f"\n{'All as it must be' if story.right else 'SOMETHING WAS WRONG'}, {time.monotonic() - story.start:.1f} s")
    return 0 if story.right else 1


def show_hosts(story: Story, lab: MininetLab) -> None:
    place = {host.name: f"{host.switch} {host.interface}" for host in lab.network.topology.hosts}
    for host, end in lab.endpoints.items():
        addresses = "  ".join(str(a.interface) for a in end.addresses)
        story.say(f"{host:4} {end.port.removeprefix('tenants/'):18} {place[host]:16} {end.mac}  {addresses}")


def check_all(story: Story, lab: MininetLab, *, table: bool = False) -> None:
    story.check(lab.matrix(4, "ping", timeout=_TIMEOUT), "IPv4 ping", table=table)
    story.check(lab.matrix(6, "ping", timeout=_TIMEOUT), "IPv6 ping")
    protocols: tuple[Protocol, ...] = ("udp", "tcp")
    for protocol in protocols:
        story.check(lab.matrix(4, protocol, timeout=_TIMEOUT), f"IPv4 {protocol.upper()}")


def cut_under_traffic(story: Story, lab: MininetLab) -> None:
    sender, receiver = "h1", "h5"  # red's web hosts on leaf1 and leaf2
    count = round(_STREAM_SECONDS / _STREAM_INTERVAL)
    stream = lab.start_stream(sender, receiver, interval=_STREAM_INTERVAL, count=count)
    lab.cut(CUT)
    sent, lost, gap = stream.result()
    story.say(f"{sender} to {receiver}: {sent} packets, {lost} lost, longest silence {gap * 1000:.0f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--cli", action="store_true", help="give Mininet's prompt before the end")
    parser.add_argument("--state", type=Path, help="sdnd's state directory, kept afterwards (default: a temporary one)")
    args = parser.parse_args()
    return guarded(lambda: tell(args))


if __name__ == "__main__":
    sys.exit(main())
