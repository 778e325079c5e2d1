"""How links are watched for silence by BFD (RFC 5880, as Open vSwitch has it): the values, and how ours are known.

Values of ``bfd`` and ``cfm_mpid`` as in ovs-vswitchd.conf.db(5), table Interface.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.plugs import Watching

OWNER = "owner"
"""Key in ``bfd`` that Open vSwitch does not read: whose settings they are."""
OURS = "sdnd"
TARGET = "00:23:20:00:00:01"
"""Destination MAC of BFD frames, the default of Open vSwitch. Frames with another one are not taken for BFD. Every
frame of a tenant has a label there as long as it is between switches, and labels are locally administered addresses."""
POINTS = (7961, 7962)
"""CFM maintenance points of both ends of a link, by which ours are known; below 8192 (IEEE 802.1ag), and different."""


@dataclass(frozen=True, slots=True)
class BfdRule:
    """mode: 'auto', 'on' or 'off'; interval: milliseconds between frames; multiplier: frames in a row that may be lost.

    ``forwarding_if_rx`` and ``decay_min_rx`` stay off (docs/resilience.md says why).
    """

    mode: str = "auto"
    interval: int = 20
    multiplier: int = 3

    def settings(self) -> dict[str, str]:
        """The column ``bfd`` of an end of a link."""
        return {
            "enable": "true",
            "min_tx": str(self.interval),
            "min_rx": str(self.interval),
            "mult": str(self.multiplier),
            "bfd_local_dst_mac": TARGET,
            "bfd_remote_dst_mac": TARGET,
            OWNER: OURS,
        }


DEFAULT_BFD = BfdRule()


def is_ours(watching: Watching) -> bool:
    """Whether what is set is nothing, or was set by us: an operator's settings have no owner, and any other point."""
    bfd = not watching.bfd or watching.bfd.get(OWNER) == OURS
    return bfd and (watching.cfm is None or (watching.cfm in POINTS and bool(watching.bfd)))
