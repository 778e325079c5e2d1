"""What hosts are set to and who must reach whom, from what the API reports; without root."""

from pathlib import Path

from sdn_lab.intent import Endpoint, Objects, endpoints, expected

from sdn.client import load
from sdn.graph import load_topology
from sdn.v1 import resources_pb2 as pb

ROOT = Path(__file__).parents[2]
TOPOLOGY = load_topology("leaf-spine:spines=2,leaves=3,hosts=4")


def demo() -> Objects:
    """The demo's manifest with the gateways that the daemon fills in."""
    objects = Objects([], [], [], [])
    lists = {
        pb.Network: objects.networks,
        pb.Subnet: objects.subnets,
        pb.Router: objects.routers,
        pb.Port: objects.ports,
    }
    for document in load(ROOT / "mininet" / "demo.yaml"):
        message = document.message
        if isinstance(message, pb.Subnet):
            message.gateway = message.cidr.split("/")[0].removesuffix(".0") + (".1" if "." in message.cidr else "1")
        if type(message) in lists:
            lists[type(message)].append(message)  # type: ignore[attr-defined]
    return objects


def vars_of(objects: Objects) -> tuple[object, ...]:
    return objects.networks, objects.subnets, objects.routers, objects.ports


def demo_endpoints() -> dict[str, Endpoint]:
    return endpoints(TOPOLOGY, demo())


def test_every_host_of_the_demo_has_a_port() -> None:
    found = demo_endpoints()
    assert list(found) == [f"h{n}" for n in range(1, 13)]
    assert found["h1"].port == "tenants/red/ports/web1"
    assert found["h12"].port == "tenants/blue/ports/db3"


def test_tenants_of_the_demo_look_the_same() -> None:
    found = demo_endpoints()
    for red, blue in ((1, 3), (2, 4), (5, 7), (10, 12)):
        assert found[f"h{red}"].settings() == found[f"h{blue}"].settings()
        assert found[f"h{red}"].tenant != found[f"h{blue}"].tenant


def test_settings() -> None:
    settings = demo_endpoints()["h6"].settings()
    assert settings.mac == "02:00:00:00:02:12"
    assert settings.addresses == ("10.0.2.12/24", "fd00:0:0:2::12/64")
    assert set(settings.gateways) == {"10.0.2.1", "fd00:0:0:2::1"}
    assert settings.mtu == 1500


def test_a_tenant_reaches_itself_alone() -> None:
    found = demo_endpoints()
    for version in (4, 6):
        pairs = expected(found.values(), version)
        assert pairs == {(a, b) for a in found for b in found if a != b and found[a].tenant == found[b].tenant}
        assert len(pairs) == 60


def test_without_a_router_subnets_are_apart_and_hosts_have_no_gateway() -> None:
    objects = demo()
    found = endpoints(TOPOLOGY, Objects(objects.networks, objects.subnets, [], objects.ports))
    pairs = expected(found.values(), 4)
    assert ("h1", "h5") in pairs
    assert ("h1", "h2") not in pairs
    assert found["h1"].settings().gateways == ()


def test_a_subnet_without_gateway_is_not_routed() -> None:
    objects = demo()
    for subnet in objects.subnets:
        subnet.gateway = "none"
    assert ("h1", "h2") not in expected(endpoints(TOPOLOGY, objects).values(), 4)


def test_static_routes_inside_a_subnet() -> None:
    objects = demo()
    router = next(r for r in objects.routers if "/red/" in r.name)
    address = demo_endpoints()["h2"].address(4)
    assert address is not None
    own = str(address.interface.ip)
    for prefix, hop, reached in (
        (f"{own}/32", "blackhole", False),
        (f"{own}/32", own, True),
        (f"{own}/32", "10.0.1.11", False),
        ("0.0.0.0/0", "blackhole", True),
    ):
        del router.routes[:]
        router.routes.add(prefix=prefix, next_hop=hop)
        pairs = expected(endpoints(TOPOLOGY, objects).values(), 4)
        assert (("h1", "h2") in pairs) == reached
        assert ("h2", "h1") in pairs


def test_bindings_by_datapath_id_and_elsewhere() -> None:
    objects = demo()
    dpid = TOPOLOGY.switches["leaf1"]
    objects.ports[0].binding.switch = f"{dpid:x}"
    objects.ports[1].binding.interface = "elsewhere"
    found = endpoints(TOPOLOGY, objects)
    assert "h1" in found
    assert "h2" not in found
