"""Roles that concern some tenants alone: what their requests may name, and what answers say.

Rules: every name in a request must lie within the caller's tenants, whatever field it is in; that is decided before
anything is looked up, so a refusal says nothing of what exists. Where a request may ask for all tenants, a caller with
one tenant is answered for that one, and others are told to name one. Where a port is plugged in, and which switches and
links a path takes, is the network's business: such a caller may repeat what is stored, and not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sdn.model.errors import PermissionDenied, Refused, SdnError, Violation
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb

_FREE = ("metadata", "status", "options", "update_mask")
"""Fields that may hold any text, or that the daemon does not read."""
_TOP = ("name", "parent", "object", "deletes")
"""Fields of a request that hold names; within objects it is ``name``."""
_HARMLESS = ("", "Unbound", "Starting", "Deleted")
"""Reasons of a status whose message names neither switches nor links nor objects of others."""
MAX_REQUEST_ID = 128
Stored = Callable[[str], Any]
"""The stored object of a full name as its message, None if there is none."""
_NETWORKS_OWN = {
    "Port": ("binding", "migration_target"),
    "Connection": tuple(
        f"constraints.{name}"
        for name in (
            *(f"{word}_{what}" for word in ("exclude", "include") for what in ("switches", "links", "risk_groups")),
            "via",
            "explicit_path",
        )
    ),
}
"""Fields of objects that say where in the network something is."""
_SHOWN = ("state", "reason", "message", "conditions")
"""Of a status; what else there is, or will be, is left out."""


class Scope:
    """The tenants of a caller, ids. stored: what there is, asked for the caller's own objects alone."""

    def __init__(self, tenants: tuple[str, ...], stored: Stored) -> None:
        self._tenants = tenants
        self._stored = stored

    def check(self, request: Any) -> None:
        """Raises PermissionDenied unless all that is named is the caller's; restricts a list to its one tenant."""
        fields = request.DESCRIPTOR.fields_by_name
        if "parent" in fields:
            self._restrict(request, "parent", "tenants/-")
        elif "object" in fields:
            self._restrict(request, "object", "")
        if isinstance(request, cpb.WatchCountersRequest) and not request.kinds:
            request.kinds.extend((cpb.PORTS, cpb.NETWORKS, cpb.CONNECTIONS))
        if getattr(request, "switch", "") or cpb.LINKS in _counted(request):
            remedy = "Ask for what belongs to your tenants."
            raise PermissionDenied.of(
                "switch" if request.switch else "kind", "switches and links are not yours", remedy
            )
        names = list(_names(request, ""))
        if not names:
            raise PermissionDenied.of("", "not restricted to your tenants", f"Ask for {self._words()} by name.")
        for field, name in names:
            self._check_name(field, name)
        for field, resource in _resources(request):
            self._check_resource(field, resource, request)

    def own_request_id(self, request: Any, name: str) -> None:
        """Request ids of a tenant are a space of their own: nobody finds out about, or takes, those of others."""
        options: Any = getattr(request, "options", None)
        given: str = options.request_id if options is not None else ""
        if given and len(given) <= MAX_REQUEST_ID and given.isprintable():  # else the store refuses it
            who = "\0".join((name, *self._tenants, given))
            options.request_id = f"~{blake2b(who.encode(errors='replace'), digest_size=24).hexdigest()}"

    def redact(self, answer: Message) -> None:
        """Take out of an answer where in the network things are, and what concerns others."""
        if isinstance(answer, epb.Event | epb.ListEventsResponse):
            for event in answer.events if isinstance(answer, epb.ListEventsResponse) else [answer]:
                event.ClearField("message")
                event.ClearField("details")
            return
        if isinstance(answer, spb.ApplyResponse):
            answer.ClearField("switches")
            answer.ClearField("switches_unknown")
        for status in _statuses(answer):
            for field in status.DESCRIPTOR.fields:
                if field.name not in _SHOWN:
                    status.ClearField(field.name)
            for said in (status, *status.conditions):
                if said.reason not in _HARMLESS:
                    said.ClearField("message")

    def shown(self, error: SdnError) -> SdnError:
        """An error without links and switches."""
        if not isinstance(error, Refused):
            return error
        remedy = "Ask for less bandwidth or fewer constraints, or ask an administrator."
        fields = dict.fromkeys(violation.field for violation in error.violations)
        return Refused(*(Violation(field, "the network has no room for it", remedy) for field in fields))

    def _restrict(self, request: Any, field: str, all_of_them: str) -> None:
        if getattr(request, field) != all_of_them:
            return
        if len(self._tenants) > 1:
            raise PermissionDenied.of(field, "not given for one tenant", f"Give one of {self._words()}.")
        setattr(request, field, f"tenants/{self._tenants[0]}")

    def _words(self) -> str:
        return ", ".join(f"tenants/{tenant}" for tenant in self._tenants)

    def _inside(self, name: str) -> bool:
        parts = name.split("/")
        return len(parts) > 1 and parts[0] == "tenants" and parts[1] in self._tenants

    def _check_name(self, field: str, name: str) -> None:
        if not self._inside(name):
            raise PermissionDenied.of(field, "not within your tenants", f"Name what belongs to {self._words()}.")

    def _check_resource(self, field: str, resource: Any, request: Any) -> None:
        if isinstance(resource, pb.Tenant):
            remedy = "Leave the tenant itself to an administrator."
            raise PermissionDenied.of(field, "a tenant cannot be written by its members", remedy)
        if isinstance(resource, pb.Connection) and any(":" in end for end in _ends_of(resource)):
            known = self._stored(resource.name)
            if known is None or _ends_of(known) != _ends_of(resource):
                remedy = "Connect ports, or ask an administrator for a circuit."
                raise PermissionDenied.of(f"{field}.a", "interfaces of switches are not yours", remedy)
        own = [path for path in _NETWORKS_OWN.get(resource.DESCRIPTOR.name, ()) if _replaces(request, path)]
        if not own:
            return
        stored = self._stored(resource.name) or type(resource)()
        for path in own:
            if _value(resource, path) != _value(stored, path):
                remedy = "Leave it as it is; this is for administrators and the control plane."
                raise PermissionDenied.of(f"{field}.{path}", "where in the network is not yours to change", remedy)


