"""What a bare circuit may say, of two ends or of a root and many leaves."""

from __future__ import annotations

from sdn.model.circuit import CircuitEnd, is_circuit_end, parse_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.intent import Connection
from sdn.store.forms import no_repetition

MAX_SWITCH, MAX_INTERFACE = 64, 15


def check_circuit(connection: Connection) -> tuple[str, str]:
    """Both ends in normal form; raises InvalidInput."""
    a, b = _end("a", connection.a), _end("b", connection.b)
    _check_pair(a, "b", b)
    _check_classifier(connection)
    return str(a), str(b)


def check_rooted(connection: Connection, root: str, leaves: str) -> dict[str, str | tuple[str, ...]]:
    """The ends of a circuit of many in normal form, by field; raises InvalidInput.

    root, leaves: fields that have the one end, and the list of the others.
    """
    texts = getattr(connection, leaves)
    index = next((index for index, text in enumerate(texts) if is_circuit_end(text)), None)
    if index is not None and not is_circuit_end(getattr(connection, root)):
        reason = f"{texts[index][:80]} is an end of a circuit, and {root} is none"
        raise InvalidInput.of(f"{leaves}[{index}]", reason, "Name ports at both sides, or interfaces of switches.")
    one = _end(root, getattr(connection, root))
    many = [_end(f"{leaves}[{index}]", text) for index, text in enumerate(texts)]
    for index, leaf in enumerate(many):
        _check_pair(one, f"{leaves}[{index}]", leaf)
    no_repetition(leaves, tuple(map(str, many)))
    _check_classifier(connection)
    return {root: str(one), leaves: tuple(map(str, many))}


def _check_pair(a: CircuitEnd, field: str, b: CircuitEnd) -> None:
    if (a.vlan is None) != (b.vlan is None):
        reason = "one end takes all frames of its interface, the other one those of a VLAN or untagged ones"
        raise InvalidInput.of(field, reason, "Give both as SWITCH:INTERFACE, or both with a VLAN or 'untagged'.")
    if (a.switch, a.interface) == (b.switch, b.interface):
        raise InvalidInput.of(field, "both ends are at one interface", "Use another interface for one of them.")


def _check_classifier(connection: Connection) -> None:
    if connection.classifier is not None:
        raise InvalidInput.of("classifier", "is of connections between ports", "Leave it out, or use a VLAN.")


def _end(field: str, text: str) -> CircuitEnd:
    end = parse_circuit_end(text)
    if end is None or not _is_name(end.switch, MAX_SWITCH) or not _is_name(end.interface, MAX_INTERFACE):
        remedy = "Write SWITCH:INTERFACE, SWITCH:INTERFACE@VLAN (1 to 4094) or SWITCH:INTERFACE@untagged, at both ends."
        raise InvalidInput.of(field, f"{text[:80]!r} is not an end of a circuit", remedy)
    return end


def _is_name(text: str, longest: int) -> bool:
    plain = text.isprintable() and "/" not in text and not any(char.isspace() for char in text)
    return 1 <= len(text) <= longest and plain
