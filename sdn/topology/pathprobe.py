"""What a probe of the data plane carries, so that it is known again and nobody else can make one.

::

    "sdnprobe" (8) | number (8) | random (8) | tag (16)

The tag is HMAC-SHA256 over number and random, cut to 128 bits (RFC 2104, section 5). Where in the frame this is does
not matter, within its first ``REACH`` bytes; what is before it changes on the way (MACs, TTL) and is not signed. The
number is of one probe that is under way: one that is known to have ended, or was never sent, counts for nothing.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

MAGIC = b"sdnprobe"
SIZE = 40
"""Bytes of it."""
REACH = 256
_TAG = 16
_CONTEXT = b"sdn path probe 1\x00"


def seal(key: bytes, number: int, random: bytes) -> bytes:
    """The content of a probe. number: 64 bits; random: 8 bytes. Raises ValueError for other sizes."""
    if len(random) != 8:
        raise ValueError("random is not 8 bytes")
    nonce = number.to_bytes(8, "big") + random
    return MAGIC + nonce + _sign(key, nonce)


def number_in(key: bytes, frame: bytes) -> int | None:
    """The number of the probe in a frame; None if there is none, or one that was not made with this key. O(REACH)."""
    at = frame.find(MAGIC, 14, REACH)
    content = frame[at + len(MAGIC) : at + SIZE]
    if at < 0 or len(content) < SIZE - len(MAGIC):
        return None
    nonce, tag = content[:-_TAG], content[-_TAG:]
    return int.from_bytes(nonce[:8], "big") if hmac.compare_digest(_sign(key, nonce), tag) else None


def looks_like(frame: bytes) -> bool:
    """Whether a frame claims to be a probe."""
    return frame.find(MAGIC, 14, REACH) >= 0


def _sign(key: bytes, nonce: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + nonce, sha256)[:_TAG]
