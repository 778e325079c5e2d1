"""Manifests from files and from standard input; files that are written as a whole."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sdn.cli.session import EXIT_FAILED, fail, manifest_errors
from sdn.client import Document, ManifestError, Problem, load, parse


def read_manifests(files: Sequence[str], code: int = EXIT_FAILED) -> list[Document]:
    """The objects of all files, in order; '-' is standard input. Problems of all files end the program together.

    code: the exit code then.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in files:
        try:
            documents += _standard_input() if file == "-" else load(file)
        except ManifestError as error:
            problems += error.problems
    with manifest_errors(code):
        if problems:
            raise ManifestError(*problems)
    return documents


def _standard_input() -> list[Document]:
    source = "standard input"
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise ManifestError(Problem(source, 0, 0, "", "not UTF-8 text", "Send UTF-8.")) from None
    return parse(text, source)


def write_whole(file: Path, data: bytes) -> None:
    """All of it or what was there before, readable for its owner alone; what fails ends the program."""
    with file_errors("write", file):
        descriptor, partial = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(data)
                target.flush()
                os.fsync(target.fileno())
            Path(partial).replace(file)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise


@contextmanager
def file_errors(verb: str, file: Path) -> Iterator[None]:
    """Tell what is wrong with a file, and end."""
    try:
        yield
    except OSError as error:
        fail([f"cannot {verb} {file}: {error.strerror or error}. Name a file that you may {verb}."])
