"""How a controller is set, apart from what is in its store."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.controller.switches.bfdrule import DEFAULT_BFD, BfdRule
from sdn.model.intent import DEFAULT_QUOTA, Quota
from sdn.topology import DampingRule


@dataclass(frozen=True, slots=True)
class Settings:
    """probe_interval: seconds between probes of a port; probe_misses: unheard probes that end a link.

    start_grace: seconds to wait after the start for all switches of an earlier life before anything is written.
    audit_interval: seconds between full read-backs, one switch after the other.
    damping, only_declared, measured_latency: see TopologyState.
    repair: whether switches send packets round failures by themselves.
    quota: of tenants that have none of their own.
    path_probe_interval: seconds between probes of a connection's path, 0: none.
    bfd: how links are watched for silence.
    learn: full name of the network that unknown hosts are put into, '' for none.
    oversubscription: how much of a link's capacity connections may reserve; 1.0 is all of it.
    """

    probe_interval: float = 1.0
    probe_misses: int = 3
    start_grace: float = 10.0
    audit_interval: float = 300.0
    damping: DampingRule | None = None
    only_declared: bool = False
    repair: bool = True
    measured_latency: bool = False
    quota: Quota = DEFAULT_QUOTA
    path_probe_interval: float = 10.0
    bfd: BfdRule = DEFAULT_BFD
    learn: str = ""
    oversubscription: float = 1.0
