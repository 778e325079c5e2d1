"""One writer: events in, effects out. It performs no I/O; the adapters around it do.

Belongs here: what happens when (the order of things), programmed state, admission.
Must not know: sockets, gRPC, SQLite, clocks (time is an argument).
"""
