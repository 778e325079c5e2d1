"""What the daemon tells, as messages: status of objects, topology, flows, the system."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from sdn.controller.reader import FlowView, LinkView, SwitchView, SystemView, TopologyView
from sdn.model.ids import format_dpid
from sdn.model.maintenance import ForgottenView
from sdn.model.notice import AuditReport, Notice
from sdn.model.resilience import Coverage, FailureCoverage, Resilience
from sdn.model.status import Condition, LegStatus, PathHop, ProbeCounts, SharedAddress, Status, Transition
from sdn.model.topology import WiringFault
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import topology_pb2 as tpb


def timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    """Unix time in seconds as a Timestamp, to the microsecond."""
    result = timestamp_pb2.Timestamp()
    result.FromMicroseconds(round(seconds * 1e6))
    return result


def _leg(leg: LegStatus) -> pb.Leg:
    return pb.Leg(
        name=leg.name,
        port=leg.port,
        state=pb.State.Value(leg.state.value),
        reason=leg.reason,
        message=leg.message,
        path=[hop(h) for h in leg.path],
    )


def hop(value: PathHop) -> pb.PathHop:
    """One hop of a path."""
    return pb.PathHop(switch=value.switch, ingress=value.ingress, egress=value.egress)


def status(value: Status | None) -> pb.Status:
    """The status of an object; None for one that is gone by now."""
    if value is None:
        return pb.Status(reason="Deleted", message="The object has been deleted since.")
    return pb.Status(
        state=pb.State.Value(value.state.value),
        reason=value.reason,
        message=value.message,
        switches_away=value.switches_away,
        path=[hop(h) for h in value.path],
        switches_pending=value.switches_pending,
        backup_path=[hop(h) for h in value.backup_path],
        realised_path=[hop(h) for h in value.realised_path],
        legs=[_leg(leg) for leg in value.legs],
        verified_path=[hop(h) for h in value.verified_path],
        probes=None if value.probes is None else _probes(value.probes),
        places=value.places,
        shared_addresses=[_shared(item) for item in value.shared],
        conditions=[_condition(c) for c in value.conditions],
        history=[_transition(t) for t in value.history],
    )


def _transition(value: Transition) -> pb.Transition:
    return pb.Transition(
        time=timestamp(value.time),
        previous=pb.State.STATE_UNSPECIFIED if value.before is None else pb.State.Value(value.before),
        state=pb.State.Value(value.after),
        reason=value.reason,
        path=value.path,
    )


def _probes(value: ProbeCounts) -> pb.ProbeCounts:
    return pb.ProbeCounts(
        sent=value.sent,
        lost=value.lost,
        loss=value.loss,
        latency_us=value.latency_us,
        latency_error_us=value.latency_error_us,
        jitter_us=value.jitter_us or 0,
        verified_time=timestamp(value.verified_at) if value.verified_at else None,
    )


def _shared(value: SharedAddress) -> pb.SharedAddress:
    since = timestamp(value.since) if value.holder else None
    return pb.SharedAddress(address=value.address, port=value.holder, reason=value.reason, since=since)


def _condition(value: Condition) -> pb.Condition:
    return pb.Condition(
        type=value.type,
        status=pb.ConditionStatus.Value(f"CONDITION_{value.status}"),
        reason=value.reason,
        message=value.message,
        last_transition_time=timestamp(value.since),
    )


def topology(view: TopologyView) -> tpb.Topology:
    """Switches, links and wiring faults."""
    return tpb.Topology(
        switches=[_switch(s) for s in view.switches],
        links=[_link(link) for link in view.links],
        faults=[_fault(fault) for fault in view.faults],
        declaration=view.declaration,
    )


def _fault(fault: WiringFault) -> tpb.WiringFault:
    message = tpb.WiringFault(kind=fault.kind, message=fault.message)
    for target, (switch, interface) in zip((message.a, message.b), fault.ends, strict=False):
        target.switch, target.interface = switch, interface
    return message


def _switch(view: SwitchView) -> tpb.Switch:
    return tpb.Switch(
        name=view.name,
        dpid=format_dpid(view.dpid),
        connected=view.connected,
        peer=view.peer,
        ports=[tpb.SwitchPort(number=p.number, name=p.name, up=p.up, speed_bps=p.speed) for p in view.ports],
        flows=view.flows,
        groups=view.groups,
        pending=view.pending,
        alien_flows=view.alien,
        alien_groups=view.alien_groups,
        repair=view.repair,
        repair_pending=view.repair_pending,
        drained=view.drained,
    )


def _link(view: LinkView) -> tpb.Link:
    return tpb.Link(
        a=tpb.LinkEnd(switch=view.a[0], interface=view.a[1]),
        b=tpb.LinkEnd(switch=view.b[0], interface=view.b[1]),
        up=view.up,
        declared=view.declared,
        cost=view.cost,
        capacity_bps=view.capacity,
        latency_us=view.latency,
        reserved_ab_bps=view.reserved[0],
        reserved_ba_bps=view.reserved[1],
        away=view.away,
        damped=view.damped,
        drained=view.drained,
        unused=view.unused,
        oversubscription=view.oversubscription,
        measured=_measured(*view.measured) if view.measured else None,
    )


def _measured(latency: int, error: int, samples: int) -> tpb.LatencyMeasurement:
    return tpb.LatencyMeasurement(latency_us=latency, error_us=error, samples=samples)


def resilience(found: Resilience) -> tpb.Resilience:
    """Which failures are repaired without the controller."""
    return tpb.Resilience(
        enabled=found.enabled,
        following=found.following,
        links_total=_coverage(sum((item.coverage for item in found.links), Coverage())),
        switches_total=_coverage(sum((item.coverage for item in found.switches), Coverage())),
        links=[
            tpb.LinkResilience(
                a=tpb.LinkEnd(switch=item.ends[0][0], interface=item.ends[0][1]),
                b=tpb.LinkEnd(switch=item.ends[1][0], interface=item.ends[1][1]),
                bridge=item.separates,
                coverage=_coverage(item.coverage),
                unrepaired=_unrepaired(item),
            )
            for item in found.links
        ],
        switches=[
            tpb.SwitchResilience(
                switch=item.ends[0][0],
                cut_switch=item.separates,
                coverage=_coverage(item.coverage),
                unrepaired=_unrepaired(item),
            )
            for item in found.switches
        ],
    )


def _coverage(value: Coverage) -> tpb.RepairCoverage:
    return tpb.RepairCoverage(
        pairs=value.pairs, repairable=value.repairable, repaired=value.repaired, ready=value.ready
    )


def _unrepaired(item: FailureCoverage) -> list[tpb.UnrepairedPair]:
    return [tpb.UnrepairedPair(destination=to, reason=why) for to, why in item.unrepaired]


def flow(view: FlowView) -> tpb.FlowEntry:
    """One entry of a switch's program."""
    return tpb.FlowEntry(
        kind=view.kind,
        table=view.table,
        priority=view.priority,
        match=view.match,
        actions=view.actions,
        cookie=view.cookie,
        owner=view.owner,
        feature=view.feature,
        state=view.state,
        sharers=view.sharers,
    )


