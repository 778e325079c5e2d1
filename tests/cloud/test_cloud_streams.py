"""Numbered packets between all hosts: sdnd is killed and wants other routes when it is back; links flap.

Links are watched at both ends, so that it is known where a packet was lost, and whether it went in circles.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import cloud_lab
from link_taps import LinkTaps
from test_cloud_convergence import Stream

from sdn.model.topology import DeclaredLink

pytestmark = pytest.mark.lab
FLAPS = 8


def ring(path: Path, cost: int) -> str:
    """A file with a ring of eight, one link of which costs so much."""
    names = [f"s{number}" for number in range(1, 9)]
    lines = ["switches:", *(f"  - {{name: {name}}}" for name in names), "links:"]
    for a, b in zip(names, names[1:] + names[:1], strict=True):
        lines.append(f"  - {{a: {a}, b: {b}, cost: {cost if a == 's1' else 1}}}")
    lines += ["hosts:", *(f"  - {{name: h{name}, switch: {name}}}" for name in names)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_sdnd_is_killed_and_wants_other_routes_when_it_is_back(tmp_path: Path) -> None:
    """Half of all routes turn round meanwhile; no order of switches would do for them. Every packet comes once."""
    rng = random.Random(11)
    with cloud_lab(ring(tmp_path / "one.yaml", 1), tmp_path / "state") as lab:
        taps, stream = LinkTaps(lab), Stream(lab)
        taps.watch(lab.network.topology.links)

        def restart() -> None:
            lab.daemon.stop(kill=True)
            lab.daemon.topology = ring(tmp_path / "other.yaml", 20)
            lab.daemon.start()
            lab.daemon.wait_answers(lab.client)
            lab.wait_settled()

        stream.while_(restart, rng)
        stream.check()
        taps.check()
        assert len(taps.order) > len(stream.sent), "most went over several links"
        assert len(taps.epochs) == 2, "what was there was left for a version that was there as a whole"


def test_a_flap_loses_only_what_was_sent_into_the_dead_link_before_it_was_seen(tmp_path: Path) -> None:
    """Nothing is lost when switches have seen it, nor when the link is back; nothing comes twice or goes in circles."""
    rng = random.Random(13)
    with cloud_lab("torus:x=3,y=3,hosts=1", tmp_path / "state") as lab:
        taps, stream = LinkTaps(lab), Stream(lab)
        taps.watch(lab.network.topology.links)
        into: dict[int, DeclaredLink] = {}
        for link in rng.sample(lab.network.topology.links, FLAPS):
            dead = len(stream.sent)
            taps.sever(link)
            stream.send(rng)
            taps.take_down(link)
            stream.send(rng)
            into |= dict.fromkeys(range(dead, len(stream.sent)), link)
            lab.forget_caches()
            stream.send(rng)
            lab.network.cut(link)
            stream.send(rng)
            lab.network.mend(link)
            taps.watch([link])
            stream.while_(lab.ready, rng)
        arrived = stream.arrived()
        lost = [number for number, got in arrived.items() if not got]
        assert lost, "some went over it"
        assert {number: dict(got) for number, got in arrived.items() if got} == {
            number: {peer: 1} for number, (_, peer) in enumerate(stream.sent) if number not in lost
        }
        taps.check()
        crossed = taps.crossed()
        for number in lost:
            assert number in into, f"{stream.sent[number]} was lost when the failure was seen"
            ends = {crossing.end for crossing in crossed[number]}
            assert ends & {into[number].a, into[number].b}, f"{stream.sent[number]} went {ends}"
