"""The kinds of objects of the API: their words, messages and services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2_grpc as rpc

AnyObject = pb.Tenant | pb.Network | pb.Subnet | pb.Router | pb.Port | pb.Connection


@dataclass(frozen=True, slots=True)
class KindInfo:
    """One kind. kind: ``Port``; singular: its field in requests, ``port``; collection: ``ports``, as in names."""

    kind: str
    message: type[AnyObject]
    stub: Callable[[Any], Any]

    @property
    def singular(self) -> str:
        """The word in fields of messages."""
        return self.kind.lower()

    @property
    def collection(self) -> str:
        """The word in resource names and list responses."""
        return self.kind.lower() + "s"

    @property
    def in_tenant(self) -> bool:
        """Whether names are ``tenants/T/COLLECTION/ID``; only tenants themselves are not inside one."""
        return self.message is not pb.Tenant


KINDS: dict[str, KindInfo] = {
    info.kind: info
    for info in (
        KindInfo("Tenant", pb.Tenant, rpc.TenantServiceStub),
        KindInfo("Network", pb.Network, rpc.NetworkServiceStub),
        KindInfo("Subnet", pb.Subnet, rpc.SubnetServiceStub),
        KindInfo("Router", pb.Router, rpc.RouterServiceStub),
        KindInfo("Port", pb.Port, rpc.PortServiceStub),
        KindInfo("Connection", pb.Connection, rpc.ConnectionServiceStub),
    )
}
"""By the word used in manifests, in an order in which objects can be created one by one."""

_BY_MESSAGE = {info.message: info for info in KINDS.values()}
_BY_COLLECTION = {info.collection: info for info in KINDS.values()}


def kind_of(message: AnyObject) -> KindInfo:
    """The kind of an object."""
    return _BY_MESSAGE[type(message)]


def kind_of_name(name: str) -> KindInfo:
    """The kind that a full resource name tells; raises ValueError when it has no such form."""
    parts = name.split("/")
    if len(parts) == 2 and parts[0] == "tenants":
        return KINDS["Tenant"]
    if len(parts) == 4 and parts[0] == "tenants" and parts[2] in _BY_COLLECTION and parts[2] != "tenants":
        return _BY_COLLECTION[parts[2]]
    raise ValueError(f"{name[:300]!r} is not a resource name. Write tenants/T or tenants/T/COLLECTION/ID.")


def wrap(message: AnyObject) -> pb.Resource:
    """The object as a member of a manifest."""
    resource = pb.Resource()
    getattr(resource, kind_of(message).singular).CopyFrom(message)
    return resource


def unwrap(resource: pb.Resource) -> AnyObject:
    """The object in a member of a manifest; raises ValueError when there is none."""
    which = resource.WhichOneof("kind")
    if which is None:
        raise ValueError("the resource is empty. Set one of its kinds.")
    message: AnyObject = getattr(resource, which)
    return message