def audit(report: AuditReport) -> tpb.AuditReport:
    """What an audit of a switch found."""
    return tpb.AuditReport(
        switch=report.switch,
        checked=report.checked,
        missing=report.missing,
        changed=report.changed,
        extra=report.extra,
        alien_flows=report.alien_flows,
        alien_groups=report.alien_groups,
        findings=[
            tpb.AuditFinding(
                kind=f.kind, entry=f.entry, table=f.table, priority=f.priority, match=f.match, owner=f.owner
            )
            for f in report.findings
        ],
    )


def forgotten(view: ForgottenView) -> tpb.ForgetSwitchResponse:
    """A switch that is known no more."""
    return tpb.ForgetSwitchResponse(
        switch=view.name, dpid=format_dpid(view.dpid), bound=view.bound, bound_total=view.total
    )


def event(notice: Notice) -> epb.Event:
    """One event."""
    return epb.Event(
        number=notice.number,
        time=timestamp(notice.time),
        severity=epb.Severity.Value(notice.severity.value),
        reason=notice.reason,
        object=notice.object,
        message=notice.message,
        details=dict(notice.details),
    )


def system(view: SystemView) -> tpb.SystemStatus:
    """The daemon at a glance."""
    return tpb.SystemStatus(
        version=view.version,
        start_time=timestamp(view.started),
        revision=view.revision,
        switches=view.switches,
        switches_connected=view.switches_connected,
        links=view.links,
        objects={kind.value: count for kind, count in view.objects.items()},
        objects_by_state=view.objects_by_state,
        ready=view.ready,
        not_ready=view.not_ready,
    )
