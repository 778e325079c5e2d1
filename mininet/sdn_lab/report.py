"""What became of an experiment, as one HTML file that needs no other, and as JSON. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from .experiment import Experiment, to_json

_STYLE = """
body { font-family: sans-serif; margin: 2em auto; max-width: 60em; color: #263238; }
.right { color: #2e7d32; } .wrong { color: #c62828; font-weight: bold; }
section { border-top: 1px solid #cfd8dc; padding: .5em 0; overflow-x: auto; }
pre { background: #f5f7f8; padding: .6em; } h2 { font-size: 1em; margin: .3em 0; }
time { color: #78909c; float: right; }
"""


@dataclass(slots=True)
class Outcome:
    """Of one step. right: None where nothing was expected; text: lines; pictures: SVG; numbers: for programs."""

    title: str
    right: bool | None = None
    text: str = ""
    pictures: list[str] = field(default_factory=list)
    numbers: dict[str, object] = field(default_factory=dict)
    time: float = 0.0
    """Seconds since the start of the first step."""


def is_right(outcomes: list[Outcome]) -> bool:
    """Whether nothing was otherwise than expected."""
    return all(outcome.right is not False for outcome in outcomes)


def html(experiment: Experiment, outcomes: list[Outcome], drawing: str) -> str:
    """The report. drawing: the topology as SVG."""
    sections = [_section(outcome) for outcome in outcomes]
    wrong = sum(outcome.right is False for outcome in outcomes)
    verdict = f'<p class="wrong">{wrong} steps went wrong</p>' if wrong else '<p class="right">All as expected</p>'
    head = f"<h1>{escape(experiment.title)}</h1>\n<p>{escape(experiment.about)}</p>\n{verdict}\n"
    network = f"<section><h2>Topology: {escape(experiment.topology)}</h2>\n{drawing}</section>\n"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(experiment.title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{head}{network}{''.join(sections)}</body></html>\n"
    )


def json_text(experiment: Experiment, outcomes: list[Outcome]) -> str:
    """The same for programs."""
    steps = [
        {"step": o.title, "right": o.right, "time": round(o.time, 3), "text": o.text, **o.numbers} for o in outcomes
    ]
    return to_json({"title": experiment.title, "right": is_right(outcomes), "steps": steps}) + "\n"


def _section(outcome: Outcome) -> str:
    kind = {True: "right", False: "wrong", None: ""}[outcome.right]
    mark = {True: "✓ ", False: "✗ ", None: ""}[outcome.right]
    text = f"<pre>{escape(outcome.text)}</pre>" if outcome.text else ""
    return (
        f'<section><time>{outcome.time:.1f} s</time><h2 class="{kind}">{mark}{escape(outcome.title)}</h2>\n'
        f"{text}{''.join(outcome.pictures)}</section>\n"
    )
