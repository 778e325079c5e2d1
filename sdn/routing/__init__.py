"""Ways through the network: shortest-path DAGs, and paths with reserved bandwidth.

Belongs here: algorithms over links. Everything is deterministic: equal inputs give equal results on every controller,
whatever the order in which links were found.
Must not know: how links are discovered, how next hops become flows, who asks, clocks, any I/O.

spf.py        shortest-path DAG per destination, updated incrementally (dags.py, _dags.c)
transition.py which switches may take new next hops at once, in any order
repair.py     red and blue repair trees per destination (blocks.py, redundant.py)
coverage.py   which failures switches survive with what they hold
paths.py      all shortest paths between two switches
admission.py  bandwidth ledger
mesh.py       the links as searches see them, with what is free on each
bounded.py    the best path that satisfies a request
pairs.py      two paths that share nothing
kpaths.py     all paths that satisfy a request, the best first
finder.py     these for requests, or why there is none and what would be possible instead
"""

from sdn.routing.admission import Ledger
from sdn.routing.finder import Finder
from sdn.routing.repair import RepairTrees
from sdn.routing.spf import ShortestPaths

__all__ = ["Finder", "Ledger", "RepairTrees", "ShortestPaths"]
