"""Switches: their sessions, what each has confirmed, and what is read back from them.

Belongs here: the fleet, confirmations and who waits for them, audits, BFD, wiring faults.
Must not know: why a switch is given what it is given.
"""
