"""Observed state: which switches, ports and links there are, and where they differ from what was declared.

Belongs here: LLDP probes, the discovery of links from them and from port status, and the union with a declared
topology that routing works on. Time (seconds of any monotonic clock) and randomness are arguments.
Must not know: OpenFlow messages, intent, routing, how records are kept, clocks, any I/O.

lldp.py       signed probes as bytes
flights.py    probes under way
pathprobe.py  what a probe of the data plane carries
adjacency.py  who hears whom
links.py      who hears whom and which ports are hosts', together
hosts.py      ports at which a host is known to be
inventory.py  switches and ports
schedule.py   when which port is probed
discovery.py  links from probes and port status
damping.py    links that come and go
silence.py    links that carry nothing while their ports are up
latency.py    how long frames take
maintenance.py   what operators say about links and switches
records.py    links as text, to survive a restart
declared.py   comparison with a declared topology
linkstate.py  a link as people see it
state.py      the whole: names, ports, links for routing, wiring faults
"""

from sdn.topology.adjacency import End
from sdn.topology.damping import DampingChange, DampingRule
from sdn.topology.discovery import Discovery, Reject
from sdn.topology.silence import SilenceChange
from sdn.topology.state import PENALTY, TopologyState

__all__ = ["PENALTY", "DampingChange", "DampingRule", "Discovery", "End", "Reject", "SilenceChange", "TopologyState"]
