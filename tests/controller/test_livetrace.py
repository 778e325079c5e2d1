"""Traces in the data plane, on switches on paper: what is to blame where a probe is lost, and how many may be sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest
from probed import Probed

from sdn.controller.errands import Errand, Seen
from sdn.controller.events import Fly
from sdn.controller.probes.flights import PER_CALLER, PER_SECOND
from sdn.controller.questions.livetrace import with_loss
from sdn.controller.questions.views import Views
from sdn.model.errors import Exhausted, SdnError
from sdn.model.intent import Binding, Network, Port, Router, Subnet, Tenant
from sdn.model.tracing import Fault, LiveTrace, LiveVerdict, Protocol, TraceQuestion
from sdn.pipeline.layout import Table

T = "tenants/t"
H1, H2, H3 = (f"{T}/ports/h{n}" for n in (1, 2, 3))
LINE = "linear:switches=3,hosts=1"
_tokens = itertools.count(1)


def cloud(spec: str = LINE) -> Probed:
    """A host on each switch, every other one in the second network behind the router."""
    sim = Probed(spec, interval=0.0)
    sim.connect()
    sim.run(3)
    networks = [Network(name=f"{T}/networks/{n}") for n in "ab"]
    subnets = [
        Subnet(
            name=f"{T}/subnets/{n}{v}",
            network=f"{T}/networks/{n}",
            cidr=ip_network(cidr),
            gateway=ip_network(cidr)[1],
        )
        for n, number in (("a", 1), ("b", 2))
        for v, cidr in ((4, f"10.0.{number}.0/24"), (6, f"fd00:0:0:{number}::/64"))
    ]
    ports = [
        Port(
            name=f"{T}/ports/h{number}",
            network=f"{T}/networks/{'ba'[number % 2]}",
            mac=f"02:00:00:00:00:{number:02x}",
            addresses=(
                ip_address(f"10.0.{2 - number % 2}.1{number}"),
                ip_address(f"fd00:0:0:{2 - number % 2}::1{number}"),
            ),
            binding=Binding(switch=host.switch, interface=host.interface),
        )
        for number, host in enumerate(sim.declared.hosts, 1)
    ]
    router = Router(name=f"{T}/routers/r", subnets=tuple(subnet.name for subnet in subnets))
    sim.put(Tenant(name=T), *networks, *subnets, router, *ports)
    sim.run(1)
    return sim


@pytest.fixture
def sim() -> Probed:
    return cloud()


def fly(sim: Probed, *errands: Errand, caller: str | None = "me", ends: int = 1) -> list[tuple[Seen, ...]]:
    """What is seen of probes that leave together."""
    tokens = [next(_tokens) for _ in errands]
    sim.turn(*(Fly(token, errand, ends, caller) for token, errand in zip(tokens, errands, strict=True)))
    for _ in range(20):
        if all(token in sim.flown for token in tokens):
            break
        sim.run(0.1)
    found = []
    for token in tokens:
        seen = sim.flown[token]
        if isinstance(seen, SdnError):
            raise seen
        found.append(seen)
    return found


def live(sim: Probed, question: TraceQuestion) -> LiveTrace:
    """As the daemon asks (sdn/daemon/engine.py)."""
    views = Views(sim.controller, "1", 0.0)
    view, wish = views.prepare_trace(question)
    if wish is None:
        assert view.live is not None
        return view.live
    (seen,) = fly(sim, wish.errand, ends=wish.ends)
    view, narrowing = views.finish_trace(view, wish, seen)
    assert view.live is not None
    if narrowing is None:
        return view.live
    told = fly(sim, *(errand for look in narrowing.looks for errand in (look.over, look.into)), caller=None)
    loss = narrowing.loss(told)
    steps = {step.number: step for step in view.parts[-1].steps}
    assert not loss.switch or {steps[number].switch for number in loss.steps} == {loss.switch}
    return with_loss(view.live, loss)


def way(found: LiveTrace) -> list[tuple[str, str]]:
    return [(hop.switch, hop.event) for hop in found.hops]


def blamed(found: LiveTrace) -> tuple[str, str, Fault, str]:
    assert found.loss is not None, found
    return found.loss.after, found.loss.before, found.loss.fault, found.loss.switch


def pop(sim: Probed, switch: str, wanted: Callable[[bytes], bool]) -> int:
    """Entries that somebody deletes from a switch."""
    flows = sim.devices[switch].flows
    gone = [key for key in flows if wanted(key)]
    for key in gone:
        del flows[key]
    return len(gone)


def in_table(table: int, priority: int = 100) -> Callable[[bytes], bool]:
    return lambda key: key[0] == table and int.from_bytes(key[1:3], "big") == priority


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.TCP, Protocol.UDP])
@pytest.mark.parametrize("target", [H2, H3])
def test_a_probe_takes_the_computed_way(sim: Probed, version: int, protocol: Protocol, target: str) -> None:
    port = 0 if protocol is Protocol.ICMP else 443
    found = live(sim, TraceQuestion(H1, target, protocol=protocol, port=port, version=version))
    assert (found.verdict, found.loss) == (LiveVerdict.ARRIVED, None), found.reason
    last = int(target[-1])
    assert way(found) == [
        ("s1", "sent"),
        *((f"s{n}", "passed") for n in range(1, last + 1)),
        (f"s{last}", "arrived"),
    ]
    assert sim.at_hosts == []
    assert sim.sent == [], "it is answered by nobody"


@pytest.mark.parametrize(
    ("switch", "table", "after", "before"),
    [
        ("s1", Table.CLASSIFY, "", "s1"),
        ("s1", Table.SOURCE, "", "s1"),
        ("s1", Table.L2, "", "s1"),
        ("s1", Table.STAMP, "", "s1"),
        ("s1", Table.FABRIC, "s1", "s2"),
        ("s2", Table.CLASSIFY, "s1", "s2"),
        ("s2", Table.FABRIC, "s2", "s3"),
        ("s3", Table.CLASSIFY, "s2", "s3"),
        ("s3", Table.DELIVER, "s3", ""),
    ],
)
def test_entries_that_somebody_deleted_are_told_where_they_are_missing(
    sim: Probed, switch: str, table: Table, after: str, before: str
) -> None:
    assert pop(sim, switch, in_table(table))
    found = live(sim, TraceQuestion(H1, H3))
    assert found.verdict is LiveVerdict.LOST
    assert blamed(found) == (after, before, Fault.SWITCH, switch), found.reason
    assert f"; {switch} does not " in found.reason
    assert f"sdnctl audit {switch}" in found.reason


def test_a_way_within_one_switch() -> None:
    sim = cloud("linear:switches=2,hosts=2")
    found = live(sim, TraceQuestion(H1, H2))
    assert (found.verdict, way(found)) == (LiveVerdict.ARRIVED, [("s1", "sent"), ("s1", "arrived")])
    pop(sim, "s1", in_table(Table.DELIVER))
    assert blamed(live(sim, TraceQuestion(H1, H2))) == ("", "s1", Fault.SWITCH, "s1")


def test_a_link_that_loses_silently_is_told(sim: Probed) -> None:
    sim.lose("s2", "s3")
    found = live(sim, TraceQuestion(H1, H3, protocol=Protocol.TCP, port=80))
    assert blamed(found) == ("s2", "s3", Fault.LINK, ""), found.reason
    assert found.loss is not None
    assert sim.wires["s2", found.loss.after_interface] == ("s3", found.loss.before_interface)
    assert "the link s2:" in found.reason
    assert sim.at_hosts == []


def test_what_is_computed_to_be_lost_blames_nobody(sim: Probed) -> None:
    for question in (
        TraceQuestion(H1, H3, from_address=ip_address("10.0.1.66")),
        TraceQuestion(H1, H3, from_mac=bytes.fromhex("020000000099")),
    ):
        found = live(sim, question)
        assert (found.verdict, way(found), found.loss) == (LiveVerdict.ENDED, [("s1", "sent")], None)
    ended = live(sim, TraceQuestion(H1, H2, ttl=1))
    assert (ended.verdict, way(ended)) == (LiveVerdict.ENDED, [("s1", "sent"), ("s1", "returned")])
    assert sim.sent == [], "no host is told that its TTL ended"


def test_several_equal_links_are_each_looked_at() -> None:
    sim = cloud("leaf-spine:spines=2,leaves=2,hosts=1")
    leaf = sim.devices["leaf1"]
    kept = dict(leaf.groups)
    leaf.groups.clear()
    assert blamed(live(sim, TraceQuestion(H1, H2))) == ("leaf1", "", Fault.SWITCH, "leaf1")
    leaf.groups.update(kept)
    for spine in ("spine1", "spine2"):
        pop(sim, spine, in_table(Table.CLASSIFY))
    assert blamed(live(sim, TraceQuestion(H1, H2))) == ("leaf1", "", Fault.UNKNOWN, "")


@pytest.mark.parametrize("away", [False, True])
def test_no_probe_goes_where_a_switch_could_not_take_it_off(sim: Probed, away: bool) -> None:
    if away:
        sim.disconnect("s3")
    else:
        sim.devices["s3"].silent = True
        sim.disconnect("s3")
        sim.devices["s3"].flows.clear()
        sim.connect("s3")
    found = live(sim, TraceQuestion(H1, H3))
    assert (found.verdict, found.hops) == (LiveVerdict.NOT_SENT, ())
    assert found.reason.startswith("s3 takes no probes now")
    assert sim.frames == []


def test_replayed_probes_tell_nothing(sim: Probed) -> None:
    live(sim, TraceQuestion(H1, H3))
    old = list(sim.seen)
    assert old
    pop(sim, "s1", in_table(Table.L2))
    _, wish = Views(sim.controller, "1", 0.0).prepare_trace(TraceQuestion(H1, H3))
    assert wish is not None
    sim.turn(Fly(0, wish.errand, 1, "me"))
    sim.turn(*old)
    sim.run(1.5)
    assert sim.flown[0] == ()


def test_probes_are_metered_by_caller_and_altogether(sim: Probed) -> None:
    _, wish = Views(sim.controller, "1", 0.0).prepare_trace(TraceQuestion(H1, H3))
    assert wish is not None
    sim.run(2)

    def refused(caller: str | None, count: int) -> list[str]:
        tokens = [next(_tokens) for _ in range(count)]
        sim.turn(*(Fly(token, wish.errand, 1, caller) for token in tokens))  # type: ignore[union-attr]
        return [str(sim.flown[token]) for token in tokens if isinstance(sim.flown.get(token), Exhausted)]

    (one, *more) = refused("a", PER_CALLER + 2)
    assert "by one caller" in one
    assert "trace without a probe" in one
    assert len(more) == 1
    assert refused(None, 1) == [], "what belongs to an answer is not refused"
    told = refused("b", PER_SECOND - PER_CALLER)
    assert ["by all callers" in text for text in told] == [True], "but it is counted"
    sim.run(1)
    assert refused("a", PER_CALLER) == []
