"""Requests with constraints, against all simple paths of small networks: the best one, pairs, the order, reasons."""

import re
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.model.errors import Exhausted, Refused
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect, Strategy
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing import Finder, Ledger, bounded, pairs
from sdn.routing.bounded import best_path
from sdn.routing.kpaths import best_paths
from sdn.routing.pairs import best_pair, one_by_one, together

RISKS = ("bridge", "duct", "river", "tunnel")
RISK_SETS = ((), *combinations(RISKS, 1), *combinations(RISKS, 2))


def link(a, b, i=0, **values):
    a, b = sorted((a, b))
    return Link(LinkEnd(a, 10 * b + i), LinkEnd(b, 10 * a + i), **values)


@st.composite
def networks(draw, switches=6, most=14):
    """Rather too many links than too few: otherwise there is seldom a choice."""
    places = [(a, b, i) for a in range(1, switches + 1) for b in range(a + 1, switches + 1) for i in (0, 1)]
    chosen = draw(st.lists(st.sampled_from(places), unique=True, min_size=draw(st.sampled_from([1, 8])), max_size=most))
    costs, latencies, sizes, risks = (
        draw(st.lists(values, min_size=len(chosen), max_size=len(chosen)))
        for values in (
            st.integers(1, 4),
            st.integers(0, 3),
            st.integers(1, 3),
            st.sampled_from(RISK_SETS),
        )
    )
    return [
        link(*place, cost=cost, latency=latency, capacity=50 * size, risk_groups=frozenset(risk))
        for place, cost, latency, size, risk in zip(chosen, costs, latencies, sizes, risks, strict=True)
    ]


@st.composite
def inclusions(draw, switches=6):
    """Most requests have none; links are named by one end."""
    if draw(st.sampled_from([True, True, False])):
        return Inclusion()
    pairs = st.tuples(st.integers(1, switches), st.integers(1, switches), st.integers(0, 1))
    return Inclusion(
        switches=tuple(draw(st.lists(st.integers(1, switches), max_size=2, unique=True))),
        links=tuple(LinkEnd(a, 10 * b + i) for a, b, i in draw(st.lists(pairs, max_size=1))),
        risk_groups=tuple(draw(st.lists(st.sampled_from(RISKS), max_size=1))),
    )


def free(request):
    """As of a backup path."""
    return replace(request, via=(), include=Inclusion())


@st.composite
def requests(draw, switches=6, via=True):
    source, destination = draw(st.permutations(range(1, switches + 1)))[:2]
    others = [switch for switch in range(1, switches + 1) if switch not in (source, destination)]
    bound = st.none() | st.integers(2, 9)
    return PathRequest(
        source=source,
        destination=destination,
        forward=draw(st.sampled_from([0, 0, 40, 90, 140])),
        backward=draw(st.sampled_from([0, 0, 40, 90])),
        max_latency=draw(bound),
        max_hops=draw(bound),
        max_cost=draw(bound),
        exclude=Exclusion(
            switches=frozenset(draw(st.sets(st.sampled_from(others), max_size=1))),
            risk_groups=frozenset(draw(st.sets(st.sampled_from(RISKS), max_size=1))),
        ),
        via=tuple(draw(st.lists(st.sampled_from(others), max_size=2, unique=True))) if via else (),
        include=draw(inclusions(switches)) if via else Inclusion(),
        strategy=draw(st.sampled_from(list(Strategy))),
    )


def ledger_of(links):
    ledger = Ledger()
    ledger.change_links(LinkChanges(new=tuple(links)))
    return ledger


def every_way(mesh, request):
    """All simple paths as arcs, by brute force."""
    found = []

    def walk(here, passed, way):
        if here == request.destination:
            found.append(way)
            return
        for arc in mesh.arcs(here):
            if arc.far not in passed:
                walk(arc.far, {*passed, arc.far}, [*way, arc])

    walk(request.source, {request.source}, [])
    return found


def in_order(way, request):
    passed = iter([request.source, *(arc.far for arc in way)])
    return all(any(switch == stop for switch in passed) for stop in request.via)


