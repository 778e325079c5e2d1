"""Probes under way: whether a frame that came in is one that was sent lately, and by which port.

Rules
- A probe counts only with a valid tag and a nonce that was sent out of that very port within the last ``misses``
  intervals and has not been heard yet.
- A probe that is not believed leaves its nonce as it was: who relays it cannot take it from the port that it is meant
  for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sdn.model.ids import format_dpid
from sdn.topology import lldp
from sdn.topology.adjacency import End
from sdn.topology.inventory import PortState

_SOURCE = bytes.fromhex("0e0000000000")
"""Source MAC where a port does not tell its own."""


class Unproved(Exception):
    """A frame that is no probe of ours. kind: foreign (other LLDP), malformed, forged (wrong tag)."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Flights:
    """key, interval (seconds) and misses as in Discovery. O(1) per probe."""

    def __init__(self, key: bytes, interval: float, misses: int) -> None:
        self._key = key
        self._misses = misses
        self._patience = misses * interval
        self._ttl = min(0xFFFF, max(1, round(interval * (misses + 1))))
        self._counter = 0
        self._flying: dict[bytes, End] = {}
        """Whole frames that left lately: what is equal to one of them needs no other proof that it is ours."""
        self._left: deque[tuple[float, bytes]] = deque()

    def send(self, end: End, port: PortState, now: float, random_bytes: Callable[[int], bytes]) -> bytes:
        """The frame of a probe that leaves a port now; noted there, and here."""
        self._counter += 1
        nonce = self._counter.to_bytes(8, "big") + random_bytes(lldp.NONCE_SIZE - 8)
        port.nonces = [*port.nonces[-self._misses :], (nonce, now)]
        port.sent = now
        source = port.port.mac if len(port.port.mac) == 6 else _SOURCE
        frame = lldp.build(self._key, *end, source=source, nonce=nonce, ttl=self._ttl)
        self._flying[frame] = end
        self._left.append((now, frame))
        return frame

    def expire(self, now: float) -> None:
        """Forget the frames that are too old to be believed."""
        while self._left and now - self._left[0][0] > self._patience:
            del self._flying[self._left.popleft()[1]]

    def origin(self, frame: bytes) -> tuple[End, bytes]:
        """The port that a frame says it left, which is proved, and its nonce, which may be old. Raises Unproved."""
        sender = self._flying.get(frame)
        if sender is not None:
            return sender, lldp.nonce_of(frame)
        try:  # padded on its way, old, or not ours
            probe = lldp.parse(frame)
        except lldp.BadFrame as error:
            raise Unproved("foreign" if error.foreign else "malformed", error.reason) from error
        if not lldp.verify(self._key, probe):
            raise Unproved("forged", f"the tag of a probe in the name of {format_dpid(probe.dpid)} is wrong")
        return End(probe.dpid, probe.interface), probe.nonce

    def outstanding(self, port: PortState | None, nonce: bytes, now: float) -> int | None:
        """Where in the port's ``nonces`` this one is; None if it was not sent, is too old or was heard."""
        if port is not None:
            for index, (known, sent) in enumerate(port.nonces):
                if known == nonce and now - sent <= self._patience:
                    return index
        return None
