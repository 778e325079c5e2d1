"""Ports for daemons: nobody gets one by chance, and whoever names it may have it."""

from __future__ import annotations

import socket

import pytest

from sdn.lab.daemon import free_port


def test_a_port_that_was_given_is_kept_from_those_who_take_any() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == len(ports)
    for port in ports:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))  # the rules of any port: no address of somebody else


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_server_may_listen_at_a_port_that_was_given_again_and_again(host: str) -> None:
    port = free_port()
    for _ in range(2):
        with socket.create_server((host, port)), socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_preferred_port_is_given_unless_somebody_listens() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port
