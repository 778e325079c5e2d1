"""Desired against installed: what must be written to a switch, in which order, and what is confirmed.

Belongs here: the difference, the order of writes, adoption of what a switch holds already.
Must not know: how programs are made, sessions, sockets, objects and their status, clocks.
"""

from sdn.reconcile.sync import BATCH_LIMIT, TOGETHER, Adoption, SwitchSync

__all__ = ["BATCH_LIMIT", "TOGETHER", "Adoption", "SwitchSync"]
