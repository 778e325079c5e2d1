"""What becomes of a packet: programs of switches, carried out on paper.

Belongs here: header fields of a frame and back (packet.py, rewrite.py), the choice of a flow (tables.py), actions and
groups (actions.py), the way from switch to switch (interpret.py), and what all of it comes to (steps.py).
Must not know: what tables, registers and labels mean, who owns an entry, where programs and wiring come from. It
carries out OpenFlow as Open vSwitch does, and says so where it meets something that it does not know.

The same rules hold as for the data plane: what is not understood is never guessed. An unknown field, instruction,
action or port ends its branch with ``Why.UNKNOWN``.
"""

from sdn.trace.interpret import Entrance, Limits, trace
from sdn.trace.packet import extract
from sdn.trace.steps import CONTROLLER, Delivery, Doing, Outcomes, Step, Trace, Why
from sdn.trace.tables import Switch

__all__ = [
    "CONTROLLER",
    "Delivery",
    "Doing",
    "Entrance",
    "Limits",
    "Outcomes",
    "Step",
    "Switch",
    "Trace",
    "Why",
    "extract",
    "trace",
]
