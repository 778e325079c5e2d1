"""Convergence: from the network as it is to the routes and repair trees of switches, so that no packet loops or is lost
on the way (docs/convergence.md).

Belongs here: versions and epochs of routes, orders of writing, repair trees, links that come and go, adoption.
Must not know: connections, tenants, probes.
"""
