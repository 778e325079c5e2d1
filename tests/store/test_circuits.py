"""Circuits in the store: forms of ends, who has an interface, and their numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdn.model.circuit import CircuitEnd, parse_circuit_end
from sdn.model.command import Command, Create, Delete, Put, Transaction
from sdn.model.errors import InUse, InvalidInput
from sdn.model.ids import Kind
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


def test_one_of_many_ends_claims_for_its_legs_and_its_root_has_a_number_of_its_own(store: Store) -> None:
    ends = {"a": "s1:e1@007", "b": "", "targets": ("s2:e1@1", "s2:e1@untagged", "s1:e2@1")}
    whole = Connection(name=f"{T}/connections/c", bandwidth=1, **ends)  # type: ignore[arg-type]
    before = store.records()
    write(store, Create(whole))
    names = [f"{T}/connections/{name}" for name in ("c", "c.s1.e2.1", "c.s2.e1.1", "c.s2.e1.untagged")]
    assert list(store.names(Kind.CONNECTION)) == names
    assert list(store.legs(names[0])) == names[1:]
    keys = {key for key, _ in store.numbers.items("service") if "/connections/" in key}
    assert keys == {f"{names[0]}|a", *(f"{name}|{side}" for name in names[1:] for side in "ab")}
    again = Store.load(store.records())
    assert (again.objects, again._index.claims) == (store.objects, store._index.claims)
    for a, b, field in (("s1:e1@7", "s3:e1@7", "a"), ("s3:e1@1", "s2:e1@1", "b")):
        with pytest.raises(InUse, match="connections/c ") as caught:
            write(store, Create(circuit(a, b, "x")))
        assert caught.value.violations[0].field == field
    write(store, Put(replace(whole, targets=("s2:e1@2",))), Create(circuit("s3:e1@1", "s2:e1@1", "x")))
    assert list(store.legs(names[0])) == [f"{T}/connections/c.s2.e1.2"]
    write(store, *(Delete(f"{T}/connections/{name}") for name in "cx"))
    assert {key for key, _ in store.numbers.items("service")} == {f"{T}/ports/p|02:00:00:00:00:01"}
    assert store.records()["objects"] == before["objects"]
