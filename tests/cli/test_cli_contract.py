"""What scripts rely on: forms of output, exit codes, --watch, and that nothing but answers goes into a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sdn.cli import progress, top
from sdn.cli.main import cli
from sdn.model.errors import InvalidInput, Unavailable

TIMEOUT = 30
H1 = "tenants/red/ports/h1"
NAMELESS = {"sdnctl status", "sdnctl wait", "sdnctl why-not"}
"""What these tell has no names."""
WATCHED = {
    *("sdnctl get", "sdnctl events", "sdnctl top", "sdnctl flows", "sdnctl status", "sdnctl where"),
    *("sdnctl topology show", "sdnctl topology check", "sdnctl topology utilisation"),
}
BY_LABELS = {"sdnctl get", "sdnctl events", "sdnctl delete", "sdnctl top", "sdnctl flows", "sdnctl where"}
NAMED = {
    *WATCHED - {"sdnctl status"},
    *("sdnctl apply", "sdnctl audit", "sdnctl backup", "sdnctl connect", "sdnctl create", "sdnctl delete"),
    *("sdnctl describe", "sdnctl diff", "sdnctl log-level", "sdnctl path", "sdnctl restore", "sdnctl settings"),
    "sdnctl what-if",
    *(
        "sdnctl support-bundle",
        "sdnctl topology draw",
        "sdnctl trace",
        "sdnctl update",
        "sdnctl what-if",
        "sdnctl whoami",
    ),
    *("sdnctl certs init", "sdnctl certs client", "sdnctl certs switch", "sdnctl certs server"),
    *("sdnctl certs renew", "sdnctl certs show", "sdnctl tokens new"),
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """All that do something, with their path."""
    stack: list[tuple[str, click.Command]] = [("sdnctl", cli)]
    while stack:
        path, command = stack.pop()
        if isinstance(command, click.Group):
            stack += [(f"{path} {name}", inner) for name, inner in command.commands.items()]
        else:
            yield path, command


ALL = dict(commands())


def option(command: click.Command, flag: str) -> Any:
    return next((param for param in command.params if flag in param.opts), None)


def test_every_command_answers_in_every_form_and_says_how() -> None:
    for path, command in ALL.items():
        forms = set(option(command, "--output").type.choices)
        assert forms >= {"table", "json", "yaml"}, path
        assert ("name" in forms) or path not in NAMED, path
        assert re.search(rf"{path}\b", command.help or ""), f"{path} teaches by no example"
    assert set(ALL) >= NAMED | NAMELESS


@pytest.mark.parametrize(("flag", "having"), [("--watch", WATCHED), ("--selector", BY_LABELS)])
def test_lists_are_watched_and_chosen_by_labels(flag: str, having: set[str]) -> None:
    assert [path for path in having if option(ALL[path], flag) is None] == []


# -o name


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("flows", "leaf1"), ["switches/0000000000000001", "switches/0000000000000002", H1, "tenants/red/ports/h2"]),
        (("flows", "leaf1", "-l", "env=lab"), [H1]),
        (("path", "leaf1", "leaf2"), ["leaf1,spine1,leaf2"]),
        (("topology", "show"), ["leaf1", "spine1"]),
        (("topology", "utilisation", "--sort", "name"), ["leaf1:up1>spine1:d1", "spine1:d1>leaf1:up1"]),
        (("whoami",), ["local"]),
        (("where", "10.0.0.11", "-l", "env=lab"), [H1]),
        (("audit", "leaf1"), ["leaf1"]),
    ],
)
def test_names_alone(run: Any, red: str, arguments: tuple[str, ...], names: list[str]) -> None:
    result = run(*arguments, "-o", "name")
    assert (result.exit_code, result.stdout.splitlines()) == (0, names)


def test_files_are_named(run: Any, tmp_path: Path) -> None:
    for command in (("topology", "draw", "net.svg"), ("certs", "init", "c")):
        *words, last = command
        result = run(*words, str(tmp_path / last), "-o", "name")
        assert result.exit_code == 0, result.stderr
        assert result.stdout.splitlines()[0].startswith(f"{tmp_path}/")
    made = run("tokens", "new", "ci", "--role", "viewer", "-o", "name").stdout
    assert len(made.strip()) == 12
    loggers = run("log-level", "-o", "name").stdout.splitlines()
    assert "grpc" in loggers
    assert "" not in loggers


# --watch


def test_what_changes_is_shown_again(run: Any, red: str, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at five times, of which two differ; then the daemon is gone."""
    whole = daemon.topology()
    less = type(whole)(whole.switches[:1], (), ())
    seen = iter([whole, whole, less, less, whole])

    def topology() -> Any:
        found = next(seen, None)
        if found is None:
            raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")
        return found

    monkeypatch.setattr(daemon, "topology", topology)
    result = run("topology", "show", "--watch", "--every", "0", "-o", "json")
    assert [len(json.loads(line)["switches"]) for line in result.stdout.splitlines()] == [2, 1, 2]
    assert (result.exit_code, "stopping" in result.stderr) == (1, True)
    seen = iter([whole, less])
    named = run("topology", "show", "-w", "--every", "0", "-o", "name")
    assert named.stdout.splitlines() == ["leaf1", "spine1", "leaf1"]
    seen = iter([whole, less])
    table = run("topology", "show", "-w", "--every", "0").stdout
    assert (table.count("SWITCH"), table.count(top.CLEAR)) == (2, 0), "no control of terminals in pipes"


