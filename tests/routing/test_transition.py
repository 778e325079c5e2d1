"""Which switches may take new next hops at once: as exact as trying every order."""

from itertools import product

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.ids import Dpid
from sdn.model.topology import Link, LinkEnd
from sdn.routing import dags, transition
from sdn.routing import spf as facade
from sdn.routing.spf import ShortestPaths
from sdn.routing.transition import Acting, plan

ENGINES = [
    pytest.param(dags.Dags, id="python"),
    pytest.param(facade._Dags, id="compiled", marks=pytest.mark.skipif(not facade.COMPILED, reason="not built")),
]
ROOT = Dpid(1)


def links_of(edges):
    """Links between numbered switches by (a, b, cost); ports are the numbers of the edges."""
    return [Link(LinkEnd(Dpid(a), n), LinkEnd(Dpid(b), n), cost) for n, (a, b, cost) in enumerate(edges, 1)]


@st.composite
def changes(draw):
    """Links before and after a change: other costs, links lost and won."""
    count = draw(st.integers(3, 6))
    pairs = [(a, b) for a in range(1, count + 1) for b in range(a + 1, count + 1)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=count - 1, max_size=9))
    cost = st.integers(1, 9)
    before = links_of([(a, b, draw(cost)) for a, b in chosen])
    after = []
    for link in before:
        kind = draw(st.sampled_from(["same", "same", "cost", "lost"]))
        after += [] if kind == "lost" else [link if kind == "same" else Link(link.a, link.b, draw(cost))]
    won = draw(st.lists(st.sampled_from(before), max_size=1))
    before = [link for link in before if link not in won]
    return before, after


class Change:
    """Next hops to ROOT before and after a change, and where they lead by the links as they are then."""

    def __init__(self, before, after, engine=dags.Dags):
        self.paths = ShortestPaths(engine)
        self.paths.set_links(before)
        self.paths.set_destinations([ROOT])
        self.switches = sorted({end.dpid for link in before + after for end in (link.a, link.b)} - {ROOT})
        self.old = {s: self.paths.next_hops(s, ROOT) for s in self.switches}
        self.reroutes = self.paths.set_links(after)
        self.risky = ROOT in self.paths.risky()
        self.new = {s: self.paths.next_hops(s, ROOT) for s in self.switches}
        self.peers = {}
        for link in after:
            self.peers[link.a.dpid, link.a.port], self.peers[link.b.dpid, link.b.port] = link.b.dpid, link.a.dpid

    def heads(self, switch, hops):
        ports = hops.ports if hops else ()
        return frozenset(self.peers[switch, port] for port in ports if (switch, port) in self.peers)

    def acting(self, switch):
        heads = self.heads(switch, self.old[switch])
        return Acting(heads, bool(heads))

    def wanted(self, switches=None):
        return {s: self.heads(s, self.new[s]) for s in switches or self.switches if self.new[s] != self.old[s]}

    def plan(self):
        return plan(ROOT, self.wanted(), self.acting, lambda s: self.paths.distance(s, ROOT))

    def harm(self, moving):
        """Whether some mixture, each of ``moving`` having old or new next hops, has a loop or, if none has, loses what
        arrived."""
        loss = None
        for mixture in product((False, True), repeat=len(moving)):
            state = dict(self.old)
            state.update({s: self.new[s] for s, moved in zip(moving, mixture, strict=True) if moved})
            graph = nx.DiGraph((s, head) for s in self.switches for head in self.heads(s, state[s]))
            if not nx.is_directed_acyclic_graph(graph):
                return "loop"
            for s, moved in zip(moving, mixture, strict=True):
                if moved and self.acting(s).sure:
                    gained = self.heads(s, self.new[s]) - self.heads(s, self.old[s])
                    if any(head != ROOT and not self.heads(head, state[head]) for head in gained):
                        loss = "loss"
        return loss


@given(changes())
def test_all_may_change_exactly_when_no_order_does_harm(change):
    change = Change(*change)
    wanted = list(change.wanted())
    now, looping = change.plan()
    assert (len(now) == len(wanted)) == (change.harm(wanted) is None)
    assert bool(looping) <= (change.harm(wanted) == "loop")


@given(changes())
def test_those_that_may_change_do_no_harm_in_any_order(change):
    change = Change(*change)
    assert change.harm(change.plan().now) is None


@given(changes())
def test_round_after_round_everything_gets_there(change):
    change = Change(*change)
    for _ in range(len(change.switches) + 1):
        now = change.plan().now
        if not change.wanted():
            return
        assert now, "some switch can always go"
        change.old.update({s: change.new[s] for s in now})
    raise AssertionError("not as many rounds as switches")


@pytest.mark.parametrize("engine", ENGINES)
@given(changes())
def test_what_is_not_risky_can_change_in_any_order(engine, change):
    change = Change(*change, engine)
    if not change.risky:
        assert change.harm([s for s in change.switches if change.old[s] != change.new[s]]) is None


@given(changes())
def test_both_forms_find_the_same_risky(change):
    if facade.COMPILED:
        assert Change(*change).risky == Change(*change, facade._Dags).risky


def test_a_dead_next_hop_less_is_never_risky():
    square = links_of([(1, 2, 1), (1, 3, 1), (2, 4, 1), (3, 4, 1), (2, 3, 5)])
    change = Change(square, [link for link in square if link.a.port != 4])
    assert (change.old[4].ports, change.new[4].ports) == ((3, 4), (3,))
    assert change.plan() == transition.Plan([4], [])
    assert not change.risky


def test_two_that_change_places_wait_for_each_other():
    # 2 and 3 both have a link to 1; that of 3 becomes dear, so 3, which 2 went over, now goes over 2.
    before, after = links_of([(1, 2, 9), (1, 3, 1), (2, 3, 1)]), links_of([(1, 2, 1), (1, 3, 9), (2, 3, 1)])
    change = Change(before, after)
    assert change.risky
    assert change.plan() == transition.Plan([2], [3])
    change.old[2] = change.new[2]
    assert change.plan() == transition.Plan([3], [])
