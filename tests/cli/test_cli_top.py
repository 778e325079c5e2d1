"""top."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from sdn.cli.top import short
from sdn.model.counters import Counted, Counts, LinkCounters, Rates
from sdn.model.errors import Unavailable
from sdn.model.ids import Kind
from sdn.model.selector import Selector

NOW = 1_700_000_000.0
PORTS = {
    "tenants/red/ports/h1": Counted(Counts(10, 20, 1000, 2000, 1, 2, 3, 4), Rates(1.0, 2.0, 1.5e6, 2e3), NOW),
    "tenants/red/ports/h2": Counted(Counts(1, 1, 99, 1), Rates(0.5, 0, 3e9, 0), NOW),
    "tenants/red/ports/h3": Counted(),
}


class Counting:
    """Two readings, then the end of the daemon."""

    interval = 1.0

    def __init__(self) -> None:
        self.readings = 0

    def names(self, kind: Kind, tenant: str, selector: Selector) -> Sequence[str]:
        self.readings += 1
        if self.readings > 2:
            raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")
        chosen = kind is Kind.PORT and tenant in ("", "red") and selector.matches((("env", "lab"),))
        return sorted(PORTS) if chosen else []

    def read(self, name: str) -> Counted | None:
        return PORTS.get(name)

    def links(self, switch: str) -> Sequence[LinkCounters]:
        full = Counted(Counts(tx_bytes=7, tx_dropped=2), Rates(tx_bits=2.5e8), NOW)
        idle = Counted(Counts(tx_bytes=90, rx_errors=1), Rates(), NOW)
        links = [
            LinkCounters(("leaf1", "up1"), ("spine1", "d1\x1b"), True, 10**9, idle, idle),
            LinkCounters(("leaf2", "up1"), ("spine1", "d2"), True, 10**9, idle, full),
        ]
        return [link for link in links if switch in ("", link.a[0], link.b[0])]


@pytest.fixture
def counters() -> Any:
    """Behind the API of every test."""
    return Counting()


def test_ports_by_rate(run: Any) -> None:
    assert run("top").stdout.splitlines() == [
        "PORT          RX          TX        RX PACKETS/S  TX PACKETS/S  RX BYTES  TX BYTES  DROPPED  ERRORS",
        "red/ports/h2  3 Gbit/s    0 bit/s   0.5           0             99        1         0        0",
        "red/ports/h1  1.5 Mbit/s  2 kbit/s  1             2             1000      2000      3        7",
        "red/ports/h3  -           -         -             -             -         -         -        -",
    ]


def test_order_and_limit(run: Any) -> None:
    def names(*arguments: str) -> list[str]:
        return [item["name"][-2:] for item in json.loads(run("top", "ports", *arguments, "-o", "json").stdout)]

    assert names("--sort", "total", "-n", "2") == ["h1", "h2"]
    assert names("--sort", "name", "-t", "red", "-n", "0") == ["h1", "h2", "h3"]


def test_links_by_load(run: Any) -> None:
    assert run("top", "links").stdout.splitlines() == [
        "A          B              CAPACITY  A>B      LOAD  B>A         LOAD   A>B BYTES  B>A BYTES  LOST",
        "leaf2:up1  spine1:d2      1 Gbit/s  0 bit/s  0.0%  250 Mbit/s  25.0%         90          7     3",
        "leaf1:up1  spine1:d1\\x1b  1 Gbit/s  0 bit/s  0.0%  0 bit/s     0.0%          90         90     2",
    ]
    (link,) = yaml.safe_load(run("top", "links", "--switch", "leaf1", "-o", "yaml").stdout)
    assert (link["a"], link["load_ab"]) == ({"switch": "leaf1", "interface": "up1"}, 0.0)


def test_nothing_to_show(run: Any) -> None:
    assert run("top", "networks").stdout == "no networks\n"
    assert run("top", "ports", "-l", "env=prod").stdout == "no ports\n"


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_watch_shows_reading_after_reading(run: Any, output: str) -> None:
    result = run("top", "ports", "--watch", "--every", "1s", "-o", output)
    assert result.exit_code == 1
    assert "the daemon is stopping" in result.stderr
    if output == "table":
        assert result.stdout.count("PORT  ") == 2
        assert "\x1b" not in result.stdout
    elif output == "json":
        assert [len(json.loads(line)) for line in result.stdout.splitlines()] == [3, 3]
    else:
        assert [len(document) for document in yaml.safe_load_all(result.stdout)] == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("links", "-t", "red"), "links belong to no tenant"),
        (("ports", "--switch", "leaf1"), "--switch goes with links"),
        (("ports", "--every", "5s"), "--every goes with --watch"),
        (("routers",), "'routers' is not one of"),
    ],
)
def test_wrong_command_lines(run: Any, arguments: Sequence[str], says: str) -> None:
    result = run("top", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize("counters", [None])
def test_a_daemon_that_does_not_count(run: Any) -> None:
    result = run("top")
    assert result.exit_code == 1
    assert "counter_interval" in result.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.123456, "0.123"), (999.4, "999"), (999.6, "1k"), (1250, "1.25k"), (2e9, "2G"), (3.3e12, "3.3T")],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
