"""How a client shows who it is, and makes sure whom it speaks with: TLS files and tokens.

Rules: a token never leaves the machine unencrypted. Everything else that is wrong is told by the daemon.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import grpc
import grpc.aio

from sdn.client.call import CHANNEL_OPTIONS

_MAX_BYTES = 2**20
_HOST = re.compile(r"(?:\[([^\]]+)\]|([^:]+)):\d+")
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Credentials:
    """tls: whether to encrypt; ca: authorities of the daemon, PEM, None for those of the system.

    certificate, key: of the client, PEM. token: sent with every call. server_name: what the daemon's certificate must
    say, if not the address.
    """

    tls: bool = False
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    token: str = ""
    server_name: str = ""

    @classmethod
    def load(
        cls,
        *,
        tls_ca: str = "",
        tls_cert: str = "",
        tls_key: str = "",
        token: str = "",
        token_file: str = "",
        server_name: str = "",
    ) -> Self:
        """From files; tls_ca may be 'system'. Raises ValueError with what is wrong and the remedy."""
        if bool(tls_cert) != bool(tls_key):
            raise ValueError("tls-cert and tls-key belong together. Give both or none.")
        if tls_cert and not tls_ca:
            raise ValueError("tls-ca is not given. Name the authority of the daemon, or 'system'.")
        if token and token_file:
            raise ValueError("both a token and a file of one are given. Give one of them.")
        if token_file:
            token = _read(token_file, "token-file").decode("ascii", "replace").strip()
        if token and (not token.isascii() or not token.isprintable() or " " in token or len(token) > 4096):
            raise ValueError("token: this is no token. Give what sdnctl tokens new printed.")
        return cls(
            bool(tls_ca),
            _read(tls_ca, "tls-ca") if tls_ca not in ("", SYSTEM) else None,
            _read(tls_cert, "tls-cert") if tls_cert else None,
            _read(tls_key, "tls-key") if tls_key else None,
            token,
            server_name,
        )

    def __repr__(self) -> str:
        return f"Credentials(tls={self.tls}, certificate={self.certificate is not None}, token={bool(self.token)})"


def channel(address: str, credentials: Credentials | None) -> grpc.Channel:
    """A blocking channel; raises ValueError when a token would be sent in the clear."""
    found = credentials or Credentials()
    options, secret = _options(address, found)
    made = (
        grpc.insecure_channel(address, options=options)
        if secret is None
        else grpc.secure_channel(address, secret, options=options)
    )
    return grpc.intercept_channel(made, _Bearer(found.token)) if found.token else made


def aio_channel(address: str, credentials: Credentials | None) -> grpc.aio.Channel:
    """The same for asyncio."""
    found = credentials or Credentials()
    options, secret = _options(address, found)
    inside = [kind(found.token) for kind in (_AioUnary, _AioStream, _AioSending)] if found.token else None
    if secret is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=inside)
    return grpc.aio.secure_channel(address, secret, options=options, interceptors=inside)


def is_local(address: str) -> bool:
    """Whether an address is on this machine."""
    match = _HOST.fullmatch(address)
    host = (match[1] or match[2]) if match else ""
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _options(address: str, found: Credentials) -> tuple[Any, grpc.ChannelCredentials | None]:
    if not found.tls:
        if found.token and not is_local(address):
            raise ValueError(f"the token would go to {address} unencrypted. Give tls-ca, the authority of the daemon.")
        return CHANNEL_OPTIONS, None
    name = (("grpc.ssl_target_name_override", found.server_name),) if found.server_name else ()
    secret = grpc.ssl_channel_credentials(found.ca, found.key, found.certificate)
    return (*CHANNEL_OPTIONS, *name), secret


def _read(path: str, field: str) -> bytes:
    try:
        with Path(path).expanduser().open("rb") as source:
            data = source.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{field}: cannot read {path}: {error.strerror}. Name a file that you may read.") from None
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{field}: {path} is larger than {_MAX_BYTES} bytes. Name the right file.")
    return data


class _Adding:
    """Adds the token to the metadata of a call."""

    def __init__(self, token: str) -> None:
        self._pair = ("authorization", f"Bearer {token}")

    def details(self, details: Any) -> Any:
        """The call's details with it."""
        return details._replace(metadata=grpc.aio.Metadata(*(details.metadata or ()), self._pair))


class _Details(grpc.ClientCallDetails):
    def __init__(self, before: Any, pair: tuple[str, str]) -> None:
        self.method = before.method
        self.timeout = before.timeout
        self.metadata = (*(before.metadata or ()), pair)
        self.credentials = before.credentials
        self.wait_for_ready = before.wait_for_ready
        self.compression = before.compression


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """The token on every call of a blocking channel."""

    def __init__(self, token: str) -> None:
        self._pair = ("authorization", f"Bearer {token}")

    def _go(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        return continuation(_Details(details, self._pair), request)

    intercept_unary_unary: Any = _go
    intercept_unary_stream: Any = _go
    intercept_stream_unary: Any = _go
    intercept_stream_stream: Any = _go


class _AioUnary(_Adding, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.details(client_call_details), request)


class _AioStream(_Adding, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.details(client_call_details), request)


class _AioSending(_Adding, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(self.details(client_call_details), request_iterator)
