"""settings."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from sdn.daemon.config import FIELDS


@pytest.fixture(autouse=True)
def level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process, which is the daemon of the test."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)


def test_all_are_shown_in_order(run: Any) -> None:
    assert run("settings", "-o", "name").stdout.splitlines() == list(FIELDS)
    (found,) = json.loads(run("settings", "probe-misses", "-o", "json").stdout)
    assert found == {
        "name": "probe_misses",
        "value": "3",
        "default_value": "3",
        "source": "SETTING_BUILT_IN",
        "where": "",
        "later": None,
        "help": "unheard probes that end a link",
    }
    lines = run("settings", "grpc", "log_level").stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM", "LATER"]
    assert [line.split() for line in lines[1:]] == [
        ["grpc", "127.0.0.1:1", "built", "in", "-"],
        ["log_level", "info", "built", "in", "-"],
    ]


def test_what_was_changed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("settings", "--changed").stdout == "all settings are as built in\n"
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    assert run("settings", "--changed").stdout.splitlines()[1].split() == ["log_level", "debug", "run", "time", "info"]


def test_an_unknown_one_is_told(run: Any) -> None:
    result = run("settings", "colour")
    assert result.exit_code == 1
    assert result.stderr.startswith("sdnctl: there is no setting 'colour'. Choose from state_dir, openflow, ")
