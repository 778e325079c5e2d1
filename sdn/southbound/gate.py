"""TLS for switches and their databases: the greeting, before there is a session.

Rules: a peer without a certificate of the authority never becomes a session. Greetings have a deadline, and their
number is bounded; one address cannot take the places of all others. What a switch sends right behind its greeting is
kept for its session.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from cryptography import x509

from sdn.security.authority import subject_in
from sdn.security.tls import TlsFiles
from sdn.southbound.secured import Secured, peer_of

_MAX_EARLY = 1 << 16


class GreetingLimits(Protocol):
    """Bounds of greetings."""

    @property
    def greetings(self) -> int:
        """At a time."""
        ...

    @property
    def hello_seconds(self) -> float:
        """For one of them."""
        ...


class Gate:
    """tls: certificate and authority; barred: whether a serial number (hexadecimal) is; refused: (peer, reason)."""

    def __init__(
        self,
        tls: TlsFiles,
        make: Callable[[], Secured],
        refused: Callable[[str, str], None],
        barred: Callable[[str], bool],
        limits: GreetingLimits,
    ) -> None:
        self.tls = tls
        self.context = tls.context()
        self.make = make
        self.refused = refused
        self.barred = barred
        self.limits = limits
        self.greetings: dict[Greeting, str] = {}
        """By age, the oldest first, with the address of the peer."""

    def __call__(self) -> Greeting:
        """The protocol of a new connection."""
        if self.tls.renewed() is not None:
            self.tls.fill(self.context)
        return Greeting(self)

    def begins(self, greeting: Greeting, address: str) -> None:
        """One more; if there are too many, one of whoever has most is dropped."""
        self.greetings[greeting] = address
        if len(self.greetings) > self.limits.greetings:
            greedy = Counter(self.greetings.values()).most_common(1)[0][0]
            next(one for one, whose in self.greetings.items() if whose == greedy).end()

    def close(self) -> None:
        """End all that are not through yet."""
        for greeting in list(self.greetings):
            greeting.end()


class Greeting(asyncio.Protocol):
    """One connection until TLS is done."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._early = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._peer = "?"
        self._through = self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the greeting."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = peer_of(transport)
        self._task = asyncio.get_running_loop().create_task(self._greet())
        self._gate.begins(self, self._peer.rpartition(":")[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Between the end of the greeting and the beginning of the session."""
        self._lost = True

    def data_received(self, data: bytes) -> None:
        """Of the switch, when TLS is done and its session is about to begin."""
        self._early += data
        if len(self._early) > _MAX_EARLY:
            self._transport.abort()

    def end(self) -> None:
        """Break off."""
        if self._task is not None:
            self._task.cancel()

    async def _greet(self) -> None:
        gate, loop = self._gate, asyncio.get_running_loop()
        try:
            made = await loop.start_tls(
                *(self._transport, self, gate.context),
                server_side=True,
                ssl_handshake_timeout=gate.limits.hello_seconds,
                ssl_shutdown_timeout=gate.limits.hello_seconds,
            )
            if made is None or self._lost:
                raise ConnectionError("the connection was closed")
            self._begin(made)
        except (OSError, TimeoutError) as error:
            gate.refused(self._peer, f"TLS failed: {_words(error)}")
        finally:
            self._gate.greetings.pop(self, None)
            if not self._through:
                self._transport.abort()

    def _begin(self, transport: asyncio.Transport) -> None:
        held: ssl.SSLObject = transport.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(held.getpeercert(True) or b"")
        serial = f"{certificate.serial_number:x}"
        if self._gate.barred(serial):
            raise ConnectionError(f"the certificate {serial} is revoked")
        session = self._gate.make()
        session.bound = frozenset(subject_in(certificate).switches)
        session.serial = serial
        self._through = True
        transport.set_protocol(session)
        session.connection_made(transport)
        if self._early and not session.ended:
            session.data_received(bytes(self._early))


def _words(error: Exception) -> str:
    """What went wrong, for people."""
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        detail = getattr(error, "verify_message", "")
        return f"{reason}: {detail}" if detail else reason
    return str(error) or type(error).__name__
