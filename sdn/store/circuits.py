"""What a bare circuit may say."""

from __future__ import annotations

from sdn.model.circuit import CircuitEnd, parse_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.intent import Connection

MAX_SWITCH, MAX_INTERFACE = 64, 15


def check_circuit(connection: Connection) -> tuple[str, str]:
    """Both ends in normal form; raises InvalidInput."""
    a, b = _end("a", connection.a), _end("b", connection.b)
    if (a.vlan is None) != (b.vlan is None):
        reason = "one end takes all frames of its interface, the other one those of a VLAN or untagged ones"
        raise InvalidInput.of("b", reason, "Give both as SWITCH:INTERFACE, or both with a VLAN or 'untagged'.")
    if (a.switch, a.interface) == (b.switch, b.interface):
        raise InvalidInput.of("b", "both ends are at one interface", "Use another interface for one of them.")
    if connection.classifier is not None:
        raise InvalidInput.of("classifier", "is of connections between ports", "Leave it out, or use a VLAN.")
    return str(a), str(b)


def _end(field: str, text: str) -> CircuitEnd:
    end = parse_circuit_end(text)
    if end is None or not _is_name(end.switch, MAX_SWITCH) or not _is_name(end.interface, MAX_INTERFACE):
        remedy = "Write SWITCH:INTERFACE, SWITCH:INTERFACE@VLAN (1 to 4094) or SWITCH:INTERFACE@untagged, at both ends."
        raise InvalidInput.of(field, f"{text[:80]!r} is not an end of a circuit", remedy)
    return end


def _is_name(text: str, longest: int) -> bool:
    plain = text.isprintable() and "/" not in text and not any(char.isspace() for char in text)
    return 1 <= len(text) <= longest and plain
