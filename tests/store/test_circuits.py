"""Circuits in the store: forms of ends, who has an interface, and their numbers."""

from __future__ import annotations

import pytest

from sdn.model.circuit import CircuitEnd, parse_circuit_end
from sdn.model.command import Command, Create, Delete, Transaction
from sdn.model.errors import InUse, InvalidInput
from sdn.model.intent import Binding, Classifier, Connection, Network, Port, Tenant
from sdn.store import Store

T = "tenants/t"


def circuit(a: str, b: str, name: str = "c", **fields: object) -> Connection:
    return Connection(name=f"{T}/connections/{name}", a=a, b=b, bandwidth=1, **fields)  # type: ignore[arg-type]


def write(store: Store, *commands: Command) -> None:
    store.commit(store.prepare(Transaction(commands), 1.0))


@pytest.fixture
def store() -> Store:
    store = Store()
    port = Port(name=f"{T}/ports/p", network=f"{T}/networks/n", mac="", binding=Binding(switch="s1", interface="e9"))
    write(store, *map(Create, (Tenant(name=T), Network(name=f"{T}/networks/n"), port)))
    return store


@pytest.mark.parametrize("text", ["s1:e1", "s1:e1@5", "s1:e1@4094", "s1:e1@untagged", "00000000000000aa:eth0.5@7"])
def test_forms(text: str) -> None:
    end = parse_circuit_end(text)
    assert end is not None
    assert str(end) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "s1",
        "s1:",
        ":e1",
        "s1:e1@",
        "s1:e1@0",
        "s1:e1@4095",
        "s1:e1@x",
        "s1:e1@-1",
        "s1:e1@1@2",
        "s1:e1@\u0663",
    ],
)
def test_what_is_no_end(text: str) -> None:
    assert parse_circuit_end(text) is None


def test_a_vlan_is_written_in_one_way() -> None:
    assert parse_circuit_end("s1:e1@007") == CircuitEnd("s1", "e1", 7)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (circuit("s1:e1", "p"), "b"),
        (circuit(f"{T}/ports/p", "s1:e1"), "a"),
        (circuit("s1:e1", "s2:e2@5"), "b"),
        (circuit("s1:e1@5", "s1:e1@6"), "b"),
        (circuit("s1:e1", "s2:a b"), "b"),
        (circuit("s1:e1", "s2:" + "x" * 16), "b"),
        (circuit("s1:e1", "s2:e2", classifier=Classifier(dscp=1)), "classifier"),
    ],
)
def test_what_is_refused(store: Store, wish: Connection, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write(store, Create(wish))
    assert caught.value.violations[0].field.endswith(field)
    assert caught.value.violations[0].remedy


def test_an_interface_or_vlan_belongs_to_one(store: Store) -> None:
    write(store, Create(circuit("s1:e1", "s2:e1")), Create(circuit("s1:e2@5", "s2:e2@5", "d")))
    for a, b, who in (
        ("s1:e1", "s2:e3", "connections/c"),
        ("s1:e3", "s2:e1", "connections/c"),
        ("s1:e9", "s2:e3", "ports/p"),
        ("s1:e2@5", "s2:e3@5", "connections/d"),
    ):
        with pytest.raises(InUse) as caught:
            write(store, Create(circuit(a, b, "x")))
        assert who in str(caught.value)
    write(store, Create(circuit("s1:e2@6", "s2:e2@untagged", "x")))


def test_their_ends_have_numbers_as_ports_have(store: Store) -> None:
    write(store, Create(circuit("s1:e1", "s2:e1")))
    numbers = {key for key, _ in store.numbers.items("service")}
    assert {f"{T}/connections/c|a", f"{T}/connections/c|b"} <= numbers
    assert Store.load(store.records()).objects == store.objects
    write(store, Delete(f"{T}/connections/c"))
    assert not {key for key, _ in store.numbers.items("service") if "|a" in key or "|b" in key}
