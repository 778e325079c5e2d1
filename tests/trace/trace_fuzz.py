"""The interpreter against real switches: random clouds, random frames. ``python tests/trace/trace_fuzz.py --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).resolve().parent))

from trace_cloud import SPECS, Cloud, cloud, to_hosts
from trace_packets import random_frame

from sdn.trace import trace


def disagreement(made: Cloud, sender: str, frame: bytes) -> str:
    """What differs between what the interpreter says of a frame and what becomes of it; empty if nothing does."""
    told = trace(made.world, made.place(sender), frame)
    outcomes = told.outcomes()
    really = made.really(sender, frame)
    if not outcomes.sure:
        return f"not interpreted: {[(step.why, step.note) for step in told.steps if step.why]}"
    ways = {to_hosts(way) for way in outcomes.ways}
    if really in ways:
        return ""
    return f"really {really}\ntold {sorted(ways)}\n{[(s.number, s.table, s.why, s.note, s.next) for s in told.steps]}"


async def compare(spec: str, seed: int, frames: int, until: float = float("inf")) -> Counter[str]:
    """Compare so many frames of one cloud, half of them with links cut; counts what happened. Raises AssertionError."""
    chance = Random(seed)
    seen: Counter[str] = Counter()
    async with cloud(spec, chance) as made:
        for number in range(frames):
            if time.monotonic() > until:
                break
            if number == frames // 2:
                for link in chance.sample(made.lab.topology.links, min(2, len(made.lab.topology.links))):
                    made.cut(link)
                    seen["links cut"] += 1
            # Interfaces without a port of a tenant may send too, but there is less to find.
            bound = [name for name, plugged in made.hosts.items() if plugged.tenant]
            sender = chance.choice(bound if bound and chance.random() < 0.95 else list(made.hosts))
            frame = random_frame(made, sender, chance)
            # In a thread, so that the loop goes on answering what switches ask.
            problem = await asyncio.to_thread(disagreement, made, sender, frame)
            assert not problem, f"{spec}, seed {seed}, frame {number} of {sender}: {frame.hex()}\n{problem}"
            steps = trace(made.world, made.place(sender), frame)
            told = steps.outcomes()
            seen["of them through a choice"] += any(step.is_choice for step in steps.steps)
            seen["frames"] += 1
            seen["of them dropped"] += told.ways == {()}
            seen["of them with several ends"] += len(told.ways) > 1
            seen["of them copied"] += any(len(way) > 1 for way in told.ways)
    return seen


def main() -> int:
    """Until the time is over, one cloud after the other."""
    parser = argparse.ArgumentParser(prog="./dev fuzz trace", description=__doc__.split(". ``")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the first cloud; the next has the next number")
    parser.add_argument("--frames", type=int, default=300, help="for each cloud (default 300)")
    arguments = parser.parse_args()
    end, seed, total = time.monotonic() + arguments.seconds, arguments.seed, Counter[str]()
    while time.monotonic() < end:
        spec = SPECS[seed % len(SPECS)]
        try:
            total += asyncio.run(compare(spec, seed, arguments.frames, end))
        except AssertionError as error:
            print(error, file=sys.stderr)
            return 1
        seed += 1
    clouds = seed - arguments.seed
    print(f"{clouds} clouds (seeds {arguments.seed} to {seed - 1}): {dict(total)}; no disagreement")
    return 0


if __name__ == "__main__":
    sys.exit(main())
