"""Ways through the network: shortest-path DAGs, spreading over equal paths, and paths with reserved bandwidth.

Belongs here: algorithms over links. Everything is deterministic: equal inputs give equal results on every controller,
whatever the order in which links were found.
Must not know: how links are discovered, how next hops become flows, who asks, clocks, any I/O.

spf.py        shortest-path DAG per destination, updated incrementally
ecmp.py       which next hop fills which slot of a select group
admission.py  bandwidth ledger and constrained paths
"""

from sdn.routing.admission import Ledger, constrained_path
from sdn.routing.ecmp import slots
from sdn.routing.spf import ShortestPaths

__all__ = ["Ledger", "ShortestPaths", "constrained_path", "slots"]
