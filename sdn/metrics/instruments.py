"""What is counted as it happens: times of turns, writes, programming and calls.

Rules: called on the hot path, so each is one or two additions; labels are resolved once. Names follow
https://prometheus.io/docs/practices/naming/: base units, ``_total`` for counters.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds: of work inside the daemon."""
_LONG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: of what waits for a disk or a switch."""


class Instruments:
    """registry: where they are exported."""

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of no use here
        ProcessCollector(registry=registry)
        self._turns = Histogram(
            "sdn_turn_duration_seconds", "Time of one turn of the controller.", buckets=_SHORT, registry=registry
        )
        self._inputs = Counter("sdn_turn_inputs", "Events and requests taken in turns.", registry=registry)
        self._writes = Histogram(
            "sdn_journal_write_duration_seconds",
            "Time until a write to the journal was durable, or refused.",
            buckets=_LONG,
            registry=registry,
        )
        self._refused = Counter("sdn_journal_refused_writes", "Writes that the disk refused.", registry=registry)
        self._programmed = Histogram(
            "sdn_programming_duration_seconds",
            "Time from a request to the confirmation of all switches concerned, for each object that it wrote.",
            buckets=_LONG,
            registry=registry,
        )
        self._calls = Counter("sdn_grpc_requests", "Calls of the API.", ["method", "code"], registry=registry)
        self._call_seconds = Histogram(
            "sdn_grpc_request_duration_seconds",
            "Time of calls of the API that are not streams.",
            ["method"],
            buckets=_LONG,
            registry=registry,
        )
        self._streams = Gauge("sdn_grpc_streams", "Open streams of the API.", ["method"], registry=registry)
        self._counted: dict[tuple[str, str], Counter] = {}
        self._timed: dict[str, Histogram] = {}

    def turned(self, inputs: int, seconds: float) -> None:
        """A turn is over."""
        self._turns.observe(seconds)
        self._inputs.inc(inputs)

    def wrote(self, seconds: float, *, refused: bool) -> None:
        """A write to the journal is over."""
        self._writes.observe(seconds)
        if refused:
            self._refused.inc()

    def programmed(self, seconds: float) -> None:
        """An object that a request wrote is in all switches."""
        self._programmed.observe(seconds)

    def called(self, method: str, code: str, seconds: float | None) -> None:
        """A call is over. method: ``PortService/GetPort``; seconds: None for a stream."""
        counted = self._counted.get((method, code))
        if counted is None:
            counted = self._counted[method, code] = self._calls.labels(method, code)
        counted.inc()
        if seconds is not None:
            timed = self._timed.get(method)
            if timed is None:
                timed = self._timed[method] = self._call_seconds.labels(method)
            timed.observe(seconds)

    def streams(self, method: str, step: int) -> None:
        """One stream more (1) or less (-1)."""
        self._streams.labels(method).inc(step)
