"""Requests that a fat tree of k=4 refuses: one for each reason, with what must be named and what would be admitted.

The ends are at edge1_1 and edge4_2, links have 10 Gbit/s and a latency of 10 microseconds, and both links of edge1_1
are risk groups of their own. ``busy`` is reserved before: of the links of edge1_1 one has 4, the other 3 Gbit/s left.
Reasons that cannot come up there: see ABSENT.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdn.v1 import resources_pb2 as pb

GIGA = 10**9
UPLINKS = ("edge1_1:edge1_1-eth1", "edge1_1:edge1_1-eth2")
GROUPS = ("conduit1", "conduit2")
"""Of the two uplinks of edge1_1, one each."""
Fields = dict[str, Any]

ABSENT = {
    "NoPathNumbers": "there are 65,533 numbers, two or four for a path: tests/controller/test_path_numbers.py",
    "NoMeter": "there are 131,072 of them, one for a ceiling",
    "SearchGivenUp": "the whole tree has fewer partial paths than the limit: tests/routing/test_requests.py",
    "NotPossible": "for fields that nobody knows yet",
}
"""Reasons that do not come up on this network, and why."""


def bound(**fields: Any) -> Fields:
    return {"constraints": pb.Constraints(**fields)}


def busy(a: str, b: str) -> list[Fields]:
    """What is reserved before, between another host of edge1_1 and one of another pod."""
    return [
        {"a": a, "b": b, "bandwidth_bps": rate * GIGA, **bound(via=[agg]), "classifier": pb.Classifier(dscp=dscp)}
        for agg, rate, dscp in (("agg1_1", 6, 10), ("agg1_2", 7, 12))
    ]


def least(text: str) -> int:
    """The value that a remedy offers."""
    return int(re.findall(r"Ask for at (?:least|most) (\d+)", text)[0])


@dataclass(frozen=True)
class Case:
    """reason: in one word; field: the end of the field's path; wish: of the request, beside its ends and a bandwidth of
    1 Gbit/s; named: what the description has; nearest: from that, the fields of a request that is admitted.
    """

    reason: str
    field: str
    wish: Fields
    named: tuple[str, ...]
    nearest: Callable[[str], Fields]


def cases(yesterday: int) -> list[Case]:
    """yesterday: some Unix time that is over, in seconds."""
    calendar = pb.Calendar()
    calendar.start.seconds, calendar.end.seconds = yesterday, yesterday + 60
    return [
        Case(
            "NoCapacity",
            "bandwidth_bps",
            {"bandwidth_bps": 5 * GIGA},
            ("agg1_1:agg1_1-eth1 - edge1_1:edge1_1-eth1 (4000000000 bit/s free)", "at most 4000000000 bit/s"),
            lambda text: {"bandwidth_bps": least(text)},
        ),
        Case(
            "LatencyTooHigh",
            "constraints.max_latency_us",
            bound(max_latency_us=39),
            ("no path keeps 39 microseconds", "at least 40"),
            lambda text: bound(max_latency_us=least(text)),
        ),
        Case(
            "TooManyHops",
            "constraints.max_hops",
            bound(max_hops=3),
            ("no path keeps 3 hops", "at least 4"),
            lambda text: bound(max_hops=least(text)),
        ),
        Case(
            "CostTooHigh",
            "constraints.max_cost",
            bound(max_cost=39),
            ("no path keeps a cost of 39", "at least 40"),
            lambda text: bound(max_cost=least(text)),
        ),
        Case(
            "Excluded",
            "constraints",
            bound(exclude_switches=["agg1_1", "agg1_2"]),
            ("the switch agg1_1", "edge1_1 - agg1_1 - core"),
            lambda text: bound(exclude_switches=["agg1_2"]),
        ),
        Case(
            "Excluded",
            "constraints",
            bound(exclude_links=list(UPLINKS)),
            ("the link edge1_1:edge1_1-eth1 - agg1_1:agg1_1-eth1",),
            lambda text: bound(exclude_links=[UPLINKS[1]]),
        ),
        Case(
            "Excluded",
            "constraints",
            bound(exclude_risk_groups=list(GROUPS)),
            ("the risk group conduit1",),
            lambda text: bound(exclude_risk_groups=[GROUPS[1]]),
        ),
        Case(
            "WaypointsNotPossible",
            "constraints.via",
            bound(via=["edge4_1", "agg4_1", "agg4_2"]),
            ("no path passes edge4_1, agg4_1, agg4_2 in this order", "Leave out agg4_2"),
            lambda text: bound(via=["edge4_1", "agg4_1"]),
        ),
        Case(
            "NotIncluded",
            "constraints.include_links[0]",
            bound(include_links=list(UPLINKS)),
            ("the link at edge1_1:edge1_1-eth1", "Leave it out"),
            lambda text: bound(include_links=[UPLINKS[1]]),
        ),
        Case(
            "NotIncluded",
            "constraints.include_risk_groups[0]",
            bound(include_risk_groups=list(GROUPS)),
            ("a link of the risk group conduit1", "Leave it out"),
            lambda text: bound(include_risk_groups=[GROUPS[1]]),
        ),
        Case(
            "NotIncluded",
            "constraints.include_switches[0]",
            bound(include_switches=["edge2_1", "edge2_2"]),
            ("the switch edge2_1", "Leave it out"),
            lambda text: bound(include_switches=["edge2_2"]),
        ),
        Case(
            "PathNotThere",
            "constraints.explicit_path",
            bound(explicit_path=["edge1_1", "agg1_1", "core3", "agg4_2", "edge4_2"]),
            ("agg1_1 - core3", "give another path"),
            lambda text: bound(explicit_path=re.findall(r"as (.+)\.", text)[0].split(" - ")),
        ),
        Case(
            "PathNotThere",
            "constraints.explicit_path[0]",
            bound(explicit_path=["agg1_1", "core1", "agg4_1", "edge4_2"]),
            ("the path is at agg1_1 there, and the port a at edge1_1",),
            lambda text: bound(explicit_path=["edge1_1", "agg1_1", "core1", "agg4_1", "edge4_2"]),
        ),
        Case(
            "NoProtection",
            "protection",
            {**bound(exclude_switches=["agg1_2"]), "protection": pb.Protection(mode=pb.REQUIRED, scope=pb.LINK)},
            ("all pass the link edge1_1:edge1_1-eth1 - agg1_1:agg1_1-eth1", "without protection"),
            lambda text: bound(exclude_switches=["agg1_2"]),
        ),
        Case(
            "NotTogether",
            "connection",
            bound(max_hops=3, max_latency_us=39),
            ("no path satisfies bandwidth, max_latency, max_hops together", "without max_latency and max_hops"),
            lambda text: {},
        ),
        Case(
            "UnknownName",
            "constraints.exclude_switches[0]",
            bound(exclude_switches=["nobody"]),
            ("switch nobody is not known",),
            lambda text: {},
        ),
        Case(
            "TimeOver",
            "calendar.end",
            {"calendar": calendar},
            ("over",),
            lambda text: {},
        ),
    ]
