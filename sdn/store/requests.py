"""First results of requests by their id, so that a retry, even after a restart, is answered and not repeated.

The oldest are forgotten first, beyond 10,000 results or 32 Mi characters of records; the newest is always remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from sdn.model import codec
from sdn.model.command import Command, Delete, Transaction, Update
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.intent import Resource
from sdn.store.numbers import damaged

REQUESTS = "requests"
"""Bucket: key the request id, value the first result."""
MAX_REQUESTS = 10_000
MAX_CHARACTERS = 32 * 2**20
MAX_ID = 128


@dataclass(frozen=True, slots=True)
class FirstResult:
    """What a request was answered. digest: of its commands."""

    digest: str
    revision: int
    resources: tuple[Resource, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A result to be added, as text, and the ids that are forgotten for it."""

    id: str
    text: str
    forgotten: tuple[str, ...]


class Requests:
    """Results in the order in which they came."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._characters = 0
        self._sequence = 0

    def first_result(self, tx: Transaction) -> FirstResult | None:
        """The result of an earlier request with this id; raises InvalidInput if that one wished something else."""
        check_id(tx.request_id)
        text = self._texts.get(tx.request_id)
        if text is None:
            return None
        result, _ = _parse(text)
        if result.digest != digest(tx):
            raise InvalidInput.of(
                "request_id", "an earlier request with this id had other content", "Use a new id for a new request."
            )
        return result

    def remember(self, request_id: str, result: FirstResult) -> Remembered:
        """What ``add`` would do for a new result."""
        text = codec.dumps(
            {
                "sequence": self._sequence + 1,
                "digest": result.digest,
                "revision": result.revision,
                "resources": [codec.encode(resource) for resource in result.resources],
                "changed": list(result.changed),
            }
        )
        count, characters = len(self._texts) + 1, self._characters + len(text)
        forgotten: list[str] = []
        for old_id, old in self._texts.items():
            if count <= MAX_REQUESTS and characters <= MAX_CHARACTERS:
                break
            forgotten.append(old_id)
            count, characters = count - 1, characters - len(old)
        return Remembered(request_id, text, tuple(forgotten))

    def add(self, remembered: Remembered) -> None:
        """Remember a result."""
        for old_id in remembered.forgotten:
            self._characters -= len(self._texts.pop(old_id))
        self._texts[remembered.id] = remembered.text
        self._characters += len(remembered.text)
        self._sequence += 1

    def copy(self) -> Requests:
        """The same results, to be added to apart. O(results)."""
        copy = Requests()
        copy._texts = dict(self._texts)
        copy._characters, copy._sequence = self._characters, self._sequence
        return copy

    def records(self) -> dict[str, str]:
        """All records by request id."""
        return dict(self._texts)

    @classmethod
    def load(cls, records: Mapping[str, str]) -> Requests:
        """Rebuild from records; raises SdnError naming a damaged one."""
        requests = cls()
        found: list[tuple[int, str, str]] = []
        for request_id, text in records.items():
            try:
                _, sequence = _parse(text)
            except SdnError as error:
                raise damaged(REQUESTS, request_id, str(error.violations[0])) from None
            found.append((sequence, request_id, text))
        for sequence, request_id, text in sorted(found):
            requests._texts[request_id] = text
            requests._characters += len(text)
            requests._sequence = sequence
        return requests


def check_id(request_id: str) -> None:
    """Raises InvalidInput unless the id has a form that can be remembered."""
    if len(request_id) > MAX_ID or not request_id.isprintable():
        raise InvalidInput.of(
            "request_id", "too long or not printable", f"Use at most {MAX_ID} printable characters, best a random UUID."
        )


def digest(tx: Transaction) -> str:
    """128 bits of BLAKE2b over what the commands say, in hexadecimal."""
    return blake2b(codec.dumps([_said(command) for command in tx.commands]).encode(), digest_size=16).hexdigest()


def _said(command: Command) -> codec.Json:
    verb = type(command).__name__
    if isinstance(command, Delete):
        return [verb, command.name, command.revision]
    data = codec.encode(command.resource)
    data["revision"] = data["created"] = None
    if isinstance(command, Update):
        names: codec.Json = None if command.fields is None else [*sorted(command.fields)]
        return [verb, data, names, command.revision]
    return [verb, data]


def _parse(text: str) -> tuple[FirstResult, int]:
    data = codec.loads(text)
    wrong = InvalidInput.of("", "not the result of a request", "Restore it.")
    if not isinstance(data, dict) or data.keys() != {"sequence", "digest", "revision", "resources", "changed"}:
        raise wrong
    sequence, revision, changed = data["sequence"], data["revision"], data["changed"]
    if not (isinstance(data["digest"], str) and type(revision) is int and type(sequence) is int and sequence > 0):
        raise wrong
    if not isinstance(data["resources"], list) or not isinstance(changed, list):
        raise wrong
    if not all(isinstance(name, str) for name in changed):
        raise wrong
    resources = tuple(codec.decode(item) for item in data["resources"])
    return FirstResult(data["digest"], revision, resources, tuple(changed)), sequence
