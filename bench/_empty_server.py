"""A grpc.aio server whose only method does nothing, for comparison. Prints its port; ends when its input ends."""

from __future__ import annotations

import asyncio
import sys

import grpc.aio

METHOD = ("sdn.bench.Empty", "Call")


async def _answer(request: bytes, context: object) -> bytes:
    return b""


async def serve() -> None:
    """Until standard input is closed."""
    server = grpc.aio.server()
    service, method = METHOD
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(_answer)})
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve())
