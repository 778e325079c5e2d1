"""What probes of the data plane are sent with, and what is seen of them (docs/probes.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdn.model.ids import Dpid


@dataclass(frozen=True, slots=True)
class Errand:
    """A probe to be sent: where it enters, which registers hold what beside PROBE, and the frame around its content.

    watch: PROBE_QUIET or PROBE_HOPS, with PROBE_FREE if STEER is to let it pass. in_port: OpenFlow port by which it
    is to have come in, None for none.
    """

    dpid: Dpid
    table: int
    registers: tuple[tuple[int, int], ...]
    frame: Callable[[bytes], bytes]
    watch: int
    in_port: int | None = None


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
