"""The gRPC services: requests to transactions, what is known to answers.

Belongs here: protobuf ⇄ model, field paths and status codes of errors, paging, field masks, the server itself.
Must not know: what is a valid wish beyond its form (the store knows), switches, programs. It reaches the daemon only
through ``sdn.controller.reader.Backend``, and to its backups through ``admin.Keeper``.

server.py     start, stop, health, reflection
rpc.py        from a method of a service to its handler: decoding, errors, streams
errors.py     SdnError to gRPC status with google.rpc details
details.py    these details: users, objects, limits, when to try again
check.py      forms of single values
kinds.py      the six kinds, message ⇄ model
answers.py    status, topology and system as messages
paths.py      names of fields: model to request
writes.py     options of writes, etags, field masks
paging.py     page sizes and page tokens
objects.py    the service of a kind
apply.py      ApplyService
plans.py      what a dry run found
views.py      TopologyService and SystemService
events.py     EventService
counters.py   CounterService
metering.py   counts calls
admin.py      AdminService: backups
access.py     AccessService: who the caller is
guard.py      the door: who calls, whether it may, and the audit log
policy.py     what every method needs and every role has
scope.py      what roles with tenants may name and see
visit.py      one call that was let in
calls.py      the call that is being served
tracing.py    TraceService
"""

import os

# Before gRPC is imported: the daemon makes copies of its process for dry runs, and gRPC would start threads in them.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from sdn.northbound.server import DEFAULT_ADDRESS, Server

__all__ = ["DEFAULT_ADDRESS", "Server"]
