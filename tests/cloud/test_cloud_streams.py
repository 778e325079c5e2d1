"""Numbered packets between all hosts while sdnd is killed, and wants other routes when it is back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import cloud_lab
from link_taps import LinkTaps
from test_cloud_convergence import Stream

pytestmark = pytest.mark.lab


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
