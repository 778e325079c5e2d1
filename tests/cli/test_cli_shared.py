"""Who has a shared address, as describe and where show it."""

from __future__ import annotations

import pytest

from sdn.cli.describe import description
from sdn.cli.where import Found, _row, _search
from sdn.v1 import resources_pb2 as pb

T = "tenants/red/ports"


def port(name: str, holder: str, reason: str = "Announced") -> pb.Port:
    made = pb.Port(name=f"{T}/{name}", network="tenants/red/networks/n")
    made.allowed_address_pairs.add(address="10.0.0.100")
    item = made.status.shared_addresses.add(address="10.0.0.100", port=holder and f"{T}/{holder}", reason=reason)
    if holder:
        item.since.FromJsonString("2026-01-02T03:04:05Z")
    return made


def test_describe_has_a_table_of_holders() -> None:
    text = description(port("h1", "h2"))
    rows = [line.split() for line in text[text.index("Shared addresses:") :].splitlines()[1:]]
    assert rows == [
        ["ADDRESS", "HELD", "BY", "BECAUSE", "SINCE"],
        ["10.0.0.100", f"{T}/h2", "Announced", "2026-01-02T03:04:05Z"],
    ]
    assert "nobody" in description(port("h1", "", ""))
    assert "Shared addresses" not in description(pb.Port(name=f"{T}/h1"))


class OfPorts:
    """The part of a client that ``where`` asks."""

    def __init__(self, ports: list[pb.Port]) -> None:
        self.ports = self.subnets = self
        self._ports = ports

    def list(self, parent: str, selector: str = "") -> list[pb.Port]:
        found, self._ports = self._ports, []
        return found


@pytest.mark.parametrize(("holder", "has"), [("h1", "h1"), ("h2", "h2"), ("", "")])
def test_where_says_which_of_several_has_it(holder: str, has: str) -> None:
    ports = [port(name, holder) for name in ("h1", "h2")]
    found = {f.message.name: f.what for f in _search(OfPorts(ports), "10.0.0.100", "")}  # type: ignore[arg-type]
    assert found == {f"{T}/{name}": "allowed, has it" if name == has else "allowed" for name in ("h1", "h2")}


def test_where_tells_the_places_of_an_iface_id() -> None:
    bound = pb.Port(name=f"{T}/h1", network="n", binding=pb.Binding(iface_id="vm1"))
    assert _row(Found(bound, "address"))[3:5] == ("", "")
    bound.status.places[:] = ["leaf1:eth1", "leaf2:eth:5"]
    assert _row(Found(bound, "address"))[3:5] == ("leaf1, leaf2", "eth1, eth:5")
