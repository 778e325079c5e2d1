import json
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model import codec
from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind
from sdn.model.intent import CLASS_OF, Binding, Connection, Network, Port, Resource, Router, Subnet, Tenant

TEXT = st.text(max_size=10)
ADDRESS = st.builds(lambda v: ip_address(v), st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1)))
PREFIX = st.one_of(
    st.builds(lambda v, n: IPv4Network((v, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda v, n: IPv6Network((v, n), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)
COMMON = {
    "name": TEXT,
    "description": TEXT,
    "labels": st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    "revision": st.integers(0, 2**63),
    "created": st.floats(allow_nan=False, allow_infinity=False),
}
RESOURCES = st.one_of(
    st.builds(Tenant, **COMMON),
    st.builds(Network, **COMMON, mtu=st.integers(0, 9000)),
    st.builds(Subnet, **COMMON, network=TEXT, cidr=PREFIX, gateway=st.none() | ADDRESS),
    st.builds(Router, **COMMON, subnets=st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(
        Port,
        **COMMON,
        network=TEXT,
        mac=TEXT,
        addresses=st.lists(ADDRESS, max_size=3).map(tuple),
        binding=st.none() | st.builds(Binding, switch=TEXT, interface=TEXT),
    ),
    st.builds(Connection, **COMMON, a=TEXT, b=TEXT, bandwidth=st.integers(0, 10**18)),
)


@given(RESOURCES)
def test_round_trip_is_exact_and_plain_json(resource: Resource) -> None:
    data = codec.encode(resource)
    assert json.loads(json.dumps(data)) == data
    text = codec.to_json(resource)
    again = codec.from_json(text)
    assert again == resource
    assert type(again) is type(resource)
    assert codec.to_json(again) == text


def test_every_kind_has_a_codec() -> None:
    assert set(CLASS_OF.values()) == set(codec._ENCODERS) == set(codec._DECODERS)
    assert len(CLASS_OF) == len(Kind)


def test_the_form_is_as_documented() -> None:
    port = Port(
        name="tenants/a/ports/p",
        network="tenants/a/networks/n",
        mac="02:00:00:00:00:01",
        addresses=(IPv4Address("10.0.0.2"), IPv6Address("2001:db8::2")),
        binding=Binding(switch="leaf1", interface="h1"),
        labels=(("k", "v"),),
    )
    assert codec.encode(port) == {
        "kind": "Port",
        "name": "tenants/a/ports/p",
        "description": "",
        "labels": [["k", "v"]],
        "revision": 0,
        "created": 0.0,
        "network": "tenants/a/networks/n",
        "mac": "02:00:00:00:00:01",
        "addresses": ["10.0.0.2", "2001:db8::2"],
        "binding": {"switch": "leaf1", "interface": "h1", "iface_id": ""},
        "allowed_address_pairs": [],
        "migration_target": None,
    }
    subnet = Subnet(name="s", network="n", cidr=ip_network("10.0.0.0/24"))
    assert codec.encode(subnet)["gateway"] is None
    assert codec.encode(subnet)["cidr"] == "10.0.0.0/24"


def test_a_field_with_a_default_may_be_missing() -> None:
    assert codec.decode({"kind": "Network", "name": "n"}) == Network(name="n")


PORT = {"kind": "Port", "name": "p", "network": "n", "mac": ""}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], ""),
        ({}, "kind"),
        ({"kind": "Bridge"}, "kind"),
        ({"kind": ["Port"]}, "kind"),
        ({"kind": "Port", "name": "p", "mac": ""}, "network"),
        ({**PORT, "colour": 1}, "colour"),
        ({**PORT, "mac": None}, "mac"),
        ({**PORT, "mac": b"x"}, "mac"),
        ({**PORT, "revision": True}, "revision"),
        ({**PORT, "revision": 1.0}, "revision"),
        ({**PORT, "created": float("nan")}, "created"),
        ({**PORT, "created": "now"}, "created"),
        ({**PORT, "addresses": "10.0.0.1"}, "addresses"),
        ({**PORT, "addresses": ["10.0.0.1", "10.0.0.256"]}, "addresses[1]"),
        ({**PORT, "addresses": ["2001:DB8::1"]}, "addresses[0]"),
        ({**PORT, "addresses": [10]}, "addresses[0]"),
        ({**PORT, "binding": {"switch": "s"}}, "binding.interface"),
        ({**PORT, "binding": {"switch": "s", "interface": "i", "x": 1}}, "binding.x"),
        ({**PORT, "labels": [["a"]]}, "labels[0]"),
        ({**PORT, "labels": [["a", 1]]}, "labels[0][1]"),
        ({"kind": "Subnet", "name": "s", "network": "n", "cidr": "10.0.0.1/24"}, "cidr"),
        ({"kind": "Subnet", "name": "s", "network": "n", "cidr": "10.0.0.0/24", "gateway": 1}, "gateway"),
    ],
)
def test_decoding_is_strict(data: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        codec.decode(data)
    assert caught.value.violations[0].field == field
    assert caught.value.violations[0].remedy


@pytest.mark.parametrize(
    "text", ["", "{", '{"kind":"Tenant","name":"a","name":"b"}', '{"kind":"Tenant","created":NaN}', "[" * 100_000]
)
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        codec.from_json(text)


def test_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.to_json(Tenant(name="t", created=float("nan")))


def test_a_binding_written_before_there_were_iface_ids() -> None:
    port = Port(
        name="tenants/a/ports/p", network="tenants/a/networks/n", mac="", binding=Binding(switch="s", interface="i")
    )
    data = codec.encode(port)
    data["binding"] = {"switch": "s", "interface": "i"}
    assert codec.decode(data) == port
