"""The demo's network under sdnd: the matrices, and what happens when links, switches and the daemon itself fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.lab import MininetLab  # noqa: E402 - only where Mininet is

RUNNER = Path(__file__).parents[2] / "mininet"
TOPOLOGY = "leaf-spine:spines=2,leaves=3,hosts=4"


@pytest.fixture(scope="module")
def lab() -> Iterator[MininetLab]:
    with MininetLab(TOPOLOGY) as lab:
        lab.apply(RUNNER / "demo.yaml")
        yield lab


def check(lab: MininetLab) -> None:
    for version in (4, 6):
        assert lab.matrix(version).explain() == ""


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["ping", "udp", "tcp"])
def test_each_tenant_reaches_itself_alone(lab: MininetLab, version: int, protocol: str) -> None:
    matrix = lab.matrix(version, protocol)  # type: ignore[arg-type]
    assert matrix.explain() == ""
    assert (len(matrix.tried), len(matrix.expected)) == (132, 60)


def test_broadcast_stays_in_its_network(lab: MininetLab) -> None:
    assert lab.broadcast("h1", "everybody") == {"h5", "h9"}


@pytest.mark.parametrize("link", [("leaf1", "spine1"), ("leaf2", "spine2"), ("leaf3", "spine1")])
def test_link_cut_and_back(lab: MininetLab, link: tuple[str, str]) -> None:
    lab.cut(link)
    try:
        check(lab)
    finally:
        lab.mend(link)
        lab.ready()
    check(lab)


@pytest.mark.parametrize("switch", ["spine1", "leaf2"])
def test_switch_killed_and_back(lab: MininetLab, switch: str) -> None:
    lab.stop_switch(switch)
    lab.start_switch(switch)
    lab.ready()
    check(lab)


def test_daemon_killed_and_back_loses_no_packet(lab: MininetLab) -> None:
    check(lab)
    stream = lab.start_stream("h1", "h6", interval=0.005, count=1000)
    lab.daemon.stop(kill=True)
    lab.daemon.start()
    lab.ready()
    sent, lost, _ = stream.result()
    assert (sent, lost) == (1000, 0)
    check(lab)
