"""Frozen values shared by every room of the house.

Belongs here: names, intent, topology, routes, the switch program, status and errors.
Must not know: any other package of ours, any library, any I/O, any clock.
"""