def test_where_somebody_goes_is_watched(run: Any, red: str, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    every = daemon.list
    looks = iter([True, False, False])

    def list_(kind: Any, *arguments: Any) -> Any:
        if str(kind) == "Port" and not next(looks):
            raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")
        return every(kind, *arguments)

    monkeypatch.setattr(daemon, "list", list_)
    result = run("where", "10.0.0.11", "--watch", "--every", "0", "-o", "name")
    assert (result.exit_code, result.stdout) == (1, f"{H1}\n")


# Exit codes


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("status",), 0),
        (("--help",), 0),
        (("get", "port", "tenants/red/ports/none"), 1),
        (("path", "leaf1", "island"), 1),
        (("topology", "check"), 1),
        (("get", "nothing"), 2),
        (("nothing",), 2),
        (("status", "--nothing"), 2),
        (("--context", "nothing", "status"), 2),
        (("--address", "127.0.0.1:1", "status"), 3),
        (("--address", "127.0.0.1:1", "get", "ports", "--watch"), 3),
        (("diff", "-f", "/none"), 2),
    ],
)
def test_exit_codes(run: Any, arguments: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDN_CONTEXTS", "/none")
    result = run(*arguments)
    assert result.exit_code == code
    assert bool(result.stderr) == (code != 0)
    assert f"  {code}  " in (cli.help or "")


def program(*arguments: str, address: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "SDN_ADDRESS": address}
    command = [sys.executable, "-m", "sdn.cli.main", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_an_interruption_is_told_by_the_exit_code(api: Any) -> None:
    api.daemon.missing = ("switch leaf1 is not connected",)
    asked: list[float] = []
    system = api.daemon.system
    api.daemon.system = lambda: (asked.append(0), system())[1]
    with program("wait", "--ready", "--timeout", "60s", address=api.address) as process:
        while not asked:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err.strip()) == (130, "", "sdnctl: interrupted")


def test_who_watches_ends_with_zero_and_whose_reader_leaves_without_noise(api: Any) -> None:
    with program("status", "--watch", "-o", "json", address=api.address) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["version"] == "1.2.3"
        process.send_signal(signal.SIGINT)
        assert (process.wait(TIMEOUT), process.communicate()[1]) == (0, "")
    with program("status", "--watch", "--every", "0", "-o", "json", address=api.address) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        api.daemon.missing = ("another answer",)
        assert process.wait(TIMEOUT) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


# Progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks on, and is told at once."""
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)


WAITING = [
    (("apply", "-f", "-", "--wait", "5s"), "programmed"),
    (("create", "port", "h3", "-t", "red", "network=web", "--wait", "5s"), "programmed"),
    (("update", "port", H1, "labels.a=b", "--wait", "5s"), "programmed"),
    (("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--wait", "5s"), "programmed"),
]


@pytest.mark.parametrize(("arguments", "word"), WAITING)
def test_who_looks_on_sees_how_many_are_programmed(
    run: Any, red: str, terminal: None, arguments: tuple[str, ...], word: str
) -> None:
    result = run(*arguments, "-o", "json", stdin=red)
    assert result.exit_code == 0, result.stderr
    assert word in result.stderr
    json.loads(result.stdout)


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in WAITING])
def test_nobody_is_told_in_a_pipe(run: Any, red: str, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "-o", "json", stdin=red)
    assert (result.exit_code, result.stderr) == (0, "")
    json.loads(result.stdout)


def test_long_work_says_what_it_does_and_leaves_no_trace(terminal: None) -> None:
    @click.command()
    def work() -> None:
        with progress.working("reading back") as tell:
            tell("leaf1\x1b[2J (1 of 2)")
            while not told:
                continue

    told: list[str] = []
    echo = click.echo

    def noted(text: str, **options: Any) -> None:
        echo(text, **options)
        if "leaf1" in text:
            told.append(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click, "echo", noted)
        result = CliRunner().invoke(work)
    # The runner is no terminal, so that click leaves out what clears the line.
    assert "\rreading back leaf1\\x1b[2J (1 of 2), 0 s" in result.stderr
    assert result.stderr.endswith("\r")
    assert result.stdout == ""


def test_an_error_ends_the_line_of_progress(terminal: None) -> None:
    with pytest.raises(InvalidInput), progress.working("nothing"):
        raise InvalidInput.of("a", "wrong", "Right it.")
