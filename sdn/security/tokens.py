"""The file of tokens: who may call the API with a bearer token, one JSON object a line.

A token is ``sdn_ID_SECRET``; the secret has 256 random bits, so its SHA-256 is all that the file needs to hold. A line
``{"revoked": SERIAL}`` bars a client certificate by its serial number. A line that is wrong gives no right to anybody;
the others hold.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any

from sdn.model.errors import InvalidInput, SdnError, Violation
from sdn.security.files import read_file
from sdn.security.subjects import Subject, check_subject

MAX_TOKENS = 10_000
_TOKEN = re.compile(r"sdn_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_HASH = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_KEYS = {"id", "sha256", "name", "role", "tenants", "expires"}
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file. expires: Unix time in seconds, None for never."""

    id: str
    hash: str
    subject: Subject
    expires: float | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The content of the file. wrong: what is the matter with lines that were passed over."""

    by_id: Mapping[str, Token] = field(default_factory=dict)
    revoked: frozenset[str] = frozenset()
    wrong: tuple[Violation, ...] = ()

    def find(self, text: str) -> Token | None:
        """The token that this is, expired or not; takes as long for a wrong secret as for an unknown one."""
        match = _TOKEN.fullmatch(text)
        known = self.by_id.get(match[1]) if match else None
        same = compare_digest(sha256(text.encode(errors="replace")).hexdigest(), known.hash if known else _NOBODY)
        return known if same else None


def make_token(subject: Subject, expires: datetime | None) -> tuple[str, str]:
    """A new token, and the line of the file that makes it valid. Raises InvalidInput."""
    found = check_subject(subject)
    if not found.role:
        raise InvalidInput.of("role", "not given", "Give a role.")
    identifier = token_hex(6)
    text = f"sdn_{identifier}_{token_urlsafe(32)}"
    line: dict[str, Any] = {"id": identifier, "name": found.name, "role": found.role}
    line |= {"tenants": list(found.tenants)} if found.tenants else {}
    line |= {"expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ")} if expires else {}
    return text, json.dumps(line | {"sha256": sha256(text.encode()).hexdigest()})


def add_token(subject: Subject, expires: datetime | None, file: Path | None) -> tuple[str, str]:
    """A new token and its line, which is appended to the file (made with mode 0600) if one is given."""
    text, line = make_token(subject, expires)
    if file is not None:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as target:
                target.write(line.encode() + b"\n")
        except OSError as error:
            reason = f"cannot write {file}: {error.strerror}"
            raise InvalidInput.of("file", reason, "Name a file that you may write.") from None
    return text, line


def load_tokens(path: Path) -> Tokens:
    """Read the file; raises InvalidInput when it cannot be read, or when others than its owner could write it."""
    data = read_file(path, "tokens")
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InvalidInput.of("tokens", f"{path} can be written by others", f"Do: chmod go-w {path}")
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise InvalidInput.of("tokens", f"{path} is not UTF-8 text", "Name the right file.") from None
    return _parse(lines, str(path))


def _parse(lines: list[str], path: str) -> Tokens:
    by_id: dict[str, Token] = {}
    revoked: set[str] = set()
    wrong: list[Violation] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found = _read(line)
            if isinstance(found, str):
                revoked.add(found)
                continue
            if found.id in by_id:
                raise InvalidInput.of("id", f"{found.id} is there twice", "Remove one of the two lines.")
            if len(by_id) >= MAX_TOKENS:
                raise InvalidInput.of("", f"more than {MAX_TOKENS} tokens", "Remove those that nobody uses.")
            by_id[found.id] = found
        except SdnError as error:
            wrong += (Violation(f"{path}:{number}: {v.field}", v.reason, v.remedy) for v in error.violations)
    return Tokens(by_id, frozenset(revoked), tuple(wrong))


def _read(line: str) -> Token | str:
    """A token, or the serial number of a certificate that is barred."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput.of("", "not a JSON object", "Write the line that sdnctl tokens new prints.")
    if set(data) == {"revoked"}:
        return _text(data, "revoked", _SERIAL, "the serial that sdnctl certs show prints")
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise InvalidInput.of(unknown[0], "no such key", f"Known are {', '.join(sorted(_KEYS))}.")
    identifier = _text(data, "id", re.compile("[0-9a-f]{12}"), "12 hexadecimal digits")
    digest = _text(data, "sha256", _HASH, "64 hexadecimal digits")
    name, role, tenants = data.get("name"), data.get("role"), data.get("tenants", [])
    if not isinstance(name, str) or not isinstance(role, str) or not role:
        raise InvalidInput.of("role" if isinstance(name, str) else "name", "not given as text", "Give it.")
    if not isinstance(tenants, list) or not all(isinstance(tenant, str) for tenant in tenants):
        raise InvalidInput.of("tenants", "not a list of text", 'Write ["red", "blue"].')
    subject = check_subject(Subject(name, role, tuple(tenants)))
    return Token(identifier, digest, subject, _time(data.get("expires")))


def _text(data: Mapping[str, Any], key: str, form: re.Pattern[str], remedy: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise InvalidInput.of(key, "missing or of another form", f"Give {remedy}.")
    return value


def _time(value: object) -> float | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidInput.of("expires", "not a time", "Write 2027-01-31T00:00:00Z.") from None
