"""Which groups of a switch did not get the id of their first choice, because other content had it when they came.

Two groups that want the same id get it in the order in which they come, and a restart compiles in another order. So
the choice is kept, and is durable before the group is written. Among 1,000 groups of a switch a collision has a
probability of 1 in 4,000, so this is nearly always empty; a choice is never forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from sdn.model.errors import SdnError
from sdn.model.ids import format_dpid, parse_dpid
from sdn.model.program import Group

GROUPS = "groups"
"""Bucket: key ``DPID/HASH`` with the hash of a group's content, value the salt of its id."""
MAX_SALT = 255


class Salts:
    """Of one switch: salts by content, 0 where nothing is noted."""

    def __init__(self) -> None:
        self._salts: dict[str, int] = {}
        self.fresh: dict[str, int] = {}
        """Noted since this was emptied last."""

    def __bool__(self) -> bool:
        return bool(self._salts)

    def get(self, content: Group) -> int:
        """The salt with which to begin."""
        return self._salts.get(_hash(content), 0) if self._salts else 0

    def note(self, content: Group, salt: int) -> None:
        """This content got an id with this salt."""
        self.fresh[_hash(content)] = self._salts[_hash(content)] = salt

    def load(self, digest: str, salt: int) -> None:
        """Take over what was noted in an earlier life."""
        self._salts[digest] = salt


class SaltTable:
    """Of all switches. saved: the bucket as it was left; raises SdnError when it is damaged."""

    def __init__(self, saved: Mapping[str, str]) -> None:
        self._of: dict[int, Salts] = {}
        for key, text in saved.items():
            dpid, _, digest = key.partition("/")
            if not (digest and text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_SALT):
                raise SdnError.of(
                    f"{GROUPS}[{key}]"[:300],
                    f"the stored record is damaged: {text[:40]!r}",
                    "Restore the state directory from a backup; nothing was changed.",
                )
            self.of(parse_dpid(dpid)).load(digest, int(text))

    def of(self, dpid: int) -> Salts:
        """Those of a switch."""
        found = self._of.get(dpid)
        if found is None:
            found = self._of[dpid] = Salts()
        return found

    def records(self) -> Iterator[tuple[str, str]]:
        """Records (key, value) to put into the bucket since the last call. O(switches)."""
        for dpid, salts in self._of.items():
            if salts.fresh:
                fresh, salts.fresh = salts.fresh, {}
                for digest, salt in fresh.items():
                    yield f"{format_dpid(dpid)}/{digest}", str(salt)


def _hash(content: Group) -> str:
    return blake2b(content.buckets, digest_size=16, key=bytes([content.type])).hexdigest()
