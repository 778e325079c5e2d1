"""What a connection of the southbound side has that TLS may stand before."""

from __future__ import annotations

import asyncio

from sdn.model.ids import Dpid


class Secured(asyncio.Protocol):
    """bound: datapath ids that the peer's certificate permits, None without TLS; serial: of the certificate.

    ended: the connection takes nothing more.
    """

    def __init__(self) -> None:
        self.bound: frozenset[Dpid] | None = None
        self.serial = ""
        self.ended = False


def peer_of(transport: asyncio.BaseTransport) -> str:
    """The other end's address, for people."""
    host, port = (transport.get_extra_info("peername") or ("?", 0))[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
