from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "northbound"))

from fake_backend import ServerThread

from sdn.client import Client


@pytest.fixture
def daemon() -> Iterator[ServerThread]:
    daemon = ServerThread()
    yield daemon
    daemon.close()


@pytest.fixture
def client(daemon: ServerThread) -> Iterator[Client]:
    with Client.connect(daemon.address, deadline=20, timeout=20) as client:
        yield client
