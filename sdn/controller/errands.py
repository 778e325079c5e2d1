"""What probes of the data plane are sent with, and what is seen of them (docs/probes.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.topology.pathprobe import SIZE
from sdn.trace.build import HEADERS
from sdn.trace.packet import IPV4, IPV6


@dataclass(frozen=True, slots=True)
class Errand:
    """A probe to be sent: where it enters, which registers hold what beside PROBE, and the frame around its content.

    watch: PROBE_QUIET or PROBE_HOPS, with PROBE_FREE if STEER is to let it pass. in_port: OpenFlow port by which it
    is to have come in, None for none. look_up: see effects.Entrance. out_port: not through the tables, but right out
    of this port.
    """

    dpid: Dpid
    table: int
    registers: tuple[tuple[int, int], ...]
    frame: Callable[[bytes], bytes]
    watch: int
    in_port: int | None = None
    look_up: int | None = None
    out_port: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a probe was seen. table: FABRIC: it passed; OUTPUT: it arrived; PUNT: a router gave it up.

    label: the first three octets of its label, 0 where it never had one. receiver: service number for which it arrived.
    at: seconds, 0 if that is not known.
    """

    dpid: Dpid
    table: int
    in_port: int
    label: int
    receiver: int
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting. after: estimated seconds since the probe left, and the error; None if that is not known."""

    sighting: Sighting
    after: tuple[float, float] | None


def sealed(frame: bytes, content: bytes) -> bytes:
    """A frame with the content of a probe (SIZE bytes).

    It takes the place of the payload where that has room, whose checksum is then wrong, which no switch looks at; else
    it follows the packet, as padding.
    """
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV4:
        size, headers = int.from_bytes(frame[16:18], "big"), HEADERS[4, frame[23]]
    elif kind == IPV6:
        size, headers = 40 + int.from_bytes(frame[18:20], "big"), HEADERS[6, frame[20]]
    else:
        return frame[:14] + content + frame[14 + SIZE :]
    at = 14 + headers if size - headers >= SIZE else 14 + size
    return frame[:at] + content + (frame[at + SIZE :] if at < 14 + size else b"")
