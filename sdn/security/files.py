"""Secret files: made with mode 0600, never replaced by accident, read with a reason where they cannot be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sdn.model.errors import InvalidInput

MAX_BYTES = 4 * 2**20


def read_file(path: Path, field: str) -> bytes:
    """The content of a file of at most 4 MiB; raises InvalidInput naming ``field``."""
    try:
        with path.open("rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}"
        raise InvalidInput.of(field, reason, "Name a file that this user may read.") from None
    if len(data) > MAX_BYTES:
        raise InvalidInput.of(field, f"{path} is larger than {MAX_BYTES} bytes", "Name the right file.")
    return data


def write_new(path: Path, data: bytes, mode: int) -> None:
    """A file that was not there before, in a directory that is made (0700) if need be. Raises InvalidInput."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        _fill(descriptor, data, mode)
    except FileExistsError:
        remedy = "Renew it, choose another name, or remove the file first."
        raise InvalidInput.of("file", f"{path} exists already", remedy) from None
    except OSError as error:
        raise _cannot(path, error) from None


def write_over(path: Path, data: bytes, mode: int) -> None:
    """All of it, or what was there before. Raises InvalidInput."""
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            _fill(descriptor, data, mode)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot(path, error) from None


def _fill(descriptor: int, data: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as target:
        os.fchmod(descriptor, mode)
        target.write(data)
        target.flush()
        os.fsync(descriptor)


def _cannot(path: Path, error: OSError) -> Exception:
    return InvalidInput.of("file", f"cannot write {path}: {error.strerror}", "Name a directory that you may write.")
