"""Experiments in Mininet: a declared topology with real packets, driven by sdnd through its public API.

Belongs here: booting the network (network), what runs in a host (agent, agents), the daemon as a process (daemon), who
should reach whom (intent), who does (matrix), and the whole as one context manager (lab).
Must not know: anything inside the daemon. It starts ``python -m sdn.app`` and uses ``sdn.client`` and ``sdn.graph``.

Rules: everything that was made is taken away by its own name or process id, never by ``mn -c``, which ends programs and
deletes bridges of others. No exception leaves while Mininet's objects live, for the same reason.
"""
