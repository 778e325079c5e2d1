"""What is wrong with a message, and the names of OpenFlow errors (OpenFlow 1.3.5, section 7.4.4)."""

from __future__ import annotations

from sdn.openflow import wire


class ProtocolError(Exception):
    """The peer sent what OpenFlow 1.3 does not permit; the text says what. The connection cannot go on."""


class AnotherMaster(ProtocolError):
    """The switch belongs to another controller; the text says what to do."""


class MessageTooLong(ValueError):
    """A message to be sent would be longer than 65,535 bytes. Give smaller groups, actions or frames."""


_TYPES: dict[int, tuple[str, tuple[str, ...]]] = {
    0: ("OFPHFC", ("INCOMPATIBLE", "EPERM")),
    1: (
        "OFPBRC",
        (
            *("BAD_VERSION", "BAD_TYPE", "BAD_MULTIPART", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "EPERM", "BAD_LEN"),
            *("BUFFER_EMPTY", "BUFFER_UNKNOWN", "BAD_TABLE_ID", "IS_SLAVE", "BAD_PORT", "BAD_PACKET"),
            "MULTIPART_BUFFER_OVERFLOW",
        ),
    ),
    2: (
        "OFPBAC",
        (
            *("BAD_TYPE", "BAD_LEN", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_OUT_PORT", "BAD_ARGUMENT", "EPERM"),
            *("TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT", "UNSUPPORTED_ORDER", "BAD_TAG"),
            *("BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT"),
        ),
    ),
    3: (
        "OFPBIC",
        (
            *("UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK"),
            *("BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM"),
        ),
    ),
    4: (
        "OFPBMC",
        (
            *("BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK", "BAD_WILDCARDS", "BAD_FIELD"),
            *("BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD", "EPERM"),
        ),
    ),
    5: (
        "OFPFMFC",
        (*("UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT", "BAD_COMMAND", "BAD_FLAGS"),),
    ),
    6: (
        "OFPGMFC",
        (
            *("GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS", "OUT_OF_BUCKETS"),
            *("CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP", "CHAINED_GROUP", "BAD_TYPE"),
            *("BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM"),
        ),
    ),
    10: ("OFPSCFC", ("BAD_FLAGS", "BAD_LEN", "EPERM")),
    11: ("OFPRRFC", ("STALE", "UNSUP", "BAD_ROLE")),
    12: (
        "OFPMMFC",
        (
            *("UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS", "BAD_RATE"),
            *("BAD_BURST", "BAD_BAND", "BAD_BAND_VALUE", "OUT_OF_METERS", "OUT_OF_BANDS"),
        ),
    ),
}

_BUNDLE = (
    *("UNKNOWN", "EPERM", "BAD_ID", "BUNDLE_EXIST", "BUNDLE_CLOSED", "OUT_OF_BUNDLES", "BAD_TYPE", "BAD_FLAGS"),
    *("MSG_BAD_LEN", "MSG_BAD_XID", "MSG_UNSUP", "MSG_CONFLICT", "MSG_TOO_MANY", "MSG_FAILED", "TIMEOUT"),
    "BUNDLE_IN_PROGRESS",
)

BAD_LENGTH = (1, 6)
"""Type and code of OFPBRC_BAD_LEN, for what is refused before it is sent."""


def error_text(type_: int, code: int, experimenter: int = 0) -> str:
    """An error for people: ``OFPBMC_BAD_PREREQ (4, 9)``. experimenter: only for type 0xffff."""
    if type_ == wire.ERROR_EXPERIMENTER:
        if experimenter == wire.ONF and 0 <= code - wire.BUNDLE_CONTROL < len(_BUNDLE):
            return f"OFPBFC_{_BUNDLE[code - wire.BUNDLE_CONTROL]} (ONF {code})"
        return f"experimenter 0x{experimenter:08x} error {code}"
    prefix, codes = _TYPES.get(type_, ("", ()))
    if code < len(codes):
        return f"{prefix}_{codes[code]} ({type_}, {code})"
    return f"error ({type_}, {code})"
