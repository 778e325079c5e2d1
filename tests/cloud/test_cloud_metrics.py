"""A running daemon exports what is documented, and what dashboard and alerts ask for."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from prometheus_client.parser import text_string_to_metric_families

from sdn.client import ApiError
from sdn.lab.daemon import free_port
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\b(?:sdn|process)_[a-z0-9_]+\b")
DEADLINE = 30.0


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def lab(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", "0.5")
        patch.setenv("SDN_PATH_PROBE_INTERVAL", "1")
        patch.setenv("SDN_METRICS", f"127.0.0.1:{port}")
        with cloud_lab("leaf-spine:spines=1,leaves=2,hosts=2", tmp_path_factory.mktemp("metrics"), "each") as lab:
            yield lab


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrape(port: int) -> dict[str, list[Any]]:
    """Samples by name; wanted samples exist when every kind of object was counted and called for."""
    status, text = ask(port, "/metrics")
    assert status == 200
    samples: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return samples


@pytest.fixture(scope="module")
def scraped(lab: CloudLab, port: int) -> dict[str, list[Any]]:
    """When every kind of thing was seen at least once."""
    with pytest.raises(ApiError):
        lab.client.ports.get("tenants/red/ports/none")
    red = sorted(host for host in lab.hosts if lab.tenant[host] == "red")
    a, b = map(lab.port_of, red[:2])
    lab.client.connections.create(
        pb.Connection(name="tenants/red/connections/c", a=a, b=b, bandwidth_bps=1000), wait=30
    )
    watch = lab.client.ports.watch()
    next(iter(watch))
    end = monotonic() + DEADLINE
    while True:
        found = scrape(port)
        counted = [len(found.get(f"sdn_{name}_total", ())) for name in ("port_receive_bytes", "connection_bytes")]
        if counted == [len(lab.hosts), 2] and "sdn_connection_jitter_seconds" in found:
            watch.close()
            return found
        assert monotonic() < end


def names_in(text: str) -> set[str]:
    return set(NAME.findall(text))


def test_every_metric_of_the_dashboard_exists(scraped: dict[str, list[Any]]) -> None:
    board = json.loads((ROOT / "packaging/grafana/sdn.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    queries += [variable["query"] for variable in board["templating"]["list"]]
    assert len(queries) > 40
    assert names_in(" ".join(queries)) - set(scraped) == set()
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


def test_every_metric_of_the_alerts_exists(scraped: dict[str, list[Any]]) -> None:
    text = (ROOT / "packaging/prometheus/sdn-alerts.yaml").read_text()
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    wanted = names_in(" ".join(rule["expr"] for rule in rules))
    assert wanted - set(scraped) == set()
    operations = (ROOT / "docs/operations.md").read_text()
    assert [rule["alert"] for rule in rules if rule["alert"] not in operations] == []


def test_labels_of_dashboard_and_alerts_exist(scraped: dict[str, list[Any]]) -> None:
    board = json.loads((ROOT / "packaging/grafana/sdn.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            labels = {label for name in names_in(target["expr"]) for sample in scraped[name] for label in sample.labels}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, target


def test_what_is_documented_is_what_is_exported(scraped: dict[str, list[Any]]) -> None:
    rows = [
        line.split("|")[1] for line in (ROOT / "docs/metrics.md").read_text().splitlines() if line.startswith("| `")
    ]
    documented = {name for row in rows for name in names_in(row)}
    exported = {re.sub(r"_(bucket|count|sum)$", "", name) for name in scraped}
    assert documented == exported


def test_a_connection_is_told_with_what_it_has_and_how_it_is(scraped: dict[str, list[Any]]) -> None:
    def of(name: str) -> list[tuple[str, float]]:
        found = [sample for sample in scraped[f"sdn_connection_{name}"] if sample.labels["connection"] == "c"]
        assert {sample.labels["tenant"] for sample in found} == {"red"}
        return sorted(
            (sample.labels.get("state", sample.labels.get("direction", "")), sample.value) for sample in found
        )

    assert of("state") == [("VERIFIED", 1)]
    assert of("reserved_bytes_per_second") == [("ab", 1000 / 8), ("ba", 1000 / 8)]
    assert of("loss_ratio") == [("", 0)]
    assert of("probes_total")[0][1] >= 4
    assert 0 < of("latency_seconds")[0][1] < 1


def test_health_tells_the_truth(lab: CloudLab, port: int) -> None:
    assert ask(port, "/healthz") == (200, "ok\n")
    assert ask(port, "/readyz") == (200, "ready\n")
    lab.network.ovs_of("leaf2").stop_vswitchd(kill=True)
    end = monotonic() + DEADLINE
    while (answer := ask(port, "/readyz"))[0] == 200:
        assert monotonic() < end
    assert "switch leaf2 is not connected" in answer[1]
    assert ask(port, "/healthz") == (200, "ok\n")
    away = scrape(port)
    assert [s.labels["switch"] for s in away["sdn_switch_connected"] if s.value == 0] == ["leaf2"]
    assert away["sdn_ready"][0].value == 0
    lab.network.ovs_of("leaf2").start_vswitchd()
    for link in lab.network.topology.links:
        if "leaf2" in (link.a[0], link.b[0]):
            lab.network.cut(link)
            lab.network.mend(link)
    lab.ready()
    assert ask(port, "/readyz")[0] == 200


def test_states_are_counted(lab: CloudLab, port: int) -> None:
    def states() -> dict[str, float]:
        return {s.labels["state"]: s.value for s in scrape(port)["sdn_objects_in_state"] if s.value}

    assert states() == {state: float(n) for state, n in lab.client.status().objects_by_state.items()}
    name = "tenants/red/ports/nowhere"
    lab.client.ports.create(pb.Port(name=name, network="tenants/red/networks/a"))
    assert states() == {state: float(n) for state, n in lab.client.status().objects_by_state.items()}
    assert states()["PENDING"] == 1
    lab.client.ports.delete(name)
    assert "PENDING" not in states()
