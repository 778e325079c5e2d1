"""Which flow of a table a packet meets.

A program names flows by their keys. Keys of one form (table, priority, fields and masks) differ in values alone, so the
key that a packet would need is put together and looked for: as many looks as the table has forms, however many flows.
Finding the forms costs a pass over the flows of a table, once for each trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sdn.model.program import FlowBody, FlowKey, Group
from sdn.trace.fields import IN_PORT_16, Known, Values, field_of

Place = tuple[int, int]
"""Datapath id and port number."""


@dataclass(slots=True)
class Switch:
    """A switch as the packet finds it. flows, groups: its program; ports: number → whether it carries frames.

    links: port number → where the cable ends. A port without one belongs to a host.
    """

    flows: Mapping[FlowKey, FlowBody]
    groups: Mapping[int, Group]
    ports: Mapping[int, bool]
    links: Mapping[int, Place]
    _keys: dict[int, list[FlowKey]] | None = None
    _forms: dict[int, list[_Form]] = field(default_factory=dict)

    def match(self, table: int, values: Values) -> tuple[list[FlowKey], bool]:
        """Flows of the highest priority that match, usually one, and whether that is known for sure.

        Not for sure: an entry of this or a higher priority names a field that is not known here.
        """
        found: list[FlowKey] = []
        for form in self._forms_of(table):
            if found and form.priority < int.from_bytes(found[0][1:3], "big"):
                break
            key = form.key_for(values)
            if not form.unknown:
                found += [key] if key in self.flows else []
            elif any(form.resembles(other, key) for other in self._keys_of(table)):
                return found, False
        return found, True

    def _keys_of(self, table: int) -> list[FlowKey]:
        if self._keys is None:
            self._keys = {}
            for key in self.flows:
                self._keys.setdefault(key[0], []).append(key)
        return self._keys.get(table, [])

    def _forms_of(self, table: int) -> list[_Form]:
        forms = self._forms.get(table)
        if forms is None:
            forms = sorted(_forms(self._keys_of(table)), key=lambda form: -form.priority)
            self._forms[table] = forms
        return forms


@dataclass(frozen=True, slots=True)
class _Form:
    """What keys of one form share. template: a key with values of zero; fixed: ones where a bit is no value.

    parts: (field, where its value begins, mask).
    """

    priority: int
    template: FlowKey
    fixed: bytes
    parts: tuple[tuple[Known, int, int], ...]
    unknown: bool

    def key_for(self, values: Values) -> FlowKey:
        """The key that matches these values; of unknown fields zero."""
        key = bytearray(self.template)
        for known, at, mask in self.parts:
            value = values.get(known.name, 0)
            if known is IN_PORT_16:
                value &= 0xFFFF
            key[at : at + known.size] = (value & mask).to_bytes(known.size, "big")
        return bytes(key)

    def resembles(self, other: FlowKey, key: FlowKey) -> bool:
        """Whether a key of this form agrees with ``key`` in all that is known."""
        if len(other) != len(key):
            return False
        relevant = bytearray(self.fixed)
        for known, at, _ in self.parts:
            relevant[at : at + known.size] = b"\xff" * known.size
        mask = int.from_bytes(relevant, "big")
        return int.from_bytes(other, "big") & mask == int.from_bytes(key, "big") & mask


def _forms(keys: list[FlowKey]) -> Iterator[_Form]:
    by_length: dict[int, list[FlowKey]] = {}
    for key in keys:
        by_length.setdefault(len(key), []).append(key)
    for rest in by_length.values():
        while rest:
            form = _form_of(rest[0])
            yield form
            mask, template = int.from_bytes(form.fixed, "big"), int.from_bytes(form.template, "big")
            rest = [key for key in rest if int.from_bytes(key, "big") & mask != template]


def _form_of(key: FlowKey) -> _Form:
    template, fixed = bytearray(key), bytearray(b"\xff" * len(key))
    parts: list[tuple[Known, int, int]] = []
    unknown, at = False, 3
    while at < len(key):
        header = int.from_bytes(key[at : at + 4], "big")
        masked = bool(header & 0x100)
        size = (header & 0xFF) // 2 if masked else header & 0xFF
        known, value = field_of(header), at + 4
        template[value : value + size] = bytes(size)
        fixed[value : value + size] = bytes(size)
        mask = int.from_bytes(key[value + size : value + 2 * size], "big") if masked else (1 << size * 8) - 1
        if known is None or known.size != size:
            unknown = True
        else:
            parts.append((known, value, mask))
        at = value + size * (2 if masked else 1)
    return _Form(int.from_bytes(key[1:3], "big"), bytes(template), bytes(fixed), tuple(parts), unknown)
