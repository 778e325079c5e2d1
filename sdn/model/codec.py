"""Resources as JSON-able dictionaries and back, for every frozen dataclass of intent.py without a line per field.

The form of a resource is ``{"kind": "Port", "name": ..., field: value, ...}``: tuples are lists, addresses and prefixes
are text, an absent value is null. Decoding is strict: unknown fields, wrong types and values out of form are errors;
a field that is missing takes its default if it has one, so that records written before the field existed still load.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from sdn.model import intent
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Kind

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_Encoder = Callable[[Any], Json]
_Decoder = Callable[[object, str], Any]
_IP_TYPES = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)
_REMEDY = "Write the record as this version of the program writes it."


def encode(resource: intent.Resource) -> dict[str, Json]:
    """The resource as a dictionary that ``json`` can write."""
    data: dict[str, Json] = {"kind": intent.kind_of(resource).value}
    for name, encoder in _ENCODERS[type(resource)]:
        value = getattr(resource, name)
        data[name] = value if encoder is None else encoder(value)
    return data


def decode(data: object) -> intent.Resource:
    """The resource of such a dictionary; raises InvalidInput naming the field."""
    if not isinstance(data, dict):
        raise _wrong("", "an object with the field 'kind'", data)
    kind = data.get("kind")
    if kind not in _KINDS:
        raise _wrong("kind", "one of " + ", ".join(_KINDS), kind)
    rest = {key: value for key, value in data.items() if key != "kind"}
    resource: intent.Resource = _DECODERS[intent.CLASS_OF[Kind(kind)]](rest, "")
    return resource


def to_json(resource: intent.Resource) -> str:
    """The resource as compact JSON text; the same resource always gives the same text."""
    return dumps(encode(resource))


def from_json(text: str) -> intent.Resource:
    """The resource of such a text; raises InvalidInput."""
    return decode(loads(text))


def dumps(value: Json) -> str:
    """Compact JSON text; raises ValueError for NaN and infinities."""
    return _WRITER.encode(value)


def loads(text: str) -> object:
    """Any JSON value; raises InvalidInput for text that is not JSON, repeats a key or holds NaN."""
    try:
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput.of("", f"not JSON: {error}", _REMEDY) from None
    return value


_WRITER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is repeated")
    return data


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _wrong(field: str, expected: str, value: object) -> SdnError:
    shown = repr(value)
    return InvalidInput.of(field, f"expected {expected}, found {shown[:60]}", _REMEDY)


def _encoder(hint: Any) -> _Encoder | None:
    """How to write values of a type; None when they are JSON already."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        inner = _encoder(args[0])
        if inner is None:
            return list
        element = inner
        return lambda value: [element(item) for item in value]
    if isinstance(hint, types.UnionType):
        some = _encoder(next(arg for arg in args if arg is not type(None)))
        if some is None or type(None) not in args:
            return some
        encoder = some
        return lambda value: None if value is None else encoder(value)
    if hint in _IP_TYPES:
        return str
    if is_dataclass(hint):
        parts = tuple((name, _encoder(part)) for name, part in _hints(hint))
        return lambda value: {
            name: getattr(value, name) if enc is None else enc(getattr(value, name)) for name, enc in parts
        }
    return None


def _decoder(hint: Any) -> _Decoder:
    args = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return _list_decoder(args)
    if isinstance(hint, types.UnionType):
        if type(None) in args:
            rest = [arg for arg in args if arg is not type(None)]
            some = _ip_decoder(tuple(rest)) if rest[0] in _IP_TYPES else _decoder(rest[0])
            return lambda value, field: None if value is None else some(value, field)
        return _ip_decoder(args)
    if is_dataclass(hint):
        return _object_decoder(hint)
    scalars: dict[Any, _Decoder] = {str: _decode_str, bool: _decode_bool, int: _decode_int, float: _decode_float}
    return scalars[hint]


def _decode_str(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise _wrong(field, "text", value)
    return value


def _decode_bool(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, "true or false", value)
    return value


def _decode_int(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(field, "a whole number", value)
    return value


def _decode_float(value: object, field: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(field, "a number", value)
    return float(value)


def _ip_decoder(allowed: tuple[Any, ...]) -> _Decoder:
    parse: Callable[[str], Any] = ip_address if IPv4Address in allowed else ip_network
    expected = "an IP address" if parse is ip_address else "a prefix with zero host bits"

    def decode_ip(value: object, field: str) -> Any:
        try:
            parsed = parse(value) if isinstance(value, str) else None
        except ValueError:
            parsed = None
        if parsed is None or str(parsed) != value:
            raise _wrong(field, expected, value)
        return parsed

    return decode_ip


def _list_decoder(args: tuple[Any, ...]) -> _Decoder:
    element = _decoder(args[0])
    length = None if args[-1] is Ellipsis else len(args)

    def decode_list(value: object, field: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or (length is not None and len(value) != length):
            raise _wrong(field, "a list" if length is None else f"a list of {length}", value)
        return tuple(element(item, f"{field}[{index}]") for index, item in enumerate(value))

    return decode_list


def _object_decoder(cls: Any) -> _Decoder:
    decoders = {name: _decoder(hint) for name, hint in _hints(cls)}
    required = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}

    def decode_object(value: object, field: str) -> Any:
        prefix = f"{field}." if field else ""
        if not isinstance(value, dict):
            raise _wrong(field, "an object", value)
        for name in value:
            if name not in decoders:
                raise InvalidInput.of(f"{prefix}{name}"[:200], f"unknown field of {cls.__name__}", _REMEDY)
        for name in sorted(required):
            if name not in value:
                raise InvalidInput.of(f"{prefix}{name}", f"missing in {cls.__name__}", _REMEDY)
        return cls(**{name: decoders[name](item, f"{prefix}{name}") for name, item in value.items()})

    return decode_object


def _hints(cls: Any) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in fields(cls))


_KINDS = tuple(kind.value for kind in Kind)
_ENCODERS = {cls: tuple((name, _encoder(hint)) for name, hint in _hints(cls)) for cls in intent.KIND_OF}
_DECODERS = {cls: _object_decoder(cls) for cls in intent.KIND_OF}
