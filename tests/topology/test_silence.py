"""Ports that are up and not live: BFD, or whatever a switch has for it, found their cable silent."""

from dataclasses import replace

from test_state import kinds, network


def say(world, dpid, number, live):
    """A switch says whether a port, which is up, is live."""
    world.discovery.port_changed(dpid, replace(world.port(dpid, number), live=live), world.now)


def pairs(world):
    return {(link.a.dpid, link.b.dpid) for link in world.state.links()}


def test_a_link_with_a_port_that_is_not_live_is_none_until_it_is():
    world = network()
    world.state.take_changes()
    say(world, 3, 1, live=False)
    changes, records = world.state.take_changes()
    assert [(link.a.dpid, link.b.dpid) for link in changes.gone] == [(1, 3)]
    assert list(records.values()) == [None]
    assert pairs(world) == {(1, 2), (2, 3)}
    assert kinds(world) == ["SilentLink"], "the reason, and not that it is missing"
    (told,) = world.state.take_silence_changes()
    assert (told.silent, told.ends, told.at) == (True, ("leaf1:1-eth1", "spine1:3-eth1"), ("spine1:3-eth1",))

    world.run(1)
    say(world, 3, 1, live=True)
    assert pairs(world) == {(1, 2), (1, 3), (2, 3)}, "its probes were heard all the time"
    assert [change.silent for change in world.state.take_silence_changes()] == [False]
    assert kinds(world) == []


def test_both_ends_must_be_live_again():
    world = network()
    say(world, 3, 1, live=False)
    say(world, 1, 1, live=False)
    say(world, 3, 1, live=True)
    assert (1, 3) not in pairs(world)
    say(world, 1, 1, live=True)
    assert (1, 3) in pairs(world)


def test_a_return_without_probes_waits_for_them():
    world = network()
    world.unplug((3, 1))
    say(world, 3, 1, live=False)
    world.run(6)
    assert kinds(world) == ["MissingLink"]
    assert "spine1:3-eth1 hears nothing over its cable (BFD)" in world.state.faults()[0].message
    say(world, 3, 1, live=True)
    assert (1, 3) not in pairs(world)
    world.plug((1, 1), (3, 1))
    world.run(2)
    assert (1, 3) in pairs(world)


def test_a_link_that_falls_silent_again_and_again_is_damped():
    world = network()
    for _ in range(4):
        say(world, 3, 1, live=False)
        assert (1, 3) not in pairs(world)
        say(world, 3, 1, live=True)
        assert (1, 3) in pairs(world)
    assert [change.damped for change in world.state.take_damping_changes()] == [True]


def test_a_switch_that_calls_no_port_live_is_not_asked():
    world = network(switches=())
    for dpid in (1, 2, 3):
        ports = [replace(world.port(dpid, number), live=False) for number in range(1, 5)]
        world.up[dpid] = 4
        world.discovery.switch_up(dpid, ports, world.now)
    world.run(2)
    assert pairs(world) == {(1, 2), (1, 3), (2, 3)}
