"""Connections: what is asked for, which paths it gets, and how traffic is brought onto them without losing a packet.

Belongs here: admission, the ledger's holders, displacement, calendars, steering, legs, what is kept over a restart.
Must not know: routes by destination (``convergence``), probes, who asks.
"""
