"""Waiting for *programmed* with switches that are killed, frozen and come back empty: it ends, and tells the truth."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from observer import Observer

from sdn.client import Client
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
LEAF, OTHER = "leaf1", "leaf2"
NETWORK = "tenants/red/networks/a"
NEVER = 60.0
"""Seconds: a wait that lasts as long as this would be one that hangs."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=1,leaves=2,hosts=4", tmp_path_factory.mktemp("waiting"), "each") as lab:
        yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """All switches there, everything programmed, before and after."""
    shared.ready()
    yield shared
    shared.ready()
    states = dict(shared.client.status().objects_by_state)
    assert list(states) == ["PROGRAMMED"], states


def kill(lab: CloudLab, switch: str) -> None:
    """As a crash: the flows are gone, the configuration is not. Returns when the controller has noticed."""
    last = lab.client.events()[-1].number
    lab.network.ovs_of(switch).stop_vswitchd(kill=True)
    reasons = lambda event: event.reason if event.object == switch else None  # type: ignore[attr-defined]  # noqa: E731
    with Observer(lab.client.watch_events(last + 1), reasons) as seen:
        seen.until(lambda found: "SwitchDisconnected" in found)


def restart(lab: CloudLab, switch: str) -> None:
    """Start it with empty tables, and plug its cables in again: their sockets died with it."""
    lab.network.ovs_of(switch).start_vswitchd()
    for link in lab.network.topology.links:
        if switch in (link.a[0], link.b[0]):
            lab.network.cut(link)
            lab.network.mend(link)


def freeze(lab: CloudLab, switch: str, how: signal.Signals) -> None:
    os.kill(lab.network.ovs_of(switch).pids[1], how)


def port_at(lab: CloudLab, switch: str, tenant: str = "red") -> str:
    return next(
        lab.port_of(host) for host, place in lab.place.items() if place.switch == switch and lab.tenant[host] == tenant
    )


def moved(client: Client, name: str) -> pb.Port:
    """The port with one more address, which changes entries on every switch of its network."""
    port = client.ports.get(name)
    low = 100 + len(port.addresses)
    port.addresses.append(f"{port.addresses[0].rpartition('.')[0]}.{low}")
    return port


def short(client: Client, name: str) -> pb.Port:
    """The port as it was."""
    port = client.ports.get(name)
    del port.addresses[2:]
    return port


def observed(lab: CloudLab, name: str) -> Observer[tuple[str, str, tuple[str, ...]]]:
    def take(change: object) -> tuple[str, str, tuple[str, ...]] | None:
        resource = change.resource  # type: ignore[attr-defined]
        status = resource.status
        known = pb.State.Name(status.state), status.reason, tuple(status.switches_away)
        return known if resource.name == name else None

    return Observer(lab.client.ports.watch(), take)


def test_a_deadline_leaves_the_object_and_names_the_switch_that_is_away(lab: CloudLab) -> None:
    name = port_at(lab, OTHER)
    kill(lab, LEAF)
    try:
        answer = lab.client.ports.update(moved(lab.client, name), wait=0.5)
        assert (answer.status.state, answer.status.reason) == (pb.State.PENDING, "SwitchAway")
        assert list(answer.status.switches_away) == [LEAF]
        assert LEAF in answer.status.message
        stored = lab.client.ports.get(name)
        assert list(stored.addresses) == list(answer.addresses)
        assert stored.status == answer.status
        assert lab.client.status().not_ready
    finally:
        with observed(lab, name) as seen:
            restart(lab, LEAF)
            seen.until(lambda states: states[-1] == ("PROGRAMMED", "", ()))
        assert lab.client.ports.update(short(lab.client, name), wait=NEVER).status.state == pb.State.PROGRAMMED


def test_what_does_not_concern_the_switch_that_is_away_does_not_wait_for_it(lab: CloudLab) -> None:
    kill(lab, LEAF)
    try:
        start = monotonic()
        tenant = lab.client.tenants.create(pb.Tenant(name="tenants/other"), wait=NEVER)
        assert tenant.status.state == pb.State.PROGRAMMED
        # Its network is on the switch that is away, but nothing of it changes there.
        port = lab.client.ports.get(port_at(lab, OTHER))
        port.metadata.description = "nothing for any switch"
        assert lab.client.ports.update(port, wait=NEVER).status.state == pb.State.PROGRAMMED
        lab.client.tenants.delete("tenants/other", wait=NEVER)
        assert monotonic() - start < NEVER
    finally:
        restart(lab, LEAF)


def test_a_switch_that_comes_back_empty_is_refilled_and_its_objects_say_so(lab: CloudLab) -> None:
    name = port_at(lab, LEAF)
    with observed(lab, name) as seen:
        seen.until(lambda states: states == [("PROGRAMMED", "", ())])
        kill(lab, LEAF)
        restart(lab, LEAF)
        states = seen.until(lambda states: len(states) >= 3)
    assert states == [("PROGRAMMED", "", ()), ("PENDING", "Repairing", ()), ("PROGRAMMED", "", ())]
    lab.ready()
    assert lab.differences(4) == ""


def test_a_switch_that_does_not_answer_is_named_and_the_wait_ends(lab: CloudLab) -> None:
    name = port_at(lab, OTHER)
    freeze(lab, LEAF, signal.SIGSTOP)
    try:
        answer = lab.client.ports.update(moved(lab.client, name), wait=0.5)
        assert (answer.status.state, answer.status.reason) == (pb.State.PENDING, "Programming")
        assert list(answer.status.switches_pending) == [LEAF]
        assert LEAF in answer.status.message
    finally:
        with observed(lab, name) as seen:
            freeze(lab, LEAF, signal.SIGCONT)
            seen.until(lambda states: states[-1][0] == "PROGRAMMED")
    assert lab.client.ports.update(short(lab.client, name), wait=NEVER).status.state == pb.State.PROGRAMMED


def test_a_wait_goes_on_while_the_switch_restarts_and_ends_when_it_is_filled(lab: CloudLab) -> None:
    name = port_at(lab, LEAF)
    kill(lab, LEAF)
    wish = moved(lab.client, name)
    with ThreadPoolExecutor(1) as pool, observed(lab, name) as seen:
        waiter = pool.submit(lab.client.ports.update, wish, wait=NEVER)
        seen.until(lambda states: states[-1] == ("PENDING", "SwitchAway", (LEAF,)))
        assert not waiter.done()
        restart(lab, LEAF)
        answer = waiter.result(2 * NEVER)
    assert answer.status.state == pb.State.PROGRAMMED
    assert f"arp_tpa={answer.addresses[2]}" in lab.network.flows(LEAF)
    assert lab.client.ports.update(short(lab.client, name), wait=NEVER).status.state == pb.State.PROGRAMMED


def test_a_deletion_waits_no_longer_than_it_was_asked_to(lab: CloudLab) -> None:
    name = port_at(lab, LEAF, "blue")
    port = lab.client.ports.get(name)
    kill(lab, LEAF)
    try:
        start = monotonic()
        lab.client.ports.delete(name, wait=0.5)
        assert monotonic() - start < NEVER
        assert name not in [port.name for port in lab.client.ports.list()]
    finally:
        restart(lab, LEAF)
        again = pb.Port(name=name, network=port.network, mac=port.mac, addresses=port.addresses, binding=port.binding)
        assert lab.client.ports.create(again, wait=NEVER).status.state == pb.State.PROGRAMMED
    lab.ready()
    assert lab.differences(4) == ""
