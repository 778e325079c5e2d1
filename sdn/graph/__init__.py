"""Topology files, generators, and the networkx graph that users and tools see.

Belongs here: reading topologies from YAML or making them from parameters, and turning declared or observed ones into
graphs. ``topologies`` in this package is a link to the directory of that name at the top of the repository; packages
built from it hold copies of the files, so they are found in a checkout and in an installation alike.
Must not know: switches, discovery, routing, the daemon. Of ours it imports only ``model``.

quantities.py  "10G" and "5ms"
generators.py  leaf-spine, fat-tree, ring, linear
files.py       YAML topologies
zoo.py         GraphML of the Internet Topology Zoo to YAML
load.py        NAME:key=value, zoo:NAME or a path
export.py      networkx
"""

from sdn.graph.export import to_networkx
from sdn.graph.files import assign_interfaces
from sdn.graph.load import known_topologies, load_topology

__all__ = ["assign_interfaces", "known_topologies", "load_topology", "to_networkx"]
