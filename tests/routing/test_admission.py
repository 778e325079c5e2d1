"""The ledger never gives more than there is; constrained paths are the best ones with room, and refusals say why."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sdn.model.errors import InvalidInput, Refused
from sdn.model.request import PathRequest
from sdn.model.route import Path
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing import Finder, Ledger

SWITCHES = range(1, 6)


def link(a, b, i=0, cost=10, capacity=100):
    a, b = sorted((a, b))
    return Link(LinkEnd(a, 10 * b + i), LinkEnd(b, 10 * a + i), cost=cost, capacity=capacity)


def find(ledger, source, destination, bandwidth):
    request = PathRequest(source=source, destination=destination, forward=bandwidth, backward=bandwidth)
    return Finder(ledger.mesh).path(request)


@st.composite
def networks(draw):
    items = st.tuples(
        st.integers(1, 5),
        st.integers(1, 5),
        st.integers(0, 1),
        st.integers(1, 3),
        st.integers(1, 6).map(lambda n: n * 50),
    )
    drawn = draw(st.lists(items, max_size=10, unique_by=lambda t: (min(t[:2]), max(t[:2]), t[2])))
    return [link(a, b, i, cost, capacity) for a, b, i, cost, capacity in drawn if a != b]


def simple_paths(links, source, destination):
    """All simple paths as (path, links of it), by brute force."""
    found = []

    def walk(switches, ports, used):
        if switches[-1] == destination:
            found.append((Path(tuple(switches), tuple(ports)), used))
            return
        for item in links:
            for near, far in ((item.a, item.b), (item.b, item.a)):
                if near.dpid == switches[-1] and far.dpid not in switches:
                    walk([*switches, far.dpid], [*ports, (near.port, far.port)], [*used, item])

    walk([source], [], [])
    return found


def uses(path, item):
    ends = zip(path.switches, path.switches[1:], path.links, strict=False)
    return any({LinkEnd(near, out), LinkEnd(far, into)} == {item.a, item.b} for near, far, (out, into) in ends)


@given(networks(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 320))
@settings(max_examples=300, deadline=None)
def test_the_best_path_with_room_or_the_widest_that_exists(links, source, destination, bandwidth):
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    every = simple_paths(links, source, destination)
    fitting = [(path, used) for path, used in every if all(item.capacity >= bandwidth for item in used)]
    if not fitting:
        with pytest.raises(Refused) as caught:
            find(ledger, source, destination, bandwidth)
        text = str(caught.value)
        if not every:
            assert "there is no path" in text
            return
        widest = max(min(item.capacity for item in used) for _, used in every)
        assert f"Ask for at most {widest} bit/s" in text
        assert find(ledger, source, destination, widest) is not None
        with pytest.raises(Refused):
            find(ledger, source, destination, widest + 1)
        return
    best = min(
        fitting,
        key=lambda entry: (
            sum(item.cost for item in entry[1]),
            len(entry[1]),
            [(switch, *ports) for switch, ports in zip(entry[0].switches[1:], entry[0].links, strict=True)],
        ),
    )[0]
    assert find(ledger, source, destination, bandwidth) == best
    again = Ledger()
    again.change_links(LinkChanges(new=tuple(reversed(links))))
    assert find(again, source, destination, bandwidth) == best


class LedgerMachine(RuleBasedStateMachine):
    """Random requests against a plain account of who holds what."""

    @initialize(links=networks(), factor=st.sampled_from([0.5, 1.0, 2.0]))
    def start(self, links, factor):
        self.ledger = Ledger(factor)
        self.factor = factor
        self.links = links
        self.ledger.change_links(LinkChanges(new=tuple(links)))
        self.holders = {}
        self.counter = itertools.count()

    @rule(ends=st.tuples(st.integers(1, 5), st.integers(1, 5)), bandwidth=st.integers(1, 200))
    def connect(self, ends, bandwidth):
        holder = f"c{next(self.counter)}"
        try:
            path = find(self.ledger, *ends, bandwidth)
        except Refused:
            return
        self.ledger.reserve(holder, path, bandwidth)
        self.holders[holder] = (path, bandwidth, "", None)
        assert self.ledger.held(holder) == (path, bandwidth, bandwidth, (), "", None)

    @rule(
        data=st.data(),
        bandwidth=st.integers(1, 400),
        group=st.sampled_from(["", "g", "h"]),
        own=st.sampled_from([None, True, False]),
    )
    def reserve_anything(self, data, bandwidth, group, own):
        """Also paths without room: refused as a whole, and only then. Groups share, but not in a sense of their own."""
        every = [path for s, d in itertools.permutations(SWITCHES, 2) for path, _ in simple_paths(self.links, s, d)]
        if not every:
            return
        path = data.draw(st.sampled_from(every))
        holder = f"c{next(self.counter)}"
        try:
            self.ledger.reserve(holder, path, bandwidth, group=group, own=own)
        except Refused:
            assert self.ledger.held(holder) is None
            wanted = self.account({**self.holders, holder: (path, bandwidth, group, own)})
            limits = {end: int(item.capacity * self.factor) for item in self.links for end in (item.a, item.b)}
            assert any(wanted.get(end, 0) > limit for end, limit in limits.items())
            return
        self.holders[holder] = (path, bandwidth, group, own)

    @rule(data=st.data())
    def release(self, data):
        assert not self.ledger.release("nobody")
        if self.holders:
            holder = data.draw(st.sampled_from(sorted(self.holders)))
            del self.holders[holder]
            assert self.ledger.release(holder)

    @staticmethod
    def account(holders):
        """What is reserved by the sending end: of a group the most that one wants in each sense that is not its own."""
        expected, shared = {}, {}
        for path, bandwidth, group, own in holders.values():
            for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False):
                for end, forward in ((LinkEnd(near, out), True), (LinkEnd(far, into), False)):
                    if group and forward != own:
                        key = group, end, forward
                        shared[key] = max(shared.get(key, 0), bandwidth)
                    else:
                        expected[end] = expected.get(end, 0) + bandwidth
        for (_, end, _), bandwidth in shared.items():
            expected[end] = expected.get(end, 0) + bandwidth
        return expected

    @invariant()
    def a_group_aside_is_as_if_it_had_nothing(self):
        rest = self.account({name: held for name, held in self.holders.items() if held[2] != "g"})
        for path, bandwidth, group, own in self.holders.values():
            for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False):
                if group == "g" and own is not None:
                    end = LinkEnd(near, out) if own else LinkEnd(far, into)
                    rest[end] = rest.get(end, 0) + bandwidth
        with self.ledger.aside("g"):
            for item in self.links:
                assert [self.ledger.reserved(end) for end in (item.a, item.b)] == [
                    rest.get(end, 0) for end in (item.a, item.b)
                ]

    @invariant()
    def accounts_agree_and_nothing_is_given_twice(self):
        expected = self.account(self.holders)
        for item in self.links:
            for end in (item.a, item.b):
                limit = int(item.capacity * self.factor)
                assert self.ledger.reserved(end) == expected.get(end, 0) <= limit
                assert self.ledger.free(end) == limit - expected.get(end, 0)

    @rule(data=st.data())
    def change_a_link(self, data):
        """It vanishes or has another capacity: told are exactly those who cannot stay, and they give way."""
        if not self.links:
            return
        old = data.draw(st.sampled_from(self.links))
        capacity = data.draw(st.sampled_from([0, 50, 100, 300]))
        new = () if capacity == 0 else (replace(old, capacity=capacity),)
        told = self.ledger.change_links(LinkChanges(gone=(old,), new=new))
        self.links = [item for item in self.links if item != old] + list(new)
        limit = int(capacity * self.factor)
        users = {holder for holder, (path, *_) in self.holders.items() if uses(path, old)}
        full = capacity == 0 or any(self.ledger.reserved(end) > limit for end in (old.a, old.b))
        assert told == tuple(sorted(users if full else ()))
        for holder in told:
            del self.holders[holder]
            assert self.ledger.release(holder)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_refusal_names_the_narrow_links_and_the_remedy():
    links = [link(1, 2, capacity=100), link(2, 3, capacity=300)]
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    names = {1: "leaf1", 2: "spine1", 3: "leaf2"}
    finder = Finder(ledger.mesh, lambda end: f"{names[end.dpid]}:{end.port}")
    with pytest.raises(Refused) as caught:
        finder.path(PathRequest(source=1, destination=3, forward=200, backward=200))
    (violation,) = caught.value.violations
    assert violation.field == "bandwidth"
    assert violation.reason == (
        "no path has 200 bit/s free; the widest one carries 100 bit/s, limited by leaf1:20 - spine1:10 (100 bit/s free)"
    )
    assert violation.remedy == "Ask for at most 100 bit/s, or delete a connection on these links."


def test_a_full_network_has_no_smaller_offer():
    links = [link(1, 2)]
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    ledger.reserve("c1", find(ledger, 1, 2, 100), 100)
    with pytest.raises(Refused, match="or add capacity"):
        find(ledger, 1, 2, 1)


def test_the_second_connection_takes_the_other_way():
    links = [link(1, 2), link(1, 3), link(3, 2)]
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    first = find(ledger, 1, 2, 60)
    ledger.reserve("c1", first, 60)
    second = find(ledger, 1, 2, 60)
    assert (first.switches, second.switches) == ((1, 2), (1, 3, 2))
    ledger.reserve("c2", second, 60)
    assert find(ledger, 2, 1, 40).switches == (2, 1)
    with pytest.raises(Refused):
        find(ledger, 2, 1, 41)
    ledger.release("c1")
    assert find(ledger, 2, 1, 41).switches == (2, 1)


def test_the_same_switch_needs_no_links():
    ledger = Ledger()
    path = find(ledger, 4, 4, 10**12)
    assert path == Path((4,), ())
    ledger.reserve("c", path, 10**12)
    assert ledger.release("c")


def test_reservations_on_links_that_vanish_or_shrink_are_reported():
    links = [link(1, 2), link(2, 3)]
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    ledger.reserve("long", find(ledger, 1, 3, 50), 50)
    ledger.reserve("short", find(ledger, 1, 2, 50), 50)
    assert ledger.change_links(LinkChanges(gone=(links[1],))) == ("long",)
    assert ledger.change_links(LinkChanges(gone=(links[0],), new=(link(1, 2, capacity=60),))) == ("long", "short")
    assert ledger.free(links[0].a) == 0
    assert ledger.release("long")
    assert ledger.change_links(LinkChanges(new=(links[1],))) == ()
    assert ledger.change_links(LinkChanges(gone=(link(1, 2, capacity=60),), new=(link(1, 2, capacity=50),))) == ()


def test_wrong_use():
    ledger = Ledger()
    with pytest.raises(InvalidInput):
        find(ledger, 1, 1, -1)
    with pytest.raises(InvalidInput):
        ledger.reserve("c", Path((1,), ()), 1, -1)
    ledger.reserve("c", Path((1,), ()), 1)
    with pytest.raises(ValueError, match="already"):
        ledger.reserve("c", Path((1,), ()), 1)
    with pytest.raises(ValueError, match="simple"):
        ledger.reserve("d", Path((1, 2, 1), ((1, 1), (2, 2))), 1)
    with pytest.raises(Refused, match="gone"):
        ledger.reserve("d", Path((1, 2), ((1, 1),)), 1)
    with pytest.raises(ValueError, match="oversubscription"):
        Ledger(0)
