"""Probes that somebody asked for: the order of what was seen, when the way is known, and how many may be asked for."""

from __future__ import annotations

import random
from ipaddress import ip_address

from sdn.controller.errands import Errand, Sighting, sealed
from sdn.controller.events import Fly, PacketsSent
from sdn.controller.probes.flights import PER_SECOND, Flights, in_order, is_whole
from sdn.controller.probes.prober import TIMEOUT, Flight, Prober
from sdn.model.errors import Exhausted, Unavailable
from sdn.model.ids import Dpid
from sdn.pipeline.layout import PROBE_HOPS, Table
from sdn.topology.latency import Latencies
from sdn.topology.pathprobe import SIZE, number_in, seal
from sdn.trace.build import ether_type, ethernet, packet

KEY = bytes(32)
ROW = {(Dpid(n + 1), 1): Dpid(n) for n in range(1, 5)}
"""Five switches in a row; each has the one before behind port 1."""


def far(dpid: Dpid, port: int) -> Dpid | None:
    return ROW.get((dpid, port))


def passed(dpid: int, at: float = 0.0, port: int = 1) -> Sighting:
    return Sighting(Dpid(dpid), Table.FABRIC, port, 0, 0, at)


def arrived(dpid: int) -> Sighting:
    return Sighting(Dpid(dpid), Table.OUTPUT, 1, 0, 7, 0.0)


def flight(*seen: Sighting) -> Flight:
    return Flight(1, Dpid(1), 0.0, seen=list(seen))


def test_sightings_are_told_in_the_order_of_links_however_they_come() -> None:
    way = [passed(2, 9.0), passed(3, 1.0), passed(4), passed(5), arrived(5)]
    for seed in range(20):
        mixed = list(way)
        random.Random(seed).shuffle(mixed)
        assert in_order(flight(*mixed), far) == way


def test_what_no_link_leads_to_is_at_the_end() -> None:
    stray = passed(9, 0.5, port=4)
    assert in_order(flight(stray, passed(3), passed(2)), far) == [passed(2), passed(3), stray]


def test_a_way_is_whole_when_it_ended_and_all_before_have_told() -> None:
    assert not is_whole(flight(), 1, far)
    assert not is_whole(flight(passed(2)), 1, far)
    assert not is_whole(flight(arrived(3)), 1, far)
    assert not is_whole(flight(passed(3), arrived(3)), 1, far)
    assert is_whole(flight(passed(3), arrived(3), passed(2)), 1, far)
    assert is_whole(flight(arrived(1)), 1, far)
    assert not is_whole(flight(passed(2), arrived(2)), 2, far)
    assert is_whole(flight(passed(2), arrived(2), arrived(1)), 2, far)


def flights(*, ready: bool = True) -> Flights:
    prober = Prober(KEY, lambda dpid: 3, lambda dpid: ready, Latencies())
    return Flights(prober, far, lambda dpid: f"s{dpid}")


def errand() -> Errand:
    return Errand(Dpid(1), Table.SOURCE, ((0, 5),), lambda content: bytes(14) + content, PROBE_HOPS)


def test_a_probe_that_is_not_seen_is_answered_when_it_is_lost() -> None:
    asked = flights()
    asked.want(Fly(7, errand()), 1.0, bytes)
    assert list(asked.settle(1.0 + TIMEOUT / 2)) == []
    (answer,) = asked.settle(1.0 + TIMEOUT)
    assert (answer.token, answer.result) == (7, ())
    assert list(asked.settle(9.0)) == []


def test_more_than_so_many_a_second_are_refused() -> None:
    asked = flights()
    answers = [asked.want(Fly(n, errand(), 1, str(n % 2)), 1.0, bytes) for n in range(PER_SECOND + 3)]
    refused = [answer.result for answer in answers[PER_SECOND:] if hasattr(answer, "result")]
    assert [type(error) for error in refused] == [Exhausted] * 3
    assert not any(hasattr(answer, "result") for answer in answers[:PER_SECOND])
    assert not hasattr(asked.want(Fly(99, errand()), 1.1, bytes), "result")


def test_a_switch_that_takes_no_probes_is_named() -> None:
    answer = flights(ready=False).want(Fly(1, errand()), 1.0, bytes)
    assert isinstance(getattr(answer, "result", None), Unavailable)
    assert "switch s1 takes no probes now" in str(answer.result)  # type: ignore[union-attr]


def test_the_content_is_found_in_every_frame_and_what_switches_look_at_stays() -> None:
    content = seal(KEY, 9, bytes(8))
    for version, protocols in ((4, (1, 6, 17)), (6, (58, 6, 17))):
        a, b = map(ip_address, ("10.0.0.1", "10.0.0.2") if version == 4 else ("fd00::1", "fd00::2"))
        for protocol in protocols:
            for size in (60, 60 + SIZE, 1400):
                frame = ethernet(b"\2" * 6, b"\4" * 6, ether_type(version), packet(a, b, protocol, 80, size, 64))
                made = sealed(frame, content)
                assert number_in(KEY, made) == 9
                headers = 14 + (20 if version == 4 else 40) + 8
                assert made[:headers] == frame[:headers]
                assert len(made) <= max(len(frame), 14 + size + SIZE)
    other = sealed(ethernet(b"\2" * 6, b"\4" * 6, 0x88B5, b""), content)
    assert (number_in(KEY, other), len(other)) == (9, 60)


def test_times_are_known_when_the_round_trips_are() -> None:
    latencies = Latencies()
    prober = Prober(KEY, lambda dpid: 3, lambda dpid: True, latencies)
    sent, _ = prober.send(errand(), 0.0, bytes)
    assert prober.after(sent, passed(2, 5.0)) is None
    prober.sent_at(PacketsSent(3, Dpid(1), (1 << 62 | 1,), 4.0, 0.2))
    assert prober.after(sent, passed(2, 5.0)) is None
    latencies.round_trip(Dpid(2), 0.4)
    estimate, error = prober.after(sent, passed(2, 5.0)) or (0.0, 0.0)
    assert (round(estimate, 6), round(error, 6)) == (0.7, 0.3)
