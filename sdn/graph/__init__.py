"""Topology files, generators, and the networkx graph that users and tools see.

Belongs here: reading topologies from YAML or making them from parameters, and turning declared or observed ones into
graphs. ``topologies`` in this package is a link to the directory of that name at the top of the repository; packages
built from it hold copies of the files, so they are found in a checkout and in an installation alike.
Must not know: switches, discovery, routing, the daemon. Of ours it imports only ``model``.

limits.py      how large, how deep, how named
quantities.py  "10G" and "5ms"
assembly.py    what makes a topology, whatever file its pieces come from
generators.py  fat-tree, torus, random-regular and others
yamlfile.py    YAML with lines           files.py    topologies in it
xmlfile.py     XML with lines            graphml.py  the Topology Zoo, yEd, networkx, ours
imported.py    names and distances       sndlib.py   SNDlib, with demands
load.py        NAME:key=value, zoo:NAME or a path
write.py       YAML, JSON, GraphML
export.py      networkx, both ways
labels.py, layout.py, dot.py, svg.py     drawings; drawing.py  of the network as it is
check.py       sizes and weak points     __main__.py  the command line
"""

from sdn.graph.export import from_networkx, to_networkx
from sdn.graph.files import assign_interfaces
from sdn.graph.load import known_topologies, load_topology

__all__ = ["assign_interfaces", "from_networkx", "known_topologies", "load_topology", "to_networkx"]
