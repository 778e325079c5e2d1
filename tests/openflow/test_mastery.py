"""Whose a switch is: what the handshake asks, claims and refuses, without a switch."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.openflow import AnotherMaster, Claim, Handshake, ProtocolError, State, decode, wire
from sdn.openflow.messages import Error, Features, Hello, RoleReply

NUMBERS = st.integers(0, (1 << 64) - 1)
IDENTITIES = st.integers(0, (1 << 32) - 1)


def identified(claim: Claim | None) -> Handshake:
    handshake = Handshake(claim)
    handshake.begin()
    handshake.receive(Hello(4, None))
    handshake.receive(Features(2, 7, 0, 254))
    return handshake


def asked(message: bytes) -> tuple[int, int, int]:
    """(xid, role, generation) of a role request."""
    version, type_, length, xid, role, generation = struct.unpack("!BBHII4xQ", message)
    assert (version, type_, length) == (4, 24, 24)
    return xid, role, generation


def test_a_new_switch_is_asked_claimed_and_then_read() -> None:
    handshake = identified(Claim(5))
    xid, role, _ = asked(handshake.accept())
    assert role == wire.ROLE_NOCHANGE
    xid, role, generation = asked(handshake.receive(RoleReply(xid, 1, wire.UNCLAIMED)))
    assert (role, generation) == (wire.ROLE_MASTER, 1 << 32 | 5)
    read = handshake.receive(RoleReply(xid, wire.ROLE_MASTER, generation))
    assert handshake.state is State.READING
    assert read == identified(None).accept()


def test_the_switch_of_another_is_asked_and_not_written_to() -> None:
    handshake = identified(Claim(5))
    xid, _, _ = asked(handshake.accept())
    with pytest.raises(AnotherMaster, match="another controller is its master"):
        handshake.receive(RoleReply(xid, 1, 3 << 32 | 6))


def test_a_claim_that_comes_too_late_is_refused() -> None:
    handshake = identified(Claim(5))
    xid, _, _ = asked(handshake.accept())
    xid, _, _ = asked(handshake.receive(RoleReply(xid, 1, wire.UNCLAIMED)))
    with pytest.raises(AnotherMaster):
        handshake.receive(Error(xid, 11, 0, b""))


@pytest.mark.parametrize("code", [(1, 1), (11, 1), (1, 5)])
def test_a_switch_without_roles_is_read_as_it_is(code: tuple[int, int]) -> None:
    handshake = identified(Claim(5))
    xid, _, _ = asked(handshake.accept())
    handshake.receive(Error(xid, *code, b""))
    assert handshake.state is State.READING


def test_a_claim_is_only_good_with_the_role_of_master() -> None:
    handshake = identified(Claim(5))
    xid, _, _ = asked(handshake.accept())
    xid, _, generation = asked(handshake.receive(RoleReply(xid, 1, wire.UNCLAIMED)))
    with pytest.raises(ProtocolError, match="role 3"):
        handshake.receive(RoleReply(xid, 3, generation))


def test_role_replies_are_decoded() -> None:
    reply = struct.pack("!BBHII4xQ", 4, 25, 24, 9, 2, 77)
    assert decode(reply) == RoleReply(9, 2, 77)
    with pytest.raises(ProtocolError):
        decode(struct.pack("!BBHII", 4, 25, 16, 9, 2) + bytes(0))


@given(NUMBERS, IDENTITIES)
def test_what_is_claimed_is_its_own_afterwards_and_newer_for_the_switch(known: int, identity: int) -> None:
    claimed = Claim(identity, take_over=True).generation(known)
    assert claimed is not None
    if known != wire.UNCLAIMED:
        assert (claimed - known) % (1 << 64) < 1 << 63
    assert Claim(identity).generation(claimed) in (claimed, 1 << 32 | identity)
    other = Claim(identity ^ 1).generation(claimed)
    assert other is None or claimed == wire.UNCLAIMED


@given(NUMBERS, IDENTITIES)
def test_only_what_is_new_or_its_own_is_claimed(known: int, identity: int) -> None:
    claimed = Claim(identity).generation(known)
    assert (claimed is None) == (known != wire.UNCLAIMED and known & 0xFFFFFFFF != identity)