def satisfies(way, request):
    exclude = request.exclude
    switches = {request.source, *(arc.far for arc in way)}
    return (
        all(arc.room.free >= request.forward and arc.twin.room.free >= request.backward for arc in way)
        and sum(arc.link.latency for arc in way) <= (99 if request.max_latency is None else request.max_latency)
        and sum(arc.link.cost for arc in way) <= (99 if request.max_cost is None else request.max_cost)
        and len(way) <= (99 if request.max_hops is None else request.max_hops)
        and exclude.switches.isdisjoint(switches)
        and all(exclude.risk_groups.isdisjoint(arc.link.risk_groups) for arc in way)
        and exclude.links.isdisjoint(end for arc in way for end in (arc.end, arc.peer))
        and in_order(way, request)
        and set(request.include.switches) <= switches
        and all(any(end in (arc.end, arc.peer) for arc in way) for end in request.include.links)
        and all(any(risk in arc.link.risk_groups for arc in way) for risk in request.include.risk_groups)
    )


def weight(way, request):
    """The definition, not the code: sum by strategy, then hops."""
    match request.strategy:
        case Strategy.COST:
            return sum(arc.link.cost for arc in way), len(way)
        case Strategy.LATENCY:
            return sum(arc.link.latency for arc in way), len(way)
    return (
        sum(
            max(
                1000 * request.forward // arc.link.capacity,
                1000 * request.backward // arc.link.capacity,
            )
            for arc in way
        ),
        len(way),
    )


def disjoint(one, two, protect):
    ends = {arc.end for arc in one} | {arc.peer for arc in one}
    if any(arc.end in ends for arc in two):
        return False
    if protect is Protect.SWITCH and {arc.far for arc in one[:-1]} & {arc.far for arc in two[:-1]}:
        return False
    risks = {risk for arc in one for risk in arc.link.risk_groups}
    return protect is not Protect.RISK_GROUP or all(risks.isdisjoint(arc.link.risk_groups) for arc in two)


@given(networks(), requests())
@settings(max_examples=500, deadline=None)
def test_the_best_path_that_satisfies_everything(links, request):
    mesh = ledger_of(links).mesh
    fitting = [weight(way, request) for way in every_way(mesh, request) if satisfies(way, request)]
    way = best_path(mesh, request)
    if way is None:
        assert not fitting
    else:
        assert satisfies(way, request)
        assert weight(way, request) == min(fitting)


@given(networks(), requests())
@settings(max_examples=200, deadline=None)
def test_the_history_of_the_links_does_not_matter(links, request):
    ledger = ledger_of(reversed(links))
    changed = tuple(replace(item, cost=9) for item in links[::2])
    ledger.change_links(LinkChanges(gone=tuple(links[::2]), new=changed))
    ledger.change_links(LinkChanges(gone=changed, new=tuple(links[::2])))
    other = ledger_of(links).mesh
    ways = [best_path(mesh, request) or [] for mesh in (ledger.mesh, other)]
    assert [arc.end for arc in ways[0]] == [arc.end for arc in ways[1]]


@given(networks(), requests())
@settings(max_examples=200, deadline=None)
def test_all_paths_in_order(links, request):
    mesh = ledger_of(links).mesh
    found = list(best_paths(mesh, request))
    fitting = [way for way in every_way(mesh, request) if satisfies(way, request)]
    assert sorted([arc.end for arc in way] for way in found) == sorted([arc.end for arc in way] for way in fitting)
    ranks = [weight(way, request) for way in found]
    assert ranks == sorted(ranks)


@given(networks(), requests(), st.sampled_from(list(Protect)))
@settings(max_examples=500, deadline=None)
def test_a_pair_whenever_there_is_one(links, request, protect):
    mesh = ledger_of(links).mesh
    ways = every_way(mesh, request)
    plain = free(request)
    backups = [way for way in ways if satisfies(way, plain)]
    there = [
        (one, two)
        for one in ways
        if satisfies(one, request)
        for two in backups
        if one is not two and disjoint(one, two, protect)
    ]
    pair = best_pair(mesh, request, protect)
    if pair is None:
        assert not there
        return
    one, two = pair
    assert satisfies(one, request)
    assert satisfies(two, plain)
    assert disjoint(one, two, protect)
    assert len({arc.far for arc in one}) == len(one)
    assert len({arc.far for arc in two}) == len(two)


