"""Small declared topologies for tests of the lab."""

from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology


def line(length: int, hosts: int = 1) -> DeclaredTopology:
    """s1 - s2 - … with ``hosts`` hosts each: h1-1, h1-2, …"""
    switches = {f"s{i}": Dpid(0xA0 + i) for i in range(1, length + 1)}
    links = tuple(DeclaredLink((f"s{i}", f"s{i}-right"), (f"s{i + 1}", f"s{i + 1}-left")) for i in range(1, length))
    attached = tuple(
        DeclaredHost(f"h{i}-{n}", f"s{i}", f"p{i}-{n}") for i in range(1, length + 1) for n in range(1, hosts + 1)
    )
    return DeclaredTopology(f"line{length}", switches, links, attached)


def same_names(length: int) -> DeclaredTopology:
    """A line whose interfaces are named alike on every switch, as on hardware."""
    switches = {f"s{i}": Dpid(i) for i in range(1, length + 1)}
    links = tuple(DeclaredLink((f"s{i}", "eth2"), (f"s{i + 1}", "eth1")) for i in range(1, length))
    return DeclaredTopology("same", switches, links, tuple(DeclaredHost(f"h{i}", f"s{i}", "eth9") for i in (1, length)))


def fat_tree(k: int) -> DeclaredTopology:
    """Three tiers; hosts h POD-EDGE-NUMBER."""
    half = k // 2
    switches: dict[str, Dpid] = {}
    links: list[DeclaredLink] = []
    hosts: list[DeclaredHost] = []
    for pod in range(k):
        for i in range(half):
            switches[f"e{pod}-{i}"] = Dpid(len(switches) + 1)
            switches[f"a{pod}-{i}"] = Dpid(len(switches) + 1)
            for j in range(half):
                links.append(DeclaredLink((f"e{pod}-{i}", f"e{pod}-{i}u{j}"), (f"a{pod}-{j}", f"a{pod}-{j}d{i}")))
                core = f"c{i * half + j}"
                links.append(DeclaredLink((f"a{pod}-{i}", f"a{pod}-{i}u{j}"), (core, f"{core}d{pod}")))
                hosts.append(DeclaredHost(f"h{pod}-{i}-{j}", f"e{pod}-{i}", f"h{pod}-{i}-{j}"))
    for core in range(half * half):
        switches[f"c{core}"] = Dpid(len(switches) + 1)
    return DeclaredTopology(f"fat{k}", switches, tuple(links), tuple(hosts))
