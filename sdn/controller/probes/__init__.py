"""Probes of the data plane (docs/probes.md): sending them, knowing them again, and what follows from what they tell.

Belongs here: probes on their way, their times, connections verified.
Must not know: how paths are found, who asks.
"""