@given(networks(), requests(), st.sampled_from(list(Protect)))
@settings(max_examples=500, deadline=None)
def test_one_by_one_the_primary_is_the_best_that_can_be_protected(links, request, protect):
    mesh = ledger_of(links).mesh
    ways = every_way(mesh, request)
    backups = [way for way in ways if satisfies(way, free(request))]
    ranks = [
        weight(one, request)
        for one in ways
        if satisfies(one, request) and any(one is not two and disjoint(one, two, protect) for two in backups)
    ]
    pair = one_by_one(mesh, request, protect)
    assert (weight(pair[0], request) if pair else None) == min(ranks, default=None)


@given(networks(), requests(via=False), st.sampled_from([Protect.LINK, Protect.SWITCH]))
@settings(max_examples=300, deadline=None)
def test_together_the_sum_is_least(links, request, protect):
    request = replace(request, max_latency=None, max_hops=None, max_cost=None)
    mesh = ledger_of(links).mesh
    ways = [way for way in every_way(mesh, request) if satisfies(way, request)]
    sums = [
        tuple(map(sum, zip(weight(one, request), weight(two, request), strict=True)))
        for one in ways
        for two in ways
        if one is not two and disjoint(one, two, protect)
    ]
    pair = together(mesh, request, protect)
    if pair is None:
        assert not sums
        return
    one, two = (weight(way, request) for way in pair)
    assert tuple(map(sum, zip(one, two, strict=True))) == min(sums)
    assert one <= two


@given(networks(), requests(via=False), st.sampled_from([Protect.LINK, Protect.SWITCH]))
@settings(max_examples=300, deadline=None)
def test_what_must_be_shared_is_little(links, request, protect):
    request = PathRequest(source=request.source, destination=request.destination)
    mesh = ledger_of(links).mesh
    ways = every_way(mesh, request)

    def common(one, two):
        same = len({arc.end for arc in one} & {arc.end for arc in two})
        inner = {arc.far for arc in one[:-1]} & {arc.far for arc in two[:-1]}
        return same + (len(inner) if protect is Protect.SWITCH else 0)

    pair = together(mesh, request, protect, share=True)
    if pair is None:
        assert not ways
    else:
        assert common(*pair) == min(common(one, two) for one in ways for two in ways)


@given(networks(), requests())
@settings(max_examples=500, deadline=None)
def test_a_refusal_offers_what_would_do(links, request):
    mesh = ledger_of(links).mesh
    finder = Finder(mesh)
    try:
        finder.path(request)
    except Refused as error:
        violations = error.violations
    else:
        return
    for violation in violations:
        numbers = [int(text) for text in re.findall(r"at (?:least|most) (\d+)", violation.remedy)]
        match violation.field, numbers:
            case "bandwidth", [most]:
                assert best_path(mesh, at_most(request, most)) is not None
                assert best_path(mesh, at_most(request, most + 1)) is None
            case "bandwidth", []:
                assert best_path(mesh, at_most(request, 0)) is not None
                assert best_path(mesh, at_most(request, 1)) is None
            case ("max_latency" | "max_hops" | "max_cost") as field, [least]:
                assert best_path(mesh, replace(request, **{field: least})) is not None
                assert best_path(mesh, replace(request, **{field: least - 1})) is None
            case "exclude", []:
                assert best_path(mesh, replace(request, exclude=Exclusion())) is not None
            case field, [] if field.startswith("include"):
                assert best_path(mesh, replace(request, include=Inclusion())) is not None
                name, _, index = field.removeprefix("include_").partition("[")
                values = list(getattr(request.include, name))
                values.pop(int(index[:-1]))
                without = replace(request.include, **{name: tuple(values)})
                alone = "Leave it out" in violation.remedy
                assert alone == (best_path(mesh, replace(request, include=without)) is not None)
            case "via", []:
                assert best_path(mesh, replace(request, via=())) is not None
            case "", []:
                ends = PathRequest(source=request.source, destination=request.destination)
                assert (best_path(mesh, ends) is None) == ("there is no path from" in violation.reason)
            case other:
                pytest.fail(f"an unexpected violation: {other}")


def at_most(request, bandwidth):
    return replace(request, forward=min(request.forward, bandwidth), backward=min(request.backward, bandwidth))


