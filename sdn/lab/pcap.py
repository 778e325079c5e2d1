"""Reading a capture file while it grows (the format of https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap).

Open vSwitch appends to the file while we read: a record may be there in part, and is then read the next time.
"""

from __future__ import annotations

import struct
from pathlib import Path

_FILE_HEADER = 24
_RECORD_HEADER = 16
_MAX_FRAME = 262_144
"""Bytes; a longer record means that the file is not what it should be (the same limit as tcpdump's)."""
_MAGIC = {0xA1B2C3D4, 0xA1B23C4D}


class PcapTail:
    """The frames of a growing file, each exactly once. The file may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._order = ""

    def read(self) -> list[bytes]:
        """Whole frames that came since the last call; raises ValueError when this is no capture file."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                if size < self._offset:  # written anew
                    self._offset, self._order = 0, ""
                file.seek(self._offset)
                data = file.read(size - self._offset)
        except FileNotFoundError:
            return []
        at = 0
        if not self._order:
            if len(data) < _FILE_HEADER:
                return []
            self._order = self._order_of(data)
            at = _FILE_HEADER
        frames, at = self._frames(data, at)
        self._offset += at
        return frames

    def _order_of(self, data: bytes) -> str:
        for order in "<>":
            if struct.unpack_from(f"{order}I", data)[0] in _MAGIC:
                return order
        raise ValueError(f"{self.path} is not a capture file. It begins with {data[:4].hex()}.")

    def _frames(self, data: bytes, at: int) -> tuple[list[bytes], int]:
        """The whole frames from ``at`` on, and where the first incomplete record begins."""
        frames: list[bytes] = []
        while len(data) - at >= _RECORD_HEADER:
            length = struct.unpack_from(f"{self._order}I", data, at + 8)[0]
            if length > _MAX_FRAME:
                raise ValueError(f"{self.path} is damaged. A record claims {length} bytes.")
            end = at + _RECORD_HEADER + length
            if end > len(data):
                break
            frames.append(data[at + _RECORD_HEADER : end])
            at = end
        return frames, at
