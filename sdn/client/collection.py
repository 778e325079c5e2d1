"""The objects of one kind, as the blocking client has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, Protocol

import grpc

from sdn.client import call
from sdn.client.call import PAGE_SIZE, M
from sdn.client.kinds import KindInfo
from sdn.client.streams import Watch

_List = list  # the accessors have a method of that name


class Caller(Protocol):
    """What the client is for its collections: it calls methods, and raises ApiError where they fail."""

    channel: grpc.Channel
    address: str

    def invoke(self, method: Any, request: Any, wait: float = 0.0) -> Any:
        """The answer of a method."""


class Collection(Generic[M]):
    """The objects of one kind. All methods raise ApiError.

    wait: seconds to wait until the object is programmed (its status says how far it came); request_id: at most 128
    characters, makes a repeated request answer the first one's result.
    """

    def __init__(self, client: Caller, info: KindInfo) -> None:
        self._client = client
        self._stub = info.stub(client.channel)
        self.info = info

    def _call(self, verb: str, request: Any, wait: float = 0.0) -> Any:
        plural = "s" if verb == "List" else ""
        return self._client.invoke(getattr(self._stub, f"{verb}{self.info.kind}{plural}"), request, wait)

    def get(self, name: str) -> M:
        """The object of a full name."""
        found: M = self._call("Get", call.request(self.info, "Get", name=name))
        return found

    def iterate(self, parent: str = "", page_size: int = PAGE_SIZE, selector: str = "") -> Iterator[M]:
        """All objects by name, fetched page by page. parent: ``tenants/T``, '' for all tenants.

        selector: labels that they must have, as ``env=prod,tier!=web``.
        """
        token = ""
        while True:
            fields = {"parent": parent, "page_size": page_size, "page_token": token, "filter": selector}
            page = self._call("List", call.request(self.info, "List", **fields))
            yield from getattr(page, self.info.collection)
            token = page.next_page_token
            if not token:
                return

    def list(self, parent: str = "", selector: str = "") -> _List[M]:
        """All objects by name; parameters as in ``iterate``."""
        return list(self.iterate(parent, selector=selector))

    def create(self, resource: M, *, wait: float = 0.0, request_id: str = "") -> M:
        """Add an object; returns it as stored."""
        request = call.request(self.info, "Create", resource=resource, options=call.options(wait, request_id))
        created: M = self._call("Create", request, wait)
        return created

    def update(self, resource: M, *, mask: Iterable[str] | None = None, wait: float = 0.0, request_id: str = "") -> M:
        """Replace the fields named by ``mask`` (all if None); refused if ``metadata.etag`` is given and not current."""
        request = call.update_request(self.info, resource, mask, wait, request_id)
        updated: M = self._call("Update", request, wait)
        return updated

    def delete(self, name: str, *, etag: str = "", wait: float = 0.0, request_id: str = "") -> None:
        """Remove an object."""
        options = call.options(wait, request_id)
        self._call("Delete", call.request(self.info, "Delete", name=name, etag=etag, options=options), wait)

    def watch(self, parent: str = "", selector: str = "", from_revision: int = 0, *, synced: bool = False) -> Watch[M]:
        """Every existing object as ADDED, or what came after a revision, then each change, without end.

        synced: give also the changes of type SYNCED, which only tell that everything up to a revision was told.
        """
        fields = {"parent": parent, "filter": selector, "from_revision": from_revision}
        stream = getattr(self._stub, f"Watch{self.info.kind}s")(call.request(self.info, "Watch", **fields))
        return Watch(stream, self.info.singular, self._client.address, synced)
