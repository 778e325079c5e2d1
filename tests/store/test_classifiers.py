"""Classifiers: what one may say, and that overlaps are found exactly."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.command import Command, Create, Put, Transaction
from sdn.model.errors import Exhausted, InUse, InvalidInput, SdnError
from sdn.model.intent import Classifier, Connection, Network, Port, Tenant
from sdn.store import Store
from sdn.store.classifiers import mirrored, overlapping, versions
from sdn.store.overlaps import MAX_BETWEEN

T = "tenants/t"
WEB = Classifier(protocol=6, b_port=80)


def connection(name: str, classifier: Classifier | None, *, turned: bool = False) -> Connection:
    a, b = ("q", "p") if turned else ("p", "q")
    return Connection(
        name=f"{T}/connections/{name}", a=f"{T}/ports/{a}", b=f"{T}/ports/{b}", bandwidth=1, classifier=classifier
    )


def write(store: Store, *commands: Command) -> None:
    store.commit(store.prepare(Transaction(commands), 1.0))


@pytest.fixture
def store() -> Store:
    store = Store()
    ports = [Port(name=f"{T}/ports/{name}", network=f"{T}/networks/n", mac="") for name in "pq"]
    write(store, *map(Create, (Tenant(name=T), Network(name=f"{T}/networks/n"), *ports)))
    return store


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Classifier(), "classifier"),
        (Classifier(precedence=3), "classifier"),
        (Classifier(protocol=256), "classifier.protocol"),
        (Classifier(protocol=-1), "classifier.protocol"),
        (Classifier(dscp=64), "classifier.dscp"),
        (Classifier(dscp=0, precedence=1001), "classifier.precedence"),
        (Classifier(protocol=6, a_port=65536), "classifier.a_port"),
        (Classifier(a_port=80), "classifier.a_port"),
        (Classifier(protocol=132, b_port=80), "classifier.b_port"),
        (Classifier(ip_version=5), "classifier.ip_version"),
        (Classifier(ip_version=6, a_prefix=ip_network("10.0.0.0/8")), "classifier"),
        (Classifier(a_prefix=ip_network("10.0.0.0/8"), b_prefix=ip_network("fd00::/8")), "classifier"),
        (Classifier(protocol=58, a_prefix=ip_network("10.0.0.0/8")), "classifier"),
    ],
)
def test_what_no_packet_can_be_is_refused(store: Store, wish: Classifier, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write(store, Create(connection("c", wish)))
    assert caught.value.violations[0].field.endswith(field)
    assert caught.value.violations[0].remedy


def test_versions() -> None:
    assert versions(Classifier(dscp=1)) == (4, 6)
    assert versions(Classifier(protocol=1)) == (4,)
    assert versions(Classifier(ip_version=6, dscp=1)) == (6,)
    assert versions(Classifier(b_prefix=ip_network("10.0.0.0/8"))) == (4,)


def test_several_between_the_same_ends(store: Store) -> None:
    write(store, Create(connection("rest", None)), Create(connection("web", WEB)))
    write(store, Create(connection("dns", Classifier(protocol=17, b_port=53))))
    # The web server at p instead of q: other packets than those of "web", but for those from port 80 to port 80.
    with pytest.raises(InUse):
        write(store, Create(connection("back", WEB, turned=True)))
    write(store, Create(connection("back", replace(WEB, precedence=2), turned=True)))
    with pytest.raises(InUse, match="already joins these ports"):
        write(store, Create(connection("rest2", None, turned=True)))
    with pytest.raises(InUse) as caught:
        write(store, Create(connection("tcp", Classifier(protocol=6))))
    assert "web takes some of these packets" in str(caught.value)
    write(store, Create(connection("tcp", Classifier(protocol=6, precedence=1))))
    with pytest.raises(InUse):
        write(store, Put(connection("tcp", Classifier(protocol=6))))
    with pytest.raises(InUse):
        write(store, Create(connection("again", Classifier(protocol=6, a_port=80), turned=True)))
    loaded = Store.load(store.records())
    assert loaded.objects == store.objects


def test_those_of_one_request_contradict_each_other(store: Store) -> None:
    with pytest.raises(InvalidInput):
        write(store, Create(connection("one", WEB)), Create(connection("two", replace(WEB, dscp=1))))
    write(store, Create(connection("one", WEB)))
    other = Classifier(protocol=6, b_port=443)
    write(store, Put(connection("one", other)), Create(connection("two", WEB)))


def test_they_are_bounded(store: Store) -> None:
    many = [Create(connection(f"c{n}", Classifier(protocol=6, b_port=n + 1))) for n in range(MAX_BETWEEN)]
    write(store, *many)
    with pytest.raises(Exhausted):
        write(store, Create(connection("more", Classifier(protocol=17))))


Packet = tuple[int, str, str, int, int, int, int]
PREFIXES = [None, *map(ip_network, ("10.0.0.0/31", "10.0.0.0/30", "10.0.0.2/32", "fd00::/127", "fd00::1/128"))]
ADDRESSES = {4: [f"10.0.0.{n}" for n in range(4)], 6: ["fd00::", "fd00::1", "fd00::2"]}
PACKETS = [
    (version, source, target, protocol, sport, dport, dscp)
    for version in (4, 6)
    for source, target in product(ADDRESSES[version], repeat=2)
    for protocol, sport, dport in (*product((6, 17), (1, 2, 3), (1, 2, 3)), (1 if version == 4 else 58, 0, 0))
    for dscp in (0, 1)
]
WISHES = st.builds(
    Classifier,
    ip_version=st.sampled_from([0, 4, 6]),
    protocol=st.sampled_from([0, 1, 6, 17, 58]),
    a_prefix=st.sampled_from(PREFIXES),
    b_prefix=st.sampled_from(PREFIXES),
    a_port=st.sampled_from([0, 0, 1, 2]),
    b_port=st.sampled_from([0, 0, 1, 2]),
    dscp=st.sampled_from([-1, 0, 1]),
)


def valid(wish: Classifier) -> bool:
    try:
        store = Store()
        ports = [Port(name=f"{T}/ports/{name}", network=f"{T}/networks/n", mac="") for name in "pq"]
        write(store, *map(Create, (Tenant(name=T), Network(name=f"{T}/networks/n"), *ports)))
        write(store, Create(connection("c", wish)))
    except SdnError:
        return False
    return True


def takes(wish: Classifier, packet: Packet) -> bool:
    version, source, target, protocol, sport, dport, dscp = packet
    return (
        wish.ip_version in (0, version)
        and all(
            prefix is None or (prefix.version == version and ip_address(address) in prefix)
            for prefix, address in ((wish.a_prefix, source), (wish.b_prefix, target))
        )
        and wish.protocol in (0, protocol)
        and wish.a_port in (0, sport)
        and wish.b_port in (0, dport)
        and wish.dscp in (-1, dscp)
    )


@given(WISHES.filter(valid), WISHES.filter(valid))
def test_overlaps_are_found_exactly(one: Classifier, two: Classifier) -> None:
    assert overlapping(one, two) == any(takes(one, packet) and takes(two, packet) for packet in PACKETS)
    assert overlapping(one, two) == overlapping(two, one) == overlapping(mirrored(one), mirrored(two))
    assert mirrored(mirrored(one)) == one
