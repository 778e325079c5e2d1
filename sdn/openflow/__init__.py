"""OpenFlow 1.3 on the wire: codec and connection state machine, without I/O.

Belongs here: messages to bytes (encode, writes) and bytes to messages (decode, multipart), cutting a stream into
messages (framing), reading a switch back (readback) and its counters (portstats, flowcounts), the handshake, names of
errors. Also whose a switch is (mastery).
Must not know: anything else of the project, sockets, clocks. Flows are keys and bodies, bytes; what they mean is not
known here. Nothing that arrives is trusted: whatever is malformed gives ProtocolError, and each nested length is
checked before anything loops on it.

Source of numbers and layouts: OpenFlow Switch Specification 1.3.5, ONF EXT-230 (bundles), nicira-ext of Open vSwitch.
"""

from sdn.openflow.decode import decode
from sdn.openflow.errors import BAD_LENGTH, AnotherMaster, MessageTooLong, ProtocolError, error_text
from sdn.openflow.flowcounts import FlowCountsReading
from sdn.openflow.framing import Framer
from sdn.openflow.handshake import Handshake, State
from sdn.openflow.mastery import Claim
from sdn.openflow.portstats import PortStatsReading
from sdn.openflow.readback import Contents, Reading

__all__ = [
    "BAD_LENGTH",
    "AnotherMaster",
    "Claim",
    "Contents",
    "FlowCountsReading",
    "Framer",
    "Handshake",
    "MessageTooLong",
    "PortStatsReading",
    "ProtocolError",
    "Reading",
    "State",
    "decode",
    "error_text",
]
