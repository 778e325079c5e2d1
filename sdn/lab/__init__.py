"""Real switches for tests and demos, without root: private Open vSwitch processes with the dummy datapath.

Belongs here: starting and stopping private Open vSwitch instances (ovs), building a declared topology out of them
(network), reading what hosts receive (pcap), hosts that speak ARP, ND, ICMP, UDP and TCP (host), who reaches whom
(matrix), and sdnd as a process that can be killed (daemon).
Must not know: how the controller works. A lab is a network that any OpenFlow controller could drive, so that a test of
ours sees what a user's switch would see.

``host`` and ``matrix`` need scapy (the extra ``lab``) and are therefore not imported here.
"""

from sdn.lab.network import LabNetwork
from sdn.lab.ovs import LabError, PrivateOvs
from sdn.lab.stats import PortCounters

__all__ = ["LabError", "LabNetwork", "PortCounters", "PrivateOvs"]
