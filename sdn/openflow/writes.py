"""FLOW_MOD and GROUP_MOD inside a bundle: the hot path, so a flow is one ``struct`` call and never an object.

All messages of one shape (length of key, length of body) have the same layout; the ``struct.Struct`` and the constant
bytes of a shape are made once. A flow key is ``table (1 byte) | priority (2 bytes) | OXM fields without padding``, a
body is the instructions (OpenFlow 1.3.5, sections 7.2 and 7.3.4.1).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache

from sdn.openflow import wire
from sdn.openflow.errors import MessageTooLong

_KEY_HEAD = 3
_BUNDLE_ADD = 24
"""Bytes before the inner message: header, experimenter and type, bundle id, padding and flags."""
_FLOW_MOD = 48
"""Bytes before the match."""
_GROUP_MOD = 16

_Pack = Callable[..., bytes]


def flow_size(key: bytes, body: bytes) -> int:
    """Bytes of the bundle message that adds this flow; more than 65,535 cannot be sent."""
    return _BUNDLE_ADD + _FLOW_MOD + (4 + len(key) - _KEY_HEAD + 7) // 8 * 8 + len(body)


def group_size(buckets: bytes) -> int:
    """Bytes of the bundle message that adds this group; more than 65,535 cannot be sent."""
    return _BUNDLE_ADD + _GROUP_MOD + len(buckets)


def _outer(size: int) -> bytes:
    if size > wire.MAX_MESSAGE:
        raise MessageTooLong(f"message would have {size} bytes")
    return struct.pack("!BBH", wire.VERSION, wire.EXPERIMENTER, size)


_EXPERIMENT = struct.pack("!II", wire.ONF, wire.BUNDLE_ADD)


@lru_cache(maxsize=1024)
def _flow_shape(key_length: int, body_length: int, command: int) -> tuple[_Pack, bytes, bytes, bytes]:
    """The packing function of a shape and its three constant pieces."""
    oxm = key_length - _KEY_HEAD
    match = (4 + oxm + 7) // 8 * 8
    inner = _FLOW_MOD + match + body_length
    outer = _outer(_BUNDLE_ADD + inner)
    flags = struct.pack("!xxHBBH", wire.BUNDLE_FLAGS, wire.VERSION, wire.FLOW_MOD, inner)
    targets = struct.pack("!IIIHxxHH", wire.NO_BUFFER, wire.PORT_ANY, wire.GROUP_ANY, 0, 1, 4 + oxm)
    # outer 4, xid, experimenter 8, bundle, flags and inner header 8, xid, cookie, no mask, table, command, no
    # time-outs, priority, targets and match header 20, fields with padding, instructions
    layout = struct.Struct(f"!4sI8sI8sIQ8x1sB4x2s20s{match - 4}s{body_length}s")
    assert layout.size == _BUNDLE_ADD + inner
    return layout.pack, outer, flags, targets


def flow_adds(xid: int, bundle: int, flows: Iterable[tuple[bytes, bytes, int]]) -> bytes:
    """Bundle messages that ADD flows: (key, body, cookie). xid: of the first; each following has one more.

    No time-outs, no flags, no buffer. Raises MessageTooLong.
    """
    pieces: list[bytes] = []
    shape, experiment, add, append = _flow_shape, _EXPERIMENT, wire.FLOW_ADD, pieces.append
    for key, body, cookie in flows:
        pack, outer, flags, targets = shape(len(key), len(body), add)
        # All arguments in one call, without making tuples: this line is the hottest of the daemon.
        append(pack(outer, xid, experiment, bundle, flags, xid, cookie, key[:1], add, key[1:3], targets, key[3:], body))
        xid += 1
    return b"".join(pieces)


def flow_deletes(xid: int, bundle: int, keys: Iterable[bytes]) -> bytes:
    """Bundle messages that delete exactly these flows (DELETE_STRICT), whatever their cookie."""
    pieces = []
    command = wire.FLOW_DELETE_STRICT
    for key in keys:
        pack, outer, flags, targets = _flow_shape(len(key), 0, command)
        head = (outer, xid, _EXPERIMENT, bundle, flags, xid, 0)
        pieces.append(pack(*head, key[:1], command, key[1:3], targets, key[3:], b""))
        xid += 1
    return b"".join(pieces)


_GROUP = struct.Struct("!4sI8sI8sIHBxI")


def _group_mod(xid: int, bundle: int, command: int, type_: int, group: int, buckets: bytes) -> bytes:
    size = group_size(buckets)
    outer = _outer(size)
    inner = struct.pack("!xxHBBH", wire.BUNDLE_FLAGS, wire.VERSION, wire.GROUP_MOD, size - _BUNDLE_ADD)
    return _GROUP.pack(outer, xid, _EXPERIMENT, bundle, inner, xid, command, type_, group) + buckets


def group_puts(xid: int, bundle: int, groups: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Bundle messages that add or replace groups: (id, type, buckets). Raises MessageTooLong."""
    return b"".join(
        _group_mod(number, bundle, wire.GROUP_ADD_OR_MOD, type_, group, buckets)
        for number, (group, type_, buckets) in enumerate(groups, xid)
    )


def group_deletes(xid: int, bundle: int, groups: Iterable[int]) -> bytes:
    """Bundle messages that delete groups; not an error where there is none."""
    return b"".join(
        _group_mod(number, bundle, wire.GROUP_DELETE, 0, group, b"") for number, group in enumerate(groups, xid)
    )