def chain_of_diamonds(count):
    """Ways that are dear and quick or cheap and slow, by powers of two, so that no partial path dominates another."""
    links = []
    for index in range(count):
        base = 3 * index
        for middle, (cost, latency) in enumerate(((1 << index, 0), (0, 1 << index))):
            links.append(link(base + 1, base + 2 + middle, cost=cost + 1, latency=latency))
            links.append(link(base + 2 + middle, base + 4, cost=1))
    return links, 3 * count + 1


def test_a_search_that_is_given_up_does_not_say_that_there_is_no_path(monkeypatch):
    links, last = chain_of_diamonds(10)
    mesh = ledger_of(links).mesh
    request = PathRequest(source=1, destination=last, max_latency=517)
    way = best_path(mesh, request)
    assert sum(arc.link.latency for arc in way) <= 517
    monkeypatch.setattr(bounded, "MAX_LABELS", 20)
    with pytest.raises(Exhausted, match="there may be a path"):
        best_path(mesh, request)


def test_pairs_that_are_given_up_do_not_say_that_there_is_none(monkeypatch):
    # The best primary blocks every other way; the second best does not.
    trap = [link(1, 2), link(2, 3), link(3, 4), link(1, 3, cost=25), link(2, 4, cost=25)]
    slow = [replace(item, latency=1) for item in trap]
    mesh = ledger_of(slow).mesh
    request = PathRequest(source=1, destination=4, max_hops=2)
    pair = best_pair(mesh, request, Protect.LINK)
    assert [[arc.far for arc in way] for way in pair] == [[2, 4], [3, 4]]
    monkeypatch.setattr(pairs, "MAX_SEARCHES", 1)
    with pytest.raises(Exhausted, match="there may be such a pair"):
        best_pair(mesh, replace(request, max_hops=None, max_cost=34, via=(2, 3)), Protect.LINK)


def test_a_refused_protection_names_what_all_paths_share():
    links = [link(1, 2), link(2, 3), link(2, 4), link(3, 5), link(4, 5)]
    finder = Finder(ledger_of(links).mesh, lambda end: f"s{end.dpid}:{end.port}", lambda dpid: f"s{dpid}")
    with pytest.raises(Refused, match=r"all pass the link s1:20 - s2:10\. Add a link around it"):
        finder.pair(PathRequest(source=1, destination=5), Protect.LINK)
    with pytest.raises(Refused, match=r"the link s1:20 - s2:10, the switch s2"):
        finder.pair(PathRequest(source=1, destination=5), Protect.SWITCH)
    first, second = finder.pair(PathRequest(source=2, destination=5), Protect.SWITCH)
    assert (first.switches, second.switches) == ((2, 3, 5), (2, 4, 5))


def test_paths_of_one_switch_and_waypoints_at_the_ends():
    mesh = ledger_of([link(1, 2)]).mesh
    assert best_path(mesh, PathRequest(source=1, destination=1)) == []
    assert best_path(mesh, PathRequest(source=1, destination=1, via=(2,))) is None
    assert best_pair(mesh, PathRequest(source=1, destination=1), Protect.SWITCH) == ([], [])
    (way,) = best_paths(mesh, PathRequest(source=1, destination=2, via=(1, 2)))
    assert [(one.far, two.near) for one, two in pairwise(way)] == []


def test_what_is_to_be_used_of_one_switch_and_at_the_ends():
    mesh = ledger_of([link(1, 2, risk_groups=frozenset({"duct"})), link(1, 2, 1), link(2, 3)]).mesh
    stay = PathRequest(source=1, destination=1, include=Inclusion(switches=(1,)))
    assert best_path(mesh, stay) == []
    assert best_path(mesh, replace(stay, include=Inclusion(risk_groups=("duct",)))) is None
    wish = Inclusion(switches=(3, 1), links=(LinkEnd(2, 11),))
    (way,) = best_paths(mesh, PathRequest(source=1, destination=3, include=wish))
    assert way[0].end == LinkEnd(1, 21)


