"""The call that is being served, for what happens deep inside of it and belongs into its record."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from sdn.model.errors import SdnError
from sdn.security.access import LOCAL, Identity


class Call(Protocol):
    """What is known of a call."""

    identity: Identity

    def shown(self, error: SdnError) -> SdnError:
        """What the caller may know of an error."""
        ...

    def committed(self, revision: int) -> None:
        """What it wrote is durable; it may go on and wait for switches."""
        ...


current: ContextVar[Call | None] = ContextVar("current", default=None)


def committed(revision: int) -> None:
    """The write of this call is durable, with this revision of the store."""
    call = current.get()
    if call is not None:
        call.committed(revision)


def identity() -> Identity:
    """Who calls."""
    call = current.get()
    return call.identity if call is not None else LOCAL


def shown(error: SdnError) -> SdnError:
    """What the caller may know of an error."""
    call = current.get()
    return error if call is None else call.shown(error)
