"""Whole fabrics followed hop by hop: every switch uses the same hash, and still every link carries traffic."""

import pytest

from sdn.graph import load_topology
from sdn.model.topology import Link, LinkEnd
from sdn.pipeline.ecmp import slots
from sdn.routing import ShortestPaths


def observed(topology):
    """The links of a declared topology with ports numbered in the order of its links; and all switches with hosts."""
    ports = {}

    def end(switch):
        ports[switch] = ports.get(switch, 0) + 1
        return LinkEnd(topology.switches[switch], ports[switch])

    links = [Link(*sorted((end(link.a[0]), end(link.b[0])))) for link in topology.links]
    return links, sorted({topology.switches[host.switch] for host in topology.hosts})


def loads(links, edges):
    """How many of the 256 hash values of every pair of edges cross each direction, named by the sending end."""
    spf = ShortestPaths()
    spf.set_links(links)
    spf.set_destinations(edges)
    peers = {near: far for link in links for near, far in ((link.a, link.b), (link.b, link.a))}
    load = dict.fromkeys(peers, 0)
    for source in edges:
        for destination in edges:
            for value in range(256):
                here = source
                for _ in range(len(peers)):
                    if here == destination:
                        break
                    choice = slots(spf.next_hops(here, destination))
                    out = LinkEnd(here, choice[value % len(choice)])
                    load[out] += 1
                    here = peers[out].dpid
                assert here == destination
    return load


@pytest.mark.parametrize("spec", ["fat-tree:k=4", "leaf-spine:spines=4,leaves=4", "leaf-spine:spines=3,leaves=3"])
def test_every_link_of_a_regular_fabric_carries_its_share(spec):
    topology = load_topology(spec)
    links, edges = observed(topology)
    load = loads(links, edges)
    tiers = {}
    for item, declared in zip(links, topology.links, strict=True):
        tier = frozenset((declared.a[0].strip("0123456789_"), declared.b[0].strip("0123456789_")))
        tiers.setdefault(tier, []).extend(load[end] for end in (item.a, item.b))
    for values in tiers.values():
        even = sum(values) / len(values)
        assert 0.95 * even < min(values) <= max(values) < 1.05 * even


def test_plain_groups_would_polarise():
    """Why slots exist: two equal buckets chosen by the hash's lowest bit leave half of the core links idle."""
    links, edges = observed(load_topology("fat-tree:k=4"))
    spf = ShortestPaths()
    spf.set_links(links)
    spf.set_destinations(edges)
    peers = {near: far for link in links for near, far in ((link.a, link.b), (link.b, link.a))}
    used = set()
    for source in edges:
        for destination in edges:
            for value in range(256):
                here = source
                while here != destination:
                    hops = spf.next_hops(here, destination).ports
                    out = LinkEnd(here, hops[value % len(hops)])
                    used.add(out)
                    here = peers[out].dpid
    assert len(used) < len(peers)
    assert min(loads(links, edges).values()) > 0
