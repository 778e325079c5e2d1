"""topology check: what was declared against what is seen, link by link."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import click

from sdn.cli import again
from sdn.cli.again import watch_options
from sdn.cli.render import Plain, count, plain, table
from sdn.cli.session import Session, common_names, fail, pass_session

_AS_DECLARED = "ok"
_OF_FAULT = {
    "MissingLink": "missing",
    "WrongPeer": "wrong",
    "UnexpectedLink": "unexpected",
    "OneWayLink": "one-way",
    "SilentLink": "silent",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One link, or (a and b empty) a difference that is about no link.

    state: ok, away (as declared, but a switch at an end is not connected, so nobody can look), missing, wrong (a
    declared interface is wired to another one), unexpected, one-way, silent (BFD), or for no link the
    kind of the fault.
    """

    state: str
    a: str
    b: str
    message: str

    @property
    def fine(self) -> bool:
        """Whether it is as declared, as far as can be seen."""
        return self.state == _AS_DECLARED

    def plain(self) -> Plain:
        """For programs."""
        return {"state": self.state, "a": self.a, "b": self.b, "message": self.message}


def lines_of(topology: Any) -> list[Line]:
    """Every declared or seen link of a Topology once, with its differences, then what is about no link."""
    texts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    rest: list[Line] = []
    for fault in topology.faults:
        if fault.HasField("a"):
            texts.setdefault(_key(fault), []).append((fault.kind, fault.message))
        else:
            rest.append(Line(fault.kind, "", "", fault.message))
    lines = []
    for link in topology.links:
        key = _key(link)
        found = texts.pop(key, [])
        kind = next((kind for kind, _ in found), "")
        lines.append(Line(_OF_FAULT.get(kind, kind) or _state(link), *key, "; ".join(text for _, text in found)))
    for key, found in texts.items():  # one-way: in one direction it is seen, and so it is no link
        lines += [Line(_OF_FAULT.get(kind, kind), *key, text) for kind, text in found]
    return lines + rest


def _key(link: Any) -> tuple[str, str]:
    a, b = sorted(_end(end) for end in (link.a, link.b))
    return a, b


def _end(end: Any) -> str:
    return f"{end.switch}:{end.interface}" if end.interface else str(end.switch)


def _state(link: Any) -> str:
    if not link.up:
        return "missing"
    if not link.declared:
        return "unexpected"
    return "away" if link.away else _AS_DECLARED


@click.command()
@click.option("--all", "all_links", is_flag=True, help="Show the links that are as declared too.")
@watch_options
@common_names
@pass_session
def check(session: Session, all_links: bool, watching: bool, every: float) -> None:
    """Compare the declared topology with what is seen, link by link.

    \b
    sdnctl topology check && echo "the cables are where they should be"
    sdnctl topology check --all
    sdnctl topology check -o json | jq -r '.links[] | select(.state != "ok") | .message'

    Exit code 0: all is as declared. 1: something differs, or cannot be seen because a switch is away, or no topology
    was declared (sdnd --topology). With -o name: the links that differ, as A--B, one a line.
    """
    with session.client() as client:

        def look() -> Any:
            found = client.topology()
            if not found.declaration:
                fail(["no topology was declared. Start sdnd with --topology FILE, or see: sdnctl topology show"])
            return found

        def text(found: Any) -> str:
            lines = lines_of(found)
            return _text(found.declaration, lines if all_links else _wrong(found), lines)

        found = again.show(session, watching, every, look, _data, text, _differing)
    if not watching and _wrong(found):
        raise click.exceptions.Exit(1)


def _wrong(found: Any) -> list[Line]:
    return [line for line in lines_of(found) if not line.fine]


def _differing(found: Any) -> list[str]:
    return [f"{line.a}--{line.b}" for line in _wrong(found) if line.a]


def _data(found: Any) -> Plain:
    lines = lines_of(found)
    return {
        "declaration": found.declaration,
        "as_declared": all(line.fine for line in lines),
        "links": [line.plain() for line in lines if line.a],
        "faults": [plain(fault) for fault in found.faults],
    }


def _text(declaration: str, shown: list[Line], lines: list[Line]) -> str:
    links = Counter(line.state for line in lines if line.a)
    others = ", ".join(f"{number} {state}" for state, number in sorted(links.items()) if state != _AS_DECLARED)
    summary = f"{count(links[_AS_DECLARED], 'link')} as declared by {declaration}" + (f", {others}" if others else "")
    rows = [(line.state, line.a, line.b, line.message) for line in shown]
    return f"{table(('STATE', 'A', 'B', 'MESSAGE'), rows)}\n\n{summary}" if rows else summary
