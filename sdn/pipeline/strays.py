"""Probes where none belong: LLDP from ports that are not listened to is handed to the controller, which tells of it.

Without this a host behind a bound port could relay or forge probes unseen. They make no link either way, since
``topology`` believes nothing that comes from there. Two flows and a meter on every switch, whatever is attached: what
hosts may cost the controller by LLDP of their own follows the number of switches, not of ports. Below the flows of bare
circuits, whose LLDP belongs to whoever has the circuit.
"""

from __future__ import annotations

from sdn.model.oxm import ETH_TYPE
from sdn.model.program import Entries, Meter
from sdn.pipeline.base import LLDP
from sdn.pipeline.layout import STRAY_METER, STRAY_PROBES_PER_SECOND, Table
from sdn.pipeline.routes import switch_object
from sdn.pipeline.shapes import Body, Match, to_controller


def owner(dpid: int) -> str:
    """Owner of these entries on a switch."""
    return f"{switch_object(dpid)}/strays"


def compile_strays() -> Entries:
    """The entries that every switch has for probes from hosts."""
    told = Body([to_controller(0xFFFF)], meter=STRAY_METER)()
    flows = {
        Match(Table.CLASSIFY, 90, (ETH_TYPE, LLDP))(): told,
        # With the MAC of the port it has passed CLASSIFY.
        Match(Table.SOURCE, 55, (ETH_TYPE, LLDP))(): told,
    }
    return Entries(flows, {}, {STRAY_METER: Meter(STRAY_PROBES_PER_SECOND, STRAY_PROBES_PER_SECOND)})
