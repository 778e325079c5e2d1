"""Packets followed by the rules of the data plane alone: the oracle of repair trees, without blocks and trees."""

import networkx as nx

PRIMARY, RED, BLUE = range(3)


def wiring(links):
    """End → opposite end, as (switch, port)."""
    peers = {}
    for link in links:
        a, b = (link.a.dpid, link.a.port), (link.b.dpid, link.b.port)
        peers[a], peers[b] = b, a
    return peers


class Fabric:
    """What switches hold, and which links and switches are dead."""

    def __init__(self, links, paths, trees, dead_ends=(), dead_switch=None):
        self.peers, self.paths, self.trees = wiring(links), paths, trees
        self.dead = set(dead_ends)
        for near, far in self.peers.items():
            if dead_switch in (near[0], far[0]):
                self.dead |= {near, far}

    def choices(self, switch, destination, color):
        """Where a packet may go next: [(port, color)], as a fast-failover group and a select group would choose."""
        hops, repair = self.paths.next_hops(switch, destination), self.trees.hops(switch, destination)
        stages = [(PRIMARY, hops.ports if hops else ())]
        stages += [(RED, (repair.red,)), (BLUE, (repair.blue,))] if repair else []
        for stage, ports in stages:
            alive = [port for port in ports if (switch, port) not in self.dead]
            if stage >= color and alive:
                return [(port, stage) for port in alive]
        return []

    def fate(self, source, destination):
        """Whether all copies that could be sent arrive; asserts that none crosses a directed link twice in a color."""
        arrives = {}

        def follow(switch, color, crossed):
            if switch == destination:
                return True
            if (switch, color) in arrives:
                return arrives[switch, color]
            choices = self.choices(switch, destination, color)
            good = bool(choices)
            for port, stage in choices:
                step = switch, port, stage
                assert step not in crossed, f"a loop at {step} for {destination}"
                good = follow(self.peers[switch, port][0], stage, crossed | {step}) and good
            arrives[switch, color] = good
            return good

        return follow(source, PRIMARY, frozenset())


def graph_of(links):
    graph = nx.MultiGraph()
    for link in links:
        graph.add_edge(link.a.dpid, link.b.dpid, key=(link.a, link.b))
    return graph


def check_every_failure(links, paths, trees, destinations):
    """Every single link and every single switch: what stays connected stays reached. Answers the number of cases."""
    graph, cases = graph_of(links), 0
    failures = [("link", link) for link in links] + [("switch", switch) for switch in graph]
    for kind, what in failures:
        left = graph.copy()
        if kind == "link":
            left.remove_edge(what.a.dpid, what.b.dpid, key=(what.a, what.b))
            ends = [(what.a.dpid, what.a.port), (what.b.dpid, what.b.port)]
            fabric = Fabric(links, paths, trees, ends)
        else:
            left.remove_node(what)
            fabric = Fabric(links, paths, trees, dead_switch=what)
        for part in nx.connected_components(left):
            for destination in destinations & part:
                for source in part - {destination}:
                    cases += 1
                    assert fabric.fate(source, destination), f"{source} → {destination} without {kind} {what}"
    return cases


def check_any_failures(links, paths, trees, destinations, dead):
    """Whatever fails: no loop."""
    fabric = Fabric(links, paths, trees, dead)
    for destination in destinations:
        for source in {link.a.dpid for link in links} | {link.b.dpid for link in links}:
            fabric.fate(source, destination)
