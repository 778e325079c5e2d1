"""Ways through the network: shortest-path DAGs, and paths with reserved bandwidth.

Belongs here: algorithms over links. Everything is deterministic: equal inputs give equal results on every controller,
whatever the order in which links were found.
Must not know: how links are discovered, how next hops become flows, who asks, clocks, any I/O.

spf.py        shortest-path DAG per destination, updated incrementally (dags.py, _dags.c)
paths.py      all shortest paths between two switches
admission.py  bandwidth ledger and constrained paths
"""

from sdn.routing.admission import Ledger, constrained_path
from sdn.routing.paths import shortest_paths
from sdn.routing.spf import ShortestPaths

__all__ = ["Ledger", "ShortestPaths", "constrained_path", "shortest_paths"]
