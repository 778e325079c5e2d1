from __future__ import annotations

import pytest
from secured import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates") / "c")


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of somebody else."""
    return Certificates(tmp_path_factory.mktemp("foreign") / "c")
