"""What a dry run found, as messages."""

from __future__ import annotations

from sdn.model.ids import parse_name
from sdn.model.plan import Difference, Plan, SwitchPlan, Tally
from sdn.northbound.kinds import CODECS
from sdn.v1 import services_pb2 as spb


def add(response: spb.ApplyResponse, plan: Plan) -> None:
    """Put a plan into the answer of Apply."""
    response.changes.extend(_change(difference) for difference in plan.differences)
    response.switches.extend(_switch(switch) for switch in plan.switches)
    response.switches_unknown = plan.unknown


def _change(difference: Difference) -> spb.ObjectChange:
    paths = {field: path for path, field in CODECS[parse_name(difference.name).kind].paths.items()}
    return spb.ObjectChange(
        name=difference.name,
        type=spb.ChangeType.Value(difference.type.value),
        fields=sorted(paths.get(field, field) for field in difference.fields),
    )


def _switch(plan: SwitchPlan) -> spb.SwitchChange:
    return spb.SwitchChange(
        switch=plan.switch, flows=_tally(plan.flows), groups=_tally(plan.groups), meters=_tally(plan.meters)
    )


def _tally(tally: Tally) -> spb.Tally:
    return spb.Tally(added=tally.added, changed=tally.changed, deleted=tally.deleted)
