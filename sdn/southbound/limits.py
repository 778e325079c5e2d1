"""How long and how much: every bound of the OpenFlow server in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, the defaults for a daemon; tests give shorter ones."""

    connections: int = 4096
    """Open connections, those in the handshake included; more are closed at once."""
    greetings: int = 1024
    """TLS greetings at a time; with more, the oldest of the address that has most of them is dropped."""
    hello_seconds: float = 5.0
    """From the connection to the features reply; with TLS also the time of its greeting."""
    handshake_seconds: float = 60.0
    """From the connection to the end of the read-back."""
    idle_seconds: float = 5.0
    """Silence after which an echo request is sent."""
    dead_seconds: float = 15.0
    """Silence after an echo request that ends the session."""
    probe_seconds: float = 2.0
    """An older session must show life within this when its datapath id connects once more."""
    reply_seconds: float = 60.0
    """Standstill of a batch or a read-back that ends the session."""
    packet_ins_per_second: float = 1000.0
    """Packet-ins of one session that are passed on, also the burst; more are dropped and counted."""
    refusals_seconds: float = 60.0
    """A refusal of the same peer for the same reason is told once in this time."""
    waiting_bytes: int = 1 << 20
    """A switch that takes nothing and asks for more answers than this is disconnected."""
