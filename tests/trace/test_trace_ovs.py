"""What the interpreter tells is what real switches do: honest, forged and broken frames on random clouds.

Longer: ``./dev fuzz trace --seconds 600``.
"""

from __future__ import annotations

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from trace_cloud import SPECS
from trace_fuzz import compare

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("spec", SPECS[:4])
async def test_the_interpreter_agrees_with_open_vswitch(spec: str) -> None:
    seen = await compare(spec, 20 + SPECS.index(spec), 150)
    assert seen["frames"] == 150
    assert seen["of them dropped"] < 150
