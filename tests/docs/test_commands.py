"""Every command that a page shows exists, with its options; so does every setting of the daemon that it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from sdn.cli.main import cli
from sdn.daemon import config

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FILES = ("wishes.yaml", "green.yaml", "sdn-2026-11-25.db", "first.db")
_WHOLE = ("README.md", "operations.md")
"""Pages whose commands are read as a whole, values included."""
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]+|\[.*|…")
"""A word that stands for what a reader puts there: what follows is not judged."""


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """(command line, whether it is complete): of blocks of shell, and of words in backticks, which may be cut."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.strip(), True
    for quoted in re.findall(r"`((?:sdnctl|sdnd) [^`\n]+)`", text):
        yield quoted, False


def words_of(line: str, program: str) -> list[str] | None:
    """Arguments of a program in a line of shell, None if the line does not call it."""
    found = re.match(rf"(?:sudo -u \w+ )?(?:\S*/)?{program}(?: |$)([^|;&]*)", line.split(" #")[0])
    if found is None:
        return None
    return shlex.split(found[1].replace("$(date +%F)", "2026-11-25"), comments=True)


def lines(program: str) -> list[tuple[str, str, list[str], bool]]:
    found = []
    for page in PAGES:
        for line, complete in commands(page):
            words = words_of(line, program)
            if program == "sdnctl" and words is None and line.startswith("./dev ctl "):
                words = words_of(line.replace("./dev ctl", "sdnctl"), "sdnctl")
            if words is not None:
                found.append((page.name, line, words, complete))
    return found


@pytest.mark.parametrize(("page", "line", "words", "complete"), lines("sdnctl"))
def test_commands_of_sdnctl_exist(
    page: str, line: str, words: list[str], complete: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).touch()
    command: click.Command = cli
    # With the settings that it is called with: click keeps the help option that it makes first.
    context = click.Context(
        cli, info_name="sdnctl", **cli.context_settings
    )  # as it is called: click keeps what help it made first
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if PLACEHOLDER.fullmatch(words[0]):
            return
        found = command.get_command(context, words[0])
        assert found is not None, f"{page}: {line!r}: there is no command {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    assert set(options) - known - {"-h", "--help", "--version"} == set(), f"{page}: {line!r}"
    if complete and page in _WHOLE and words and not any(PLACEHOLDER.fullmatch(word) for word in words):
        command.make_context(command.name or "", list(words), parent=context)


@pytest.mark.parametrize(("page", "line", "words", "complete"), lines("sdnd"))
def test_settings_of_sdnd_exist(page: str, line: str, words: list[str], complete: bool) -> None:
    known = {f"--{item.name.replace('_', '-')}" for item in fields(config.Config)} | {"--help", "--version", "--config"}
    assert {word for word in words if word.startswith("--")} <= known, f"{page}: {line!r}"


@pytest.mark.parametrize("page", ["operations.md", "metrics.md"])
def test_flags_alone_belong_to_one_of_both(page: str) -> None:
    settings = {f"--{item.name.replace('_', '-')}" for item in fields(config.Config)}
    found = set(re.findall(r"`(--[a-z][a-z-]+)(?: [^`]*)?`", (ROOT / "docs" / page).read_text(encoding="utf-8")))
    assert found - settings - _all_options() == set()


def _all_options(command: click.Command = cli) -> set[str]:
    own = {option for parameter in command.params for option in parameter.opts}
    if isinstance(command, click.Group):
        own |= {option for child in command.commands.values() for option in _all_options(child)}
    return own | {"--help", "--version", "--config", "--restore"}


def test_alerts_and_reasons_are_explained() -> None:
    """Every reason for which a port may be PENDING is in the table of symptoms."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    source = "".join((ROOT / "sdn/controller" / name).read_text() for name in ("hosts/attachments.py", "statuses.py"))
    reasons = set(re.findall(r'Detached\(\s*"(\w+)"', source)) | {"SwitchAway", "Programming", "Repairing"}
    assert {reason for reason in reasons if f"| `{reason}` |" not in text} == set()