def test_a_refusal_names_what_cannot_be_used_and_the_path_without():
    links = [link(1, 2, risk_groups=frozenset({"duct"})), link(2, 4), link(1, 3), link(3, 4)]
    finder = Finder(ledger_of(links).mesh, lambda end: f"s{end.dpid}:{end.port}", lambda dpid: f"s{dpid}")
    wish = PathRequest(source=1, destination=4, include=Inclusion(switches=(3,), risk_groups=("duct",)))
    with pytest.raises(Refused) as caught:
        finder.path(wish)
    told = {v.field: (v.reason, v.remedy) for v in caught.value.violations}
    assert told == {
        "include_switches[0]": (
            "no path that satisfies all else uses the switch s3, and no switch twice",
            "Leave it out: the best path is s1 - s2 - s4 then.",
        ),
        "include_risk_groups[0]": (
            "no path that satisfies all else uses a link of the risk group duct, and no switch twice",
            "Leave it out: the best path is s1 - s3 - s4 then.",
        ),
    }


def named(links, down=tuple):
    return Finder(ledger_of(links).mesh, lambda end: f"s{end.dpid}:{end.port}", lambda dpid: f"s{dpid}", down)


def told_of(finder, request, protect=None):
    with pytest.raises(Refused) as caught:
        finder.path(request) if protect is None else finder.pair(request, protect)
    return {v.field: (v.reason, v.remedy) for v in caught.value.violations}


def test_a_refusal_says_what_to_leave_out_of_waypoints_exclusions_and_a_given_path():
    finder = named([link(1, 2), link(2, 4), link(1, 3), link(3, 4), link(4, 5)])
    wish = PathRequest(source=1, destination=4)
    assert told_of(finder, replace(wish, via=(2, 5, 3)))["via"][1] == (
        "Leave out s5, s3: the best path is s1 - s2 - s4 then."
    )
    shut = Exclusion(switches=frozenset({2, 3}))
    assert told_of(finder, replace(wish, exclude=shut))["exclude"][1] == (
        "Exclude less: without the switch s2 the best path is s1 - s2 - s4."
    )
    only = frozenset[LinkEnd]()
    assert told_of(finder, replace(wish, via=(2,), only=only))["explicit_path"] == (
        "a link of the path that is given is not there: s1 - s2, s2 - s4",
        "Wait until its links are up, or give another path, as s1 - s2 - s4.",
    )


def test_a_refusal_of_several_constraints_says_which_of_them_to_leave_out():
    finder = named([link(1, 2, latency=5), link(2, 3, latency=5)])
    wish = PathRequest(source=1, destination=3, max_latency=9, max_hops=1, forward=1)
    with pytest.raises(Refused) as caught:
        finder.path(wish)
    (violation,) = caught.value.violations
    assert (violation.word, violation.remedy) == (
        "NotTogether",
        "Loosen several of them: without max_latency and max_hops the best path is s1 - s2 - s3.",
    )


def test_a_refusal_without_any_path_names_the_links_that_are_down_around_the_smaller_side():
    down = [(("s3", "b"), ("s4", "a")), (("s4", "c"), ("s9", "a")), (("s7", "a"), ("s8", "b"))]
    finder = named([link(1, 2), link(2, 3), link(4, 5)], lambda: down)
    reason, _ = told_of(finder, PathRequest(source=1, destination=5))[""]
    around = "s1 and the 2 switches that it is joined to"
    assert reason == f"there is no path from s1 to s5; down are the links around {around}: s3:b - s4:a"


def test_a_refused_pair_offers_less_protection_or_a_longer_way():
    bridge = [link(1, 2), link(1, 3), link(2, 4), link(3, 4), link(4, 5), link(4, 6), link(5, 7), link(6, 7)]
    finder = named(bridge)
    assert told_of(finder, PathRequest(source=1, destination=7), Protect.SWITCH)["protection"] == (
        "no two paths are disjoint: all pass the switch s4",
        "Ask for protection against the loss of a link, or without protection.",
    )
    long = [link(1, 2, latency=5), link(2, 4, latency=5), link(1, 3, latency=9), link(3, 4, latency=9)]
    wish = PathRequest(source=1, destination=4, max_latency=12)
    remedy = told_of(named(long), wish, Protect.LINK)["protection"][1]
    assert remedy == "Ask for max_latency 18 microseconds, with which there are two, or without protection."
    assert named(long).pair(replace(wish, max_latency=18), Protect.LINK)
