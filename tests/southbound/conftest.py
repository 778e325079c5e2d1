from __future__ import annotations

import pytest

from sdn.southbound import batch


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small bundles wait for refusals too, as large ones do."""
    monkeypatch.setattr(batch, "SMALL", 0)
