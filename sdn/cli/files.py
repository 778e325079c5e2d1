"""Manifests from files and from standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sdn.cli.session import manifest_errors
from sdn.client import Document, ManifestError, Problem, load, parse


def read_manifests(files: Sequence[str]) -> list[Document]:
    """The objects of all files, in order; '-' is standard input. Problems of all files end the program together."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in files:
        try:
            documents += _standard_input() if file == "-" else load(file)
        except ManifestError as error:
            problems += error.problems
    with manifest_errors():
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
