"""What a dry run of apply tells: objects, and entries of switches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sdn.cli.render import clean, enum_word, plain, table

_WORDS = {"ADDED": "would be created", "MODIFIED": "would change", "DELETED": "would be deleted"}
_KINDS = ("flows", "groups", "meters")


def plain_plan(response: Any) -> dict[str, Any]:
    """The same for programs."""
    return {
        "changes": [plain(change) for change in response.changes],
        "switches": [plain(switch) for switch in response.switches],
        "switches_unknown": response.switches_unknown,
    }


def plan_text(messages: Sequence[Any], response: Any) -> str:
    """For people: a line for each object of the manifest, one for each switch that would change."""
    if not messages:
        return "nothing to apply"
    changes = {change.name: change for change in response.changes}
    rows = [(message.name, *_result(changes.get(message.name))) for message in messages]
    parts = [table(("NAME", "RESULT", "FIELDS"), rows)]
    if response.switches_unknown:
        parts.append(f"Switches: not known. {clean(response.switches_unknown)}")
    elif response.switches:
        lines = [(switch.switch, *(_tally(getattr(switch, kind)) for kind in _KINDS)) for switch in response.switches]
        if len(lines) > 1:
            lines.append(("all", *(_sum(getattr(switch, kind) for switch in response.switches) for kind in _KINDS)))
        parts.append(f"{table(('SWITCH', 'FLOWS', 'GROUPS', 'METERS'), lines)}\n(+ new, ~ changed, - deleted)")
    else:
        parts.append("No switch would change.")
    return "\n\n".join(parts)


def _result(change: Any | None) -> tuple[str, str]:
    if change is None:
        return "unchanged", ""
    word = enum_word(change.DESCRIPTOR.fields_by_name["type"].enum_type, change.type)
    return _WORDS.get(word, word), ",".join(change.fields)


def _tally(tally: Any) -> str:
    return _numbers(tally.added, tally.changed, tally.deleted)


def _sum(tallies: Iterable[Any]) -> str:
    found = list(tallies)
    return _numbers(*(sum(getattr(tally, name) for tally in found) for name in ("added", "changed", "deleted")))


def _numbers(added: int, changed: int, deleted: int) -> str:
    return " ".join(f"{sign}{n}" for sign, n in (("+", added), ("~", changed), ("-", deleted)) if n)
