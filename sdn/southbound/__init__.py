"""The controller's side towards switches: an OpenFlow 1.3 server on asyncio.

Belongs here: connections and their deadlines, one session per datapath id, batches carried out in ONF bundles,
back-pressure, meters on what switches may send. Events go to the controller, effects come from it.
Must not know: why a flow is written, the store, the API, how the controller decides. The bytes of OpenFlow belong to
``sdn.openflow``. One event loop, no threads; a switch that misbehaves loses its own session only.

server.py   accepts switches, finds the session of an effect, settles who owns a datapath id
session.py  one connection
gate.py     TLS, before there is a session, also for databases
refusals.py peers that did not get one
secured.py  what TLS says of a connection
batch.py    a batch as a state machine without I/O
polling.py  counters of ports, asked for again and again
ovsdb.py    databases of switches: which interface has which iface-id (ovsdb_rows.py, jsonstream.py)
outbox.py   packets that leave together, and when
pump.py     writing with back-pressure
limits.py   every deadline and bound
"""

from sdn.southbound.limits import Limits
from sdn.southbound.ovsdb import OvsdbServer
from sdn.southbound.polling import Polling
from sdn.southbound.server import OpenFlowServer

__all__ = ["Limits", "OpenFlowServer", "OvsdbServer", "Polling"]
