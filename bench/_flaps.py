"""Links that fail and return under a stream, one after the other: what is lost, beside how long a failure is unseen.

Of each flap the packets are counted that never arrive, from the failure until the link is used again. A failure is
unseen from its moment until a packet is sent, behind the first one that is lost, that arrives: until then the switch
before the link sends into it. When that switch tells that its port is down is measured as well, by an OpenFlow
connection of its own (``ovs-ofctl monitor``, to a millisecond): its cached flows follow some milliseconds later.
Nothing but what was sent while the failure was unseen may be lost.
"""

from __future__ import annotations

import math
import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from _wire import Receiver, Stream, WireNetwork, host_end

BEFORE, LATE = 0.2, 0.05
"""Seconds of the stream before a failure, and for what is still on its way at its end."""
BACK = 0.3
"""Seconds of the stream behind the moment at which all switches are in sync again."""
_DOWN = re.compile(
    r'^(\S+ \S+): OFPT_PORT_STATUS .*?: MOD: \d+\("?([^)"]+)"?\).*?\n +config:.*\n +state: +(.*)$', re.MULTILINE
)


@dataclass(frozen=True)
class Flap:
    """unseen, told: milliseconds (told: nan if the switch did not tell). lost: packets; beyond: those of them that were
    sent when the failure was seen."""

    unseen: float
    told: float
    lost: int
    beyond: int

    def __str__(self) -> str:
        return f"unseen {self.unseen:6.2f} ms  told {self.told:5.1f} ms  lost {self.lost:3}  beyond {self.beyond:3}"


class PortWatch:
    """What a switch tells of its ports, with its times; a process of its own. socket: where the bridge is managed."""

    def __init__(self, socket: str) -> None:
        command = ["stdbuf", "-oL", "ovs-ofctl", "-O", "OpenFlow13", "--timestamp", "monitor", f"unix:{socket}", "1"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "TZ": "UTC"}
        )

    def stop(self) -> str:
        """End it; all that was told."""
        self._process.terminate()
        return self._process.communicate(timeout=10)[0]


def first_down(told: str, interface: str, moment: int) -> float:
    """Milliseconds from a moment (nanoseconds of Unix time) until a port was told to have no link; nan: it was not."""
    for stamp, name, state in _DOWN.findall(told):
        at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp() * 1000
        if name == interface and "LINK_DOWN" in state and at >= moment / 1e6 - 1:
            return max(0.0, float(at - moment / 1e6))
    return math.nan


def judge(sent: Mapping[int, int], came: Iterable[int], moment: int, told: float) -> Flap:
    """What became of a stream. Times in nanoseconds; moment: of the failure."""
    arrived = set(came)
    lost = [at for number, at in sent.items() if number not in arrived]
    first = min(lost, default=moment)
    seen = min((at for number, at in sent.items() if at >= first and number in arrived), default=max(sent.values()))
    return Flap((seen - moment) / 1e6 if lost else 0.0, told, len(lost), sum(at > seen for at in lost))


@contextmanager
def _watching(socket: str, into: list[str]) -> Iterator[None]:
    watch = PortWatch(socket)
    try:
        yield
    finally:
        into.append(watch.stop())


@dataclass(frozen=True)
class Cable:
    """A link under a flow. end: the interface by which the flow arrives."""

    sender: str
    receiver: str
    frame: bytes
    end: str


def flap(stream: Stream, cable: Cable, network: WireNetwork, down: float, wait_ready: Callable[[], object]) -> Flap:
    """One failure of ``down`` seconds, and the return. wait_ready: until all switches are in sync."""
    told: list[str] = []
    near = network.other_end(cable.end)
    with Receiver(host_end(cable.receiver)) as receiver, _watching(network.management(near), told):
        stream.start(host_end(cable.sender), cable.frame)
        time.sleep(BEFORE)
        moment = time.time_ns()
        network.cut(cable.end)
        time.sleep(down)
        network.mend(cable.end)
        wait_ready()
        time.sleep(BACK)
        sent = stream.stop()
        time.sleep(LATE)
        came = receiver.read()
    return judge(sent, came, moment, first_down(told[0], near, moment))


def summary(flaps: list[Flap], rate: int) -> dict[str, object]:
    """All fields of the mode."""
    unseen, lost = sum(flap.unseen for flap in flaps) / 1000, sum(flap.lost for flap in flaps)
    told = [flap.told for flap in flaps if not math.isnan(flap.told)]
    return {
        "flaps": len(flaps),
        "rate": rate,
        "lost": lost,
        "lost_beyond": sum(flap.beyond for flap in flaps),
        "lost_median": statistics.median(flap.lost for flap in flaps),
        "lost_worst": max(flap.lost for flap in flaps),
        "detection_ms_median": round(statistics.median(flap.unseen for flap in flaps), 2),
        "detection_ms_worst": round(max(flap.unseen for flap in flaps), 2),
        "told_ms_median": round(statistics.median(told), 1) if told else None,
        "told": len(told),
        "lost_ratio": round(lost / (rate * unseen), 3) if unseen else 0.0,
    }
