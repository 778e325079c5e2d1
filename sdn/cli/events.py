"""events and audit: what happened, and whether the switches hold what they should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.progress import working
from sdn.cli.render import as_json_line, as_yaml, clean, count, enum_word, plain, table
from sdn.cli.session import Session, common_names, pass_session

_EVENTS = ("NUMBER", "TIME", "SEVERITY", "REASON", "OBJECT", "MESSAGE")
_FINDINGS = ("SWITCH", "FOUND", "ENTRY", "TABLE", "PRIORITY", "OWNER", "MATCH")


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Go on with each new event, until interrupted.")
@click.option("--from", "from_number", type=click.IntRange(0), default=0, help="With --watch: begin with this number.")
@click.option("--object", "object_", default="", metavar="NAME", help="Only of this switch or object, and below it.")
@click.option("--reason", default="", metavar="WORD", help="Only with this reason: AuditFoundDifferences.")
@click.option("-l", "--selector", default="", metavar="LABELS", help="Only about objects that have these labels now.")
@click.option(
    "--severity",
    type=click.Choice(["INFO", "WARNING", "ERROR"], case_sensitive=False),
    default="INFO",
    show_default=True,
    help="This and what is above it.",
)
@common_names
@pass_session
def events(
    session: Session, watch: bool, from_number: int, object_: str, reason: str, selector: str, severity: str
) -> None:
    """Show what happened, the oldest first: switches that came and went, what audits found, what was refused.

    \b
    sdnctl events
    sdnctl events --object leaf1 --severity WARNING
    sdnctl events -l env=prod                 about objects with this label
    sdnctl events --watch -o json | jq 'select(.reason == "AuditFoundDifferences")'

    With --watch there is one event a line (JSON), or one document each (YAML). With -o name: the objects and switches
    that events are about, each once, or with --watch one for each event. The daemon keeps the newest 10,000.
    """
    if from_number and not watch:
        raise click.UsageError("--from goes with --watch.")
    wanted = {"object": object_, "reason": reason, "severity": severity.upper(), "selector": selector}
    with session.client() as client:
        if watch:
            with client.watch_events(from_number, **wanted) as stream, suppress(KeyboardInterrupt):
                for event in stream:
                    click.echo(_one(session, event))
            return
        found = client.events(**wanted)
    session.show(
        lambda: [plain(event) for event in found],
        lambda: _table(found),
        lambda: dict.fromkeys(event.object for event in found if event.object),
    )


def _one(session: Session, event: Any) -> str:
    if session.output == "json":
        return as_json_line(plain(event))
    if session.output == "yaml":
        return f"---\n{as_yaml(plain(event))}"
    if session.output == "name":
        return clean(event.object) or "-"
    return "  ".join(clean(str(cell)) or "-" for cell in _row(event))


def _row(event: Any) -> tuple[object, ...]:
    severity = enum_word(event.DESCRIPTOR.fields_by_name["severity"].enum_type, event.severity)
    return event.number, event.time.ToJsonString(), severity, event.reason, event.object, event.message


def _table(found: Sequence[Any]) -> str:
    return table(_EVENTS, map(_row, found)) if found else "no events"


@click.command()
@click.argument("switches", nargs=-1, metavar="[SWITCH]...", shell_complete=complete.switches)
@common_names
@pass_session
def audit(session: Session, switches: Sequence[str]) -> None:
    """Compare what switches hold with their programs, and repair it. Without SWITCH: all that are connected.

    \b
    sdnctl audit
    sdnctl audit leaf1 -o json | jq '.[].findings'

    The daemon does this by itself for one switch after the other; entries of other programs are left alone.
    """
    with session.client() as client:
        names = switches or [switch.name for switch in client.topology().switches if switch.connected]
        with working("reading back") as tell:
            reports: list[Any] = []
            for name in names:
                tell(f"{name} ({len(reports) + 1} of {len(names)})")
                reports.append(client.audit(name))
    session.show(lambda: [plain(report) for report in reports], lambda: _reports(reports), lambda: names)


def _reports(reports: Iterable[Any]) -> str:
    lines = [_summary(report) for report in reports]
    rows = [(r.switch, f.kind, f.entry, f.table, f.priority, f.owner, f.match) for r in reports for f in r.findings]
    text = "\n".join(lines) or "no switches"
    return f"{text}\n\n{table(_FINDINGS, rows)}" if rows else text


def _summary(report: Any) -> str:
    wrong = [f"{number} {word}" for word in ("missing", "changed", "extra") if (number := getattr(report, word))]
    found = f"{', '.join(wrong)}; being repaired" if wrong else "as it should be"
    aliens = [count(report.alien_flows, "flow")] if report.alien_flows else []
    aliens += [count(report.alien_groups, "group")] if report.alien_groups else []
    left = f"; {' and '.join(aliens)} of other programs left alone" if aliens else ""
    return f"{clean(report.switch)}: {report.checked} entries, {found}{left}"
