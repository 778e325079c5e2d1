"""Probes of the data plane: packets of the controller that take the entries of tenants' packets, and come back to it.

Five flows and a meter on every switch, whatever there is to be probed (docs/probes.md). A probe enters a switch by
packet-out with PROBE marked, so nothing that a tenant sends is one; from switch to switch its source MAC says that it
is one, which CLASSIFY takes from no host; one for a circuit enters as its frames do, and is neither counted nor held to
a ceiling. Where it would go out to a host, OUTPUT hands it to the controller instead.
Every table that sends frames to hosts by another way than OUTPUT must give way to PROBE_MARK as well.
"""

from __future__ import annotations

from sdn.model.oxm import ETH_DST, ETH_SRC
from sdn.model.program import Entries, Meter
from sdn.pipeline.layout import (
    PATH_PROBES_PER_SECOND,
    PROBE,
    PROBE_FREE,
    PROBE_HOPS,
    PROBE_MAC_PREFIX,
    PROBE_MARK,
    PROBE_METER,
    PROBE_SEEN,
    Table,
)
from sdn.pipeline.routes import switch_object
from sdn.pipeline.shapes import Body, Match, load, move, resubmit, set_field, to_controller

KEPT = 256
"""Bytes of a probe that come back."""
UNCOUNTED = 0xFFF0
"""Priority in STEER, above that of all connections."""
_ANY_PROBE = b"\xff\xff\xff\xff\xff\x00"


def owner(dpid: int) -> str:
    """Owner of the entries for probes on a switch."""
    return f"{switch_object(dpid)}/probes"


def compile_probes() -> Entries:
    """The entries that every switch has for probes."""
    told = to_controller(KEPT)
    prefix = int.from_bytes(PROBE_MAC_PREFIX, "big")
    leaving = [load(ETH_SRC, 8, 40, prefix), move(PROBE, ETH_SRC, 8), set_field(PROBE, 0), resubmit(Table.FABRIC)]
    arrived = [move(ETH_DST, PROBE, 24, source_bit=24), load(PROBE, 31, 1, 1), resubmit(Table.DELIVER)]
    hop = PROBE_MAC_PREFIX + bytes([PROBE_HOPS])
    flows = {
        Match(Table.STEER, UNCOUNTED, (PROBE, PROBE_FREE, PROBE_FREE))(): Body(goto=Table.PATH)(),
        # It goes on to another switch: from here on its MAC says what it is.
        Match(Table.FABRIC, 210, (PROBE, PROBE_MARK, PROBE_MARK))(): Body(leaving)(),
        Match(Table.FABRIC, 200, (ETH_SRC, hop), (PROBE, 0))(): Body(
            [told, set_field(PROBE, PROBE_SEEN), resubmit(Table.FABRIC)], meter=PROBE_METER
        )(),
        # By which label it came is known no more behind DELIVER, unless it is kept.
        Match(Table.DELIVER, 200, (ETH_SRC, PROBE_MAC_PREFIX + b"\0", _ANY_PROBE), (PROBE, 0, PROBE_MARK))(): Body(
            arrived
        )(),
        Match(Table.OUTPUT, 200, (PROBE, PROBE_MARK, PROBE_MARK))(): Body([told], meter=PROBE_METER)(),
    }
    return Entries(flows, {}, {PROBE_METER: Meter(PATH_PROBES_PER_SECOND, PATH_PROBES_PER_SECOND)})
