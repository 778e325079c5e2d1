"""Frames that switches punt: probes of the fabric, and tenant packets of which a router has to tell the sender."""

from __future__ import annotations

from ipaddress import ip_address

from sdn.controller.effects import SendPacket
from sdn.controller.events import PacketIn
from sdn.controller.icmp import time_exceeded, too_big
from sdn.model.intent import Address, Network, Port
from sdn.pipeline.layout import NETWORK, PUNT_SIZE, PUNT_TTL, REASON, ROUTER, SOURCE, Table, router_mac
from sdn.store import Store
from sdn.topology import Reject

_REGISTER = {field: int(field.name.removeprefix("reg")) for field in (NETWORK, SOURCE, ROUTER, REASON)}
_QUIET_SECONDS = 10.0
_MAX_REMEMBERED = 10_000
_ETHERNET_HEADER = 14


def is_probe(event: PacketIn) -> bool:
    """Whether a frame came from a table that punts LLDP and nothing else."""
    return event.table in (Table.CLASSIFY, Table.SOURCE)


def answer_routed(store: Store, event: PacketIn) -> SendPacket | None:
    """What a router answers, from the gateway of the sender's subnet; None if there is nothing to answer.

    ICMP time exceeded, or that the packet is too large. A sender that uses an address of no subnet, as its pairs may
    allow, is answered by any gateway of its network.
    """
    registers = {field: event.registers.get(number, 0) for field, number in _REGISTER.items()}
    if event.table != Table.PUNT or registers[REASON] not in (PUNT_TTL, PUNT_SIZE):
        return None
    name, _, mac = (store.numbers.key_of("service", registers[SOURCE]) or "").partition("|")
    port = store.objects.get(name)
    source = _source_address(event.data)
    if not isinstance(port, Port) or source is None:
        return None
    gateway = _gateway(store, port.network, ip_address(source))
    if gateway is None:
        return None
    router = router_mac(registers[ROUTER])
    if registers[REASON] == PUNT_TTL:
        frame = time_exceeded(event.data, router, gateway.packed)
    else:
        network = store.objects.get(store.numbers.key_of("network", registers[NETWORK]) or "")
        if not isinstance(network, Network):
            return None
        # It was on its way already: the sender's address is the router's by now.
        sent = event.data[:6] + bytes.fromhex(mac.replace(":", "")) + event.data[12:]
        frame = too_big(sent, router, gateway.packed, network.mtu)
    return None if frame is None else SendPacket(event.session, event.in_port, frame)


def _gateway(store: Store, network: str, source: Address) -> Address | None:
    subnet = store.subnet_of(network, source)
    if subnet is not None:
        return subnet.gateway
    gateways = (s.gateway for s in sorted(store.subnets_of(network), key=lambda s: s.name))
    return next((gateway for gateway in gateways if gateway is not None and gateway.version == source.version), None)


def _source_address(frame: bytes) -> bytes | None:
    """Packed IPv4 or IPv6 source of an untagged frame."""
    kind = frame[12:_ETHERNET_HEADER]
    if kind == b"\x08\x00" and len(frame) >= _ETHERNET_HEADER + 20:
        return frame[26:30]
    if kind == b"\x86\xdd" and len(frame) >= _ETHERNET_HEADER + 40:
        return frame[22:38]
    return None


class RejectLog:
    """Reports probes that were not believed, each kind and port once in ten seconds."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int, int], float] = {}

    def is_new(self, reject: Reject, now: float) -> bool:
        """Whether the same was not reported just before."""
        key = (reject.kind, reject.dpid, reject.port)
        if now - self._last.get(key, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return False
        if len(self._last) >= _MAX_REMEMBERED:
            self._last.clear()
        self._last[key] = now
        return True
