"""Hosts: where the ports of tenants are in the network, and what their packets tell of them.

Belongs here: bindings and iface-ids, announcements of shared addresses, learning mode.
Must not know: routes, connections.
"""
