"""What is asked for at a scrape: the state of the network and of the daemon, and what switches count.

Rules: every family is made at every scrape, also without samples, so that what exists does not depend on what happened.
Labels are names that users or operators chose, or the few words of this file; docs/metrics.md says how many series
there can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from sdn.model.counters import Counted, Counts
from sdn.model.measures import ConnectionMeasures, LinkMeasures, Measures, SwitchMeasures
from sdn.model.status import ProbeCounts

_COUNTED: tuple[tuple[str, str, Callable[[Counts], int]], ...] = (
    ("receive_packets", "Packets that came into the network through {}.", lambda c: c.rx_packets),
    ("transmit_packets", "Packets that left the network through {}.", lambda c: c.tx_packets),
    ("receive_bytes", "Bytes that came into the network through {}.", lambda c: c.rx_bytes),
    ("transmit_bytes", "Bytes that left the network through {}.", lambda c: c.tx_bytes),
    ("receive_dropped_packets", "Packets lost for lack of room on their way in through {}.", lambda c: c.rx_dropped),
    ("transmit_dropped_packets", "Packets lost for lack of room on their way out through {}.", lambda c: c.tx_dropped),
    ("receive_errors", "Errors on the way in through {}.", lambda c: c.rx_errors),
    ("transmit_errors", "Errors on the way out through {}.", lambda c: c.tx_errors),
)
_SWITCHES: tuple[tuple[str, str, Callable[[SwitchMeasures], float]], ...] = (
    ("connected", "1 if the switch is connected.", lambda s: s.connected),
    ("ports", "Ports of the switch.", lambda s: s.ports),
    ("flows", "Flows that the switch must hold.", lambda s: s.flows),
    ("groups", "Groups that the switch must hold.", lambda s: s.groups),
    ("meters", "Meters that the switch must hold.", lambda s: s.meters),
    ("pending_entries", "Entries that the switch has not confirmed.", lambda s: s.pending),
    ("alien_flows", "Flows in the switch that are not ours.", lambda s: s.alien_flows),
    ("alien_groups", "Groups in the switch that are not ours.", lambda s: s.alien_groups),
    ("counters_timestamp_seconds", "When the switch told its counters last, 0 for never.", lambda s: s.counted),
)
_DIRECTIONS: tuple[tuple[str, str, Callable[[Counts, Counts], int]], ...] = (
    ("transmit_packets", "Packets sent into the link at its beginning.", lambda a, b: a.tx_packets),
    ("transmit_bytes", "Bytes sent into the link at its beginning.", lambda a, b: a.tx_bytes),
    ("transmit_dropped_packets", "Packets that did not fit into the link at its beginning.", lambda a, b: a.tx_dropped),
    ("transmit_errors", "Errors while sending at the beginning of the link.", lambda a, b: a.tx_errors),
    ("receive_dropped_packets", "Packets lost for lack of room at the end of the link.", lambda a, b: b.rx_dropped),
    ("receive_errors", "Errors while receiving at the end of the link.", lambda a, b: b.rx_errors),
)
_SENT: tuple[tuple[str, str, Callable[[Counts], tuple[int, int]]], ...] = (
    ("packets", "Packets that the ends of a connection sent to each other.", lambda c: (c.rx_packets, c.tx_packets)),
    ("bytes", "Bytes that the ends of a connection sent to each other.", lambda c: (c.rx_bytes, c.tx_bytes)),
)
_AB = ("ab", "ba")
_GROWING = ("probes", "lost_probes")
_PROBED: tuple[tuple[str, str, Callable[[ProbeCounts], float | None]], ...] = (
    ("probes", "Probes sent along the connection, both directions.", lambda p: p.sent),
    ("lost_probes", "Of these, those that did not come back, or by another way.", lambda p: p.lost),
    ("loss_ratio", "Share of the last 40 probes that were lost.", lambda p: p.loss),
    (
        "latency_seconds",
        "Estimated time from one end to the other, the mean of both directions.",
        lambda p: p.latency_us / 1e6 if p.latency_us else None,
    ),
    (
        "latency_error_seconds",
        "What this time may be wrong by.",
        lambda p: p.latency_error_us / 1e6 if p.latency_us else None,
    ),
    (
        "jitter_seconds",
        "By how much this time differs from one probe to the next, on average.",
        lambda p: p.jitter_us / 1e6 if p.jitter_us is not None else None,
    ),
)


class StateCollector(Collector):
    """fetch: gives the measures, from any thread; may raise, which fails the scrape."""

    def __init__(self, fetch: Callable[[], Measures]) -> None:
        self._fetch = fetch

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are not checked at the start, when there is nothing to ask yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families."""
        found = self._fetch()
        yield from _daemon(found)
        yield from _switches(found)
        yield from _links(found.links)
        yield from _objects(found)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sdn_{name}", text, value=float(value))


