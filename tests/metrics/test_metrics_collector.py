"""What is exported: every family at every scrape, named by the conventions, with the numbers it was given."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sdn.metrics import Instruments, StateCollector
from sdn.model.counters import NO_RATES, Counted, Counts, LinkCounters
from sdn.model.measures import (
    ConnectionMeasures,
    LinkMeasures,
    Measures,
    NetworkMeasures,
    PortMeasures,
    SwitchMeasures,
)
from sdn.model.status import ProbeCounts

EMPTY = Measures("1.2", 0, False, True, {}, {}, (), (), (), (), 0, 0, {}, {}, {}, 0, 0)
A, B = Counts(1, 2, 3, 4, 5, 6, 7, 8), Counts(10, 20, 30, 40, 50, 60, 70, 80)
LINK = LinkCounters(("leaf1", "u"), ("spine1", "d"), True, 8000, Counted(A), Counted(B))
PROBES = ProbeCounts(40, 1, 0.025, 1500, 200, 1.0, 30)
FULL = Measures(
    version="1.2",
    revision=7,
    ready=True,
    writable=False,
    objects={"Port": 3},
    states={"FAILED": 1},
    switches=(SwitchMeasures('odd "name"\n', True, 4, 5, 6, 7, 8, 9, 10, 11.5),),
    links=(LinkMeasures(LINK, (800, 1600)),),
    ports=(PortMeasures("red", "web", "h1", Counted(A, NO_RATES, 1.0)),),
    networks=(NetworkMeasures("red", "web", Counted(B, NO_RATES, 1.0)),),
    ports_left_out=1,
    networks_left_out=2,
    events={("ERROR", "EntryRefused"): 3},
    differences={"missing": 4},
    queues={"inputs": 5},
    sessions=6,
    dropped=7,
    connections=(
        ConnectionMeasures("red", "gold", Counted(A, NO_RATES, 1.0), "VERIFIED", (800, 80), PROBES),
        ConnectionMeasures("red", "new", Counted(), "PENDING"),
    ),
    connections_left_out=3,
)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(
    measures: Measures, use: Callable[[Instruments], None] = lambda instruments: None
) -> tuple[set[str], Samples]:
    """Names of families, and samples by name and labels."""
    registry = CollectorRegistry()
    use(Instruments(registry))
    registry.register(StateCollector(lambda: measures))
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
    return {family.name for family in families}, samples


def test_families_do_not_depend_on_what_there_is() -> None:
    names, _ = scrape(EMPTY)
    assert names == scrape(FULL)[0]
    assert len(names) > 60


def test_the_numbers_arrive() -> None:
    _, found = scrape(FULL)
    switch, red = ("switch", 'odd "name"\n'), (("network", "web"), ("tenant", "red"))
    there, back = (("from", "leaf1:u"), ("to", "spine1:d")), (("from", "spine1:d"), ("to", "leaf1:u"))
    expected = {
        ("sdn_build_info", (("version", "1.2"),)): 1,
        ("sdn_ready", ()): 1,
        ("sdn_store_writable", ()): 0,
        ("sdn_store_revision", ()): 7,
        ("sdn_objects", (("kind", "Port"),)): 3,
        ("sdn_objects_in_state", (("state", "FAILED"),)): 1,
        ("sdn_switches_connected", ()): 1,
        ("sdn_switch_meters", (switch,)): 7,
        ("sdn_switch_counters_timestamp_seconds", (switch,)): 11.5,
        ("sdn_link_up", (("a", "leaf1:u"), ("b", "spine1:d"))): 1,
        ("sdn_link_capacity_bytes_per_second", there): 1000,
        ("sdn_link_reserved_bytes_per_second", there): 100,
        ("sdn_link_reserved_bytes_per_second", back): 200,
        ("sdn_link_transmit_bytes_total", there): 4,
        ("sdn_link_transmit_bytes_total", back): 40,
        ("sdn_link_receive_dropped_packets_total", there): 50,
        ("sdn_link_receive_errors_total", back): 7,
        ("sdn_port_receive_bytes_total", (("network", "web"), ("port", "h1"), ("tenant", "red"))): 3,
        ("sdn_network_transmit_errors_total", red): 80,
        ("sdn_events_total", (("reason", "EntryRefused"), ("severity", "ERROR"))): 3,
        ("sdn_audit_differences_total", (("kind", "missing"),)): 4,
        ("sdn_queue_length", (("queue", "inputs"),)): 5,
        ("sdn_openflow_sessions", ()): 6,
        ("sdn_openflow_dropped_packets_total", ()): 7,
        ("sdn_metrics_ports_left_out", ()): 1,
        ("sdn_metrics_networks_left_out", ()): 2,
        ("sdn_metrics_connections_left_out", ()): 3,
        ("sdn_connection_packets_total", (("connection", "gold"), ("direction", "ab"), ("tenant", "red"))): 1,
        ("sdn_connection_bytes_total", (("connection", "gold"), ("direction", "ba"), ("tenant", "red"))): 4,
    }
    assert {key: found[key] for key in expected} == expected


def test_a_connection_has_thirteen_series_and_one_that_is_new_those_that_are_known() -> None:
    _, found = scrape(FULL)
    series = {
        (
            name,
            dict(labels)["connection"],
            "".join(dict(labels).get(label, "") for label in ("state", "direction")),
        ): value
        for (name, labels), value in found.items()
        if name.startswith("sdn_connection_")
    }
    gold = {(name, more): value for (name, whose, more), value in series.items() if whose == "gold"}
    assert gold == {
        ("sdn_connection_packets_total", "ab"): 1,
        ("sdn_connection_packets_total", "ba"): 2,
        ("sdn_connection_bytes_total", "ab"): 3,
        ("sdn_connection_bytes_total", "ba"): 4,
        ("sdn_connection_state", "VERIFIED"): 1,
        ("sdn_connection_reserved_bytes_per_second", "ab"): 100,
        ("sdn_connection_reserved_bytes_per_second", "ba"): 10,
        ("sdn_connection_probes_total", ""): 40,
        ("sdn_connection_lost_probes_total", ""): 1,
        ("sdn_connection_loss_ratio", ""): 0.025,
        ("sdn_connection_latency_seconds", ""): 0.0015,
        ("sdn_connection_latency_error_seconds", ""): 0.0002,
        ("sdn_connection_jitter_seconds", ""): 0.00003,
    }
    new = {(name, more): value for (name, whose, more), value in series.items() if whose == "new"}
    assert new == {
        ("sdn_connection_state", "PENDING"): 1,
        ("sdn_connection_reserved_bytes_per_second", "ab"): 0,
        ("sdn_connection_reserved_bytes_per_second", "ba"): 0,
    }


def test_instruments_count() -> None:
    def use(instruments: Instruments) -> None:
        for _ in range(2):
            instruments.turned(3, 0.0002)
            instruments.wrote(0.002, refused=True)
            instruments.programmed(0.3)
            instruments.called("PortService/GetPort", "OK", 0.004)
            instruments.called("PortService/WatchPorts", "CANCELLED", None)
        instruments.streams("PortService/WatchPorts", 1)

    _, found = scrape(EMPTY, use)
    get, watch = ("method", "PortService/GetPort"), ("method", "PortService/WatchPorts")
    expected = {
        ("sdn_turn_duration_seconds_count", ()): 2,
        ("sdn_turn_duration_seconds_bucket", (("le", "0.0001"),)): 0,
        ("sdn_turn_duration_seconds_bucket", (("le", "0.00025"),)): 2,
        ("sdn_turn_inputs_total", ()): 6,
        ("sdn_journal_write_duration_seconds_count", ()): 2,
        ("sdn_journal_refused_writes_total", ()): 2,
        ("sdn_programming_duration_seconds_sum", ()): 0.6,
        ("sdn_grpc_requests_total", (("code", "OK"), get)): 2,
        ("sdn_grpc_requests_total", (("code", "CANCELLED"), watch)): 2,
        ("sdn_grpc_request_duration_seconds_count", (get,)): 2,
        ("sdn_grpc_streams", (watch,)): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert ("sdn_grpc_request_duration_seconds_count", (watch,)) not in found


@pytest.mark.parametrize("measures", [EMPTY, FULL])
def test_names_follow_the_conventions(measures: Measures) -> None:
    registry = CollectorRegistry()
    Instruments(registry)
    registry.register(StateCollector(lambda: measures))
    for family in registry.collect():
        assert re.fullmatch(r"(sdn|process)_[a-z0-9_]+", family.name)
        assert family.documentation.endswith(".")
        for unit in ("bits", "milliseconds", "ms", "percent", "kilobytes"):
            assert unit not in family.name.split("_")
        if family.type in ("counter", "gauge"):
            assert not family.name.endswith(("_count", "_sum", "_bucket"))