def _ends_of(connection: pb.Connection) -> list[str]:
    return [connection.a, connection.b, *connection.sources, "", *connection.targets]


def _counted(request: Any) -> Iterable[int]:
    """Kinds of counters that are asked for."""
    if isinstance(request, cpb.ListCountersRequest):
        return (request.kind,)
    return request.kinds if isinstance(request, cpb.WatchCountersRequest) else ()


def _value(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = getattr(message, name)
    return message


def _replaces(request: Any, path: str) -> bool:
    """Whether a write changes this field of its object. An update may name the fields that it replaces."""
    if "update_mask" not in request.DESCRIPTOR.fields_by_name:
        return True
    masks = list(request.update_mask.paths)
    covers = (mask == "*" or f"{path}.".startswith(f"{mask}.") or mask.startswith(f"{path}.") for mask in masks)
    return not masks or any(covers)


def _names(message: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of all fields that say which objects are meant, and of all full names elsewhere."""
    descriptor = message.DESCRIPTOR
    for field in descriptor.fields:
        if field.name in _FREE or (field.message_type and field.message_type.GetOptions().map_entry):
            continue
        where = f"{path}.{field.name}" if path else field.name
        values = getattr(message, field.name) if field.is_repeated else [getattr(message, field.name)]
        for index, value in enumerate(values):
            at = f"{where}[{index}]" if field.is_repeated else where
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                if field.is_repeated or message.HasField(field.name):
                    yield from _names(value, at)
            elif field.type == FieldDescriptor.TYPE_STRING and (
                (field.name in _TOP if not path else field.name == "name" and "status" in descriptor.fields_by_name)
                or value.startswith("tenants/")
            ):
                yield at, value


def _resources(request: Any) -> Iterator[tuple[str, Any]]:
    """(path, object) of all objects that a request writes."""
    if request.DESCRIPTOR.name == "ApplyRequest":
        for index, member in enumerate(request.resources):
            which = member.WhichOneof("kind")
            if which is not None:
                yield f"resources[{index}].{which}", getattr(member, which)
        for index, name in enumerate(request.deletes):
            if name.count("/") == 1:
                yield f"deletes[{index}]", pb.Tenant(name=name)
    else:
        for field, value in request.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE and "status" in field.message_type.fields_by_name:
                yield field.name, value


def _statuses(message: Any) -> Iterator[Any]:
    if isinstance(message, pb.Status):
        yield message
        return
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else [value]:
                yield from _statuses(part)
