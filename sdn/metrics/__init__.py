"""Metrics for Prometheus, and health over HTTP.

Belongs here: names, labels and help of metrics, instruments that count what happens, the HTTP server.
Must not know: how the daemon works. What it counts as it happens it is told (``Instruments``); the rest it asks for
when it is scraped, as one value (``sdn.model.measures.Measures``).

instruments.py  what is counted as it happens
collector.py    what is asked for at a scrape
web.py          HTTP: /metrics, /healthz, /readyz
"""

from sdn.metrics.collector import StateCollector
from sdn.metrics.instruments import Instruments
from sdn.metrics.web import Web

__all__ = ["Instruments", "StateCollector", "Web"]
