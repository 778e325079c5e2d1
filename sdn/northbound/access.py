"""AccessService: who the daemon takes a caller for."""

from __future__ import annotations

import grpc
from google.protobuf.message import Message

from sdn.northbound import answers, calls, rpc
from sdn.northbound.rpc import Context
from sdn.v1 import access_pb2 as pb


class AccessService:
    """AccessService of the API."""

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        return rpc.handler(pb.DESCRIPTOR.services_by_name["AccessService"], {"WhoAmI": self.whoami})

    async def whoami(self, request: pb.WhoAmIRequest, context: Context) -> Message:
        """Name, role and tenants of the caller."""
        identity = calls.identity()
        subject = identity.subject
        response = pb.WhoAmIResponse(
            name=subject.name,
            role=subject.role,
            tenants=[f"tenants/{tenant}" for tenant in subject.tenants],
            source=pb.IdentitySource.Value(identity.source.upper()),
            key=identity.key,
        )
        if identity.expires is not None:
            response.expire_time.CopyFrom(answers.timestamp(identity.expires))
        return response