def _labelled(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"sdn_{name}", text, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family


def _daemon(found: Measures) -> Iterator[Metric]:
    yield InfoMetricFamily("sdn_build", "The running version.", value={"version": found.version})
    yield _gauge("ready", "1 if all known switches are in sync and all declared links are up.", found.ready)
    yield _gauge("store_writable", "1 unless the store refuses writes.", found.writable)
    yield _gauge("store_revision", "Revision of the store.", found.revision)
    yield _labelled("objects", "Objects in the store.", "kind", found.objects.items())
    yield _labelled("objects_in_state", "Objects by what is reported of them.", "state", found.states.items())
    yield _labelled("queue_length", "What waits inside the daemon.", "queue", found.queues.items())
    yield _gauge("openflow_sessions", "OpenFlow connections, those in the handshake included.", found.sessions)
    dropped = "Packets to and from switches dropped for their rate, or because a switch took nothing."
    yield CounterMetricFamily("sdn_openflow_dropped_packets", dropped, value=found.dropped)
    events = CounterMetricFamily("sdn_events", "Events, as sdnctl events shows them.", labels=["severity", "reason"])
    for labels, count in sorted(found.events.items()):
        events.add_metric(labels, count)
    yield events
    differences = CounterMetricFamily(
        "sdn_audit_differences", "Entries of switches that audits found wrong.", labels=["kind"]
    )
    for kind, count in found.differences.items():
        differences.add_metric([kind], count)
    yield differences
    yield _gauge("metrics_ports_left_out", "Ports without series of their own.", found.ports_left_out)
    yield _gauge("metrics_networks_left_out", "Networks without series of their own.", found.networks_left_out)
    without = "Connections without series of their own."
    yield _gauge("metrics_connections_left_out", without, found.connections_left_out)


def _switches(found: Measures) -> Iterator[Metric]:
    yield _gauge("switches", "Switches that are known.", len(found.switches))
    yield _gauge("switches_connected", "Switches that are connected.", sum(s.connected for s in found.switches))
    for name, text, read in _SWITCHES:
        yield _labelled(f"switch_{name}", text, "switch", [(s.name, float(read(s))) for s in found.switches])


def _links(links: Sequence[LinkMeasures]) -> Iterator[Metric]:
    ends = [(":".join(link.counters.a), ":".join(link.counters.b)) for link in links]
    directions = [
        (names, link.counters.a_side, link.counters.b_side, link.reserved[0])
        for names, link in zip(ends, links, strict=True)
    ] + [
        ((b, a), link.counters.b_side, link.counters.a_side, link.reserved[1])
        for (a, b), link in zip(ends, links, strict=True)
    ]
    up = GaugeMetricFamily("sdn_link_up", "1 if the link is up.", labels=["a", "b"])
    for names, link in zip(ends, links, strict=True):
        up.add_metric(names, float(link.counters.up))
    yield up
    for name, text, bits in (
        ("capacity", "What fits into a link.", [link.counters.capacity for link in links] * 2),
        ("reserved", "What connections reserve on a link.", [reserved for _, _, _, reserved in directions]),
    ):
        gauge = GaugeMetricFamily(f"sdn_link_{name}_bytes_per_second", text, labels=["from", "to"])
        for (names, _, _, _), value in zip(directions, bits, strict=True):
            gauge.add_metric(names, value / 8)
        yield gauge
    for name, text, read in _DIRECTIONS:
        family = CounterMetricFamily(f"sdn_link_{name}", text, labels=["from", "to"])
        for names, sender, receiver, _ in directions:
            family.add_metric(names, read(sender.counts, receiver.counts))
        yield family


def _objects(found: Measures) -> Iterator[Metric]:
    ports = [((port.tenant, port.network, port.port), port.counted) for port in found.ports]
    networks = [((network.tenant, network.network), network.counted) for network in found.networks]
    yield from _counted("port", "the port", ("tenant", "network", "port"), ports)
    yield from _counted("network", "ports of the network", ("tenant", "network"), networks)
    yield from _connections(found.connections)


def _connections(connections: Sequence[ConnectionMeasures]) -> Iterator[Metric]:
    for name, text, both in _SENT:
        family = CounterMetricFamily(f"sdn_connection_{name}", text, labels=["tenant", "connection", "direction"])
        for item in connections:
            for direction, count in zip(_AB, both(item.counted.counts), strict=True) if item.counted.wall else ():
                family.add_metric([item.tenant, item.connection, direction], count)
        yield family
    text = "Always 1; the label says what is reported of the connection."
    states = GaugeMetricFamily("sdn_connection_state", text, labels=["tenant", "connection", "state"])
    text = "What the connection has reserved on every link of its path."
    labels = ["tenant", "connection", "direction"]
    reserved = GaugeMetricFamily("sdn_connection_reserved_bytes_per_second", text, labels=labels)
    for item in connections:
        states.add_metric([item.tenant, item.connection, item.state], 1.0)
        for direction, bits in zip(_AB, item.reserved, strict=True):
            reserved.add_metric([item.tenant, item.connection, direction], bits / 8)
    yield from (states, reserved)
    yield from _probes(connections)


def _probes(connections: Sequence[ConnectionMeasures]) -> Iterator[Metric]:
    for name, text, read in _PROBED:
        kind = CounterMetricFamily if name in _GROWING else GaugeMetricFamily
        family = kind(f"sdn_connection_{name}", text, labels=["tenant", "connection"])
        for item in connections:
            value = None if item.probes is None else read(item.probes)
            if value is not None:
                family.add_metric([item.tenant, item.connection], value)
        yield family


def _counted(
    kind: str, what: str, labels: Sequence[str], items: Sequence[tuple[tuple[str, ...], Counted]]
) -> Iterator[Metric]:
    for name, text, read in _COUNTED:
        family = CounterMetricFamily(f"sdn_{kind}_{name}", text.format(what), labels=labels)
        for values, counted in items:
            family.add_metric(values, read(counted.counts))
        yield family
