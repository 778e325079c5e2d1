"""One writer: events in, effects out. It performs no I/O; the adapters around it do.

Belongs here: what happens when (the order of things), programmed state, admission.
Must not know: sockets, gRPC, SQLite, clocks (time is an argument).

core.py, parts.py   the turn, and the parts that it calls with what they know of each other
events.py, effects.py, reader.py   what comes in, what goes out, what may be asked
errands.py          what probes are sent with, and what is seen of them
switches, hosts, convergence, connections, probes, questions   one room each; what each may know: docs/architecture.md
"""
