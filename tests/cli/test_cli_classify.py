"""Which packets a connection takes and how much it may send, on the command line and in manifests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

BASE = ("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--name", "gold")


def test_what_was_given_comes_back(run: Any, red: str) -> None:
    given = ("--protocol", "udp", "--a-port", "5060", "--b-prefix", "10.0.0.0/24", "--dscp", "0", "--precedence", "7")
    assert run(*BASE, *given, "--ceiling", "2M", "--reverse-ceiling", "1.5M").exit_code == 0
    lines = run("describe", "connection", "gold", "-t", "red").stdout.splitlines()
    found = dict(line.split(":", 1) for line in lines if ": " in line)
    assert found["Takes"].strip() == "udp, port 5060 at a, 10.0.0.0/24 at b, DSCP 0, precedence 7"
    assert found["Ceiling"].strip() == "2Mbit/s from a to b, 1.5Mbit/s from b to a"
    shown = yaml.safe_load(run("get", "connection", "gold", "-t", "red", "-o", "yaml").stdout)
    assert (int(shown["ceiling_bps"]), int(shown["reverse_ceiling_bps"])) == (2_000_000, 1_500_000)
    given_back = {"protocol": 17, "a_port": 5060, "b_prefix": "10.0.0.0/24", "dscp": 0, "precedence": 7}
    assert {field: value for field, value in shown["classifier"].items() if field in given_back} == given_back


def test_a_manifest_says_the_same(run: Any, red: str, tmp_path: Any) -> None:
    path = tmp_path / "gold.yaml"
    path.write_text(
        "kind: Connection\nname: tenants/red/connections/gold\na: h1\nb: h2\nbandwidth: 1M\nceiling: 2M\n"
        "classifier: {protocol: 6, b_port: 443, ip_version: 6}\n"
    )
    result = run("apply", "-f", str(path))
    assert result.exit_code == 0, result.stderr
    text = run("describe", "connection", "gold", "-t", "red").stdout
    assert "IPv6, tcp, port 443 at b" in text
    assert "2Mbit/s from a to b" in text


def test_nothing_given_takes_all(run: Any, red: str) -> None:
    assert run(*BASE).exit_code == 0
    text = run("describe", "connection", "gold", "-t", "red").stdout
    assert "all packets" in text
    assert "Ceiling" in text


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (("--protocol", "xyz"), 2, "Write icmp, tcp, udp, icmp6, sctp, or a number from 1 to 255"),
        (("--protocol", "256"), 2, "or a number from 1 to 255"),
        (("--b-port", "70000", "--protocol", "tcp"), 2, "70000"),
        (("--b-port", "80"), 1, "Set protocol to 6 (TCP) or 17 (UDP)"),
        (("--a-prefix", "10.0.0.1/8"), 1, "connection.classifier.a_prefix"),
        (("--ceiling", "10k"), 1, "Give at least as much"),
    ],
)
def test_wrong_ones(run: Any, red: str, given: Sequence[str], code: int, says: str) -> None:
    result = run(*BASE, *given)
    assert result.exit_code == code
    assert says in result.stderr


def test_circuits_are_named_by_their_ends(run: Any, red: str) -> None:
    result = run("connect", "leaf1:eth7@5", "leaf2:eth0.1@untagged", "-t", "red", "--bandwidth", "1M")
    assert result.exit_code == 0, result.stderr
    row = run("get", "connections", "-t", "red").stdout.splitlines()[1].split()
    assert row[1:4] == ["leaf1-eth7-5-leaf2-eth0-1-untagged", "leaf1:eth7@5", "leaf2:eth0.1@untagged"]
    refused = run("connect", "leaf1:eth8", "h2", "-t", "red", "--bandwidth", "1M")
    assert refused.exit_code == 1
    assert "Write SWITCH:INTERFACE" in refused.stderr


def test_one_interface_and_several_others(run: Any, red: str) -> None:
    options = ("-t", "red", "--bandwidth", "1M")
    result = run("connect", "leaf1:eth8", "leaf2:eth1,leaf3:eth1", *options, "--name", "tree")
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in run("get", "connections", "-t", "red").stdout.splitlines()[1:]]
    assert [row[1:4] for row in rows] == [
        ["tree", "leaf1:eth8", "leaf2:eth1,leaf3:eth1"],
        ["tree.leaf2.eth1", "leaf1:eth8", "leaf2:eth1"],
        ["tree.leaf3.eth1", "leaf1:eth8", "leaf3:eth1"],
    ]
    assert "leaf2:eth1, leaf3:eth1" in run("describe", "connection", "tree", "-t", "red").stdout
    printed = run("get", "connections", "-o", "yaml").stdout
    again = run("apply", "-f", "-", stdin=printed)
    assert (again.exit_code, again.stdout.count("unchanged")) == (0, 3), again.stderr
    asked = run("why-not", "leaf1:eth9", "leaf2:eth2,leaf3:eth2", *options)
    assert asked.exit_code == 0, asked.stderr
    refused = run("connect", "leaf2:eth1,leaf2:eth3", "leaf1:eth9", *options, "--name", "other")
    assert (refused.exit_code, "connections/tree has this interface" in refused.stderr) == (1, True)
