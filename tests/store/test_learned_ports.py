"""Ports with the label of learned ones: their hosts chose the addresses, in a subnet or not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from sdn.model.command import Command, Create, Delete, Put, Transaction
from sdn.model.errors import InUse, InvalidInput
from sdn.model.intent import LEARNED, Network, Port, Subnet, Tenant
from sdn.store import Store

NETWORK = "tenants/a/networks/n"
LABELS = ((LEARNED, "true"),)


def port(*addresses: str, name: str = "p", labels: tuple[tuple[str, str], ...] = LABELS) -> Port:
    mac = f"02:00:00:00:00:{ord(name[-1]):02x}"
    chosen = tuple(map(ip_address, addresses))
    return Port(name=f"tenants/a/ports/{name}", network=NETWORK, mac=mac, addresses=chosen, labels=labels)


def subnet(cidr: str, name: str = "s") -> Subnet:
    return Subnet(name=f"tenants/a/subnets/{name}", network=NETWORK, cidr=ip_network(cidr))


class Writer:
    def __init__(self) -> None:
        self.store = Store()
        self.write(Create(Tenant(name="tenants/a")), Create(Network(name=NETWORK)))

    def write(self, *commands: Command) -> None:
        self.store.commit(self.store.prepare(Transaction(commands), 1.0))
        assert Store.load(self.store.records()).objects == self.store.objects

    def port(self, name: str = "p") -> Port:
        found = self.store.objects[f"tenants/a/ports/{name}"]
        assert isinstance(found, Port)
        return found


@pytest.fixture
def writer() -> Writer:
    return Writer()


def test_addresses_in_no_subnet_are_for_learned_ports_alone(writer: Writer) -> None:
    writer.write(Create(port("10.0.0.1", "2001:db8::1", "fe80::1", "169.254.1.1")))
    with pytest.raises(InvalidInput, match="in no subnet"):
        writer.write(Create(port("10.0.0.2", name="q", labels=())))
    with pytest.raises(InvalidInput, match="in no subnet"):
        writer.write(Put(replace(writer.port(), labels=())))


@pytest.mark.parametrize(
    "address", ["0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "ff02::1", "fe80::1%1"]
)
def test_addresses_that_no_host_may_have_are_refused(writer: Writer, address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        writer.write(Create(port(address)))
    assert refused.value.violations[0].field == "addresses[0]"


def test_no_address_is_chosen_for_them(writer: Writer) -> None:
    writer.write(Create(subnet("10.0.0.0/24")), Create(port()), Create(port(name="q", labels=())))
    assert writer.port().addresses == ()
    assert len(writer.port("q").addresses) == 1
    writer.write(Put(replace(writer.port(), description="changed")))
    assert writer.port().addresses == ()


def test_addresses_in_a_subnet_are_taken_and_given_back(writer: Writer) -> None:
    writer.write(Create(subnet("10.0.0.0/29")), Create(port("10.0.0.2", "192.0.2.1")))
    with pytest.raises(InvalidInput, match="network address"):
        writer.write(Put(port("10.0.0.0")))
    writer.write(Create(port(name="q", labels=())))
    assert str(writer.port("q").addresses[0]) != "10.0.0.2"
    with pytest.raises(InUse):
        writer.write(Delete("tenants/a/subnets/s"))
    writer.write(Delete("tenants/a/ports/p"))
    writer.write(Create(port("10.0.0.2", name="r")))


def test_an_address_belongs_to_one_port_of_the_network(writer: Writer) -> None:
    writer.write(Create(port("192.0.2.1")))
    with pytest.raises(InUse, match="belongs to tenants/a/ports/p"):
        writer.write(Create(port("192.0.2.1", name="q")))


def test_a_subnet_may_not_come_over_learned_addresses(writer: Writer) -> None:
    writer.write(Create(port("192.0.2.1")))
    with pytest.raises(InUse, match=r"192\.0\.2\.1 of it belongs to tenants/a/ports/p"):
        writer.write(Create(subnet("192.0.2.0/24")))
    with pytest.raises(InUse):
        writer.write(Create(subnet("192.0.2.0/24")), Put(writer.port()))
    writer.write(Create(subnet("10.0.0.0/24")))
    writer.write(Delete("tenants/a/ports/p"))
    writer.write(Create(subnet("192.0.2.0/24", "t")))


def test_a_subnet_that_goes_does_not_set_addresses_free_on_the_quiet(writer: Writer) -> None:
    writer.write(Create(subnet("10.0.0.0/24")), Create(port("10.0.0.2")))
    with pytest.raises(InvalidInput, match="in no subnet"):
        writer.write(Delete("tenants/a/subnets/s"), Put(writer.port()))
    writer.write(Delete("tenants/a/subnets/s"), Put(replace(writer.port(), addresses=())))
