"""sdnd as a process: start, refusals with a reason, a clean end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sdn.persist import Journal

TIMEOUT = 30


def command(state: Path, *more: str) -> list[str]:
    ports = ["--openflow", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
    return [sys.executable, "-m", "sdn.app", "--state-dir", str(state), *ports, *more]


@contextmanager
def daemon(state: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A running sdnd; its first lines up to "sdnd runs" are read."""
    process = subprocess.Popen(command(state, *more), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "sdnd runs" in line:
                break
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def refused(*arguments: str) -> str:
    """What it says when it does not start."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with daemon(tmp_path / "state") as process:
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 0
        assert process.stderr is not None
        text = process.stderr.read()
        assert "sdnd ends" in text
        assert "Traceback" not in text


def test_a_second_one_on_the_same_state_refuses(tmp_path: Path) -> None:
    with daemon(tmp_path / "state"):
        text = refused(*command(tmp_path / "state"))
    assert str(tmp_path / "state") in text
    assert "another" in text or "process" in text


def test_the_secret_of_probes_is_kept(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with daemon(tmp_path) as process:
            process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT)
        with Journal(tmp_path) as journal:
            keys.append(journal.load()["meta"]["probe_key"])
    assert keys[0] == keys[1]
    assert len(bytes.fromhex(keys[0])) >= 16


def test_ports_in_use_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in refused(*command(tmp_path / "a", "--grpc", address))
        assert address in refused(*command(tmp_path / "b", "--openflow", address))
        assert address in refused(*command(tmp_path / "c", "--metrics", address))


@pytest.mark.parametrize("name", ["--grpc", "--openflow", "--metrics"])
def test_beyond_this_machine_only_when_allowed(tmp_path: Path, name: str) -> None:
    text = refused(*command(tmp_path / "a", name, "0.0.0.0:0"))
    assert "other machines" in text
    with daemon(tmp_path / "b", name, "0.0.0.0:0", "--insecure"):
        pass


def test_a_wrong_topology_is_named(tmp_path: Path) -> None:
    assert "nonsense" in refused(*command(tmp_path, "--topology", "nonsense"))


def test_json_logs(tmp_path: Path) -> None:
    import json

    with daemon(tmp_path, "--log-format", "json") as process:
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT)
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr]
    assert {"time", "level", "logger", "message"} <= lines[-1].keys()
