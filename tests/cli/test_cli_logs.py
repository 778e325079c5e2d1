"""log-level."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

LOGGER = "sdn.southbound"


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """The loggers of this process, which is the daemon of the test; as they were afterwards."""
    names = ["", LOGGER]
    before = [logging.getLogger(name).level for name in names]
    logging.getLogger().setLevel(logging.INFO)
    yield
    for name, level in zip(names, before, strict=True):
        logging.getLogger(name).setLevel(level)


def shown(run: Any, *arguments: str) -> dict[str, str]:
    result = run("log-level", *arguments, "-o", "json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, str] = json.loads(result.stdout)
    return found


def test_levels_are_shown_and_changed(run: Any) -> None:
    first = shown(run)
    assert (first[""], first[LOGGER]) == ("info", "")
    assert shown(run, LOGGER, "debug")[LOGGER] == "debug"
    assert logging.getLogger(LOGGER).level == logging.DEBUG
    assert shown(run, "error")[""] == "error"
    assert shown(run, LOGGER, "default")[LOGGER] == ""
    assert logging.getLogger(LOGGER).getEffectiveLevel() == logging.ERROR
    lines = run("log-level").stdout.splitlines()
    assert lines[:2] == [f"{'LOGGER':{lines[0].index('LEVEL')}}LEVEL", f"{'all':{lines[0].index('LEVEL')}}error"]


def test_loggers_and_levels_that_do_not_exist(run: Any) -> None:
    result = run("log-level", "sdn.nothing", "debug")
    assert result.exit_code == 1
    assert "there is no logger 'sdn.nothing'" in result.stderr
    assert LOGGER in result.stderr
    assert "sdn.nothing" not in logging.root.manager.loggerDict
    result = run("log-level", LOGGER, "loud")
    assert result.exit_code == 1
    assert "'loud' is not a level" in result.stderr
    for arguments in (("loud",), ("a", "b", "c"), ("default",)):
        assert run("log-level", *arguments).exit_code == 2
