"""log-level: how much the daemon logs."""

from __future__ import annotations

from collections.abc import Mapping

import click

from sdn.cli.render import table
from sdn.cli.session import Session, common_names, pass_session

_LEVELS = ("debug", "info", "warning", "error")


@click.command("log-level")
@click.argument("arguments", nargs=-1, metavar="[[LOGGER] LEVEL]")
@common_names
@pass_session
def log_level(session: Session, arguments: tuple[str, ...]) -> None:
    """Show how much the daemon logs, or change it until it ends: debug, info, warning or error.

    \b
    sdnctl log-level                          all loggers
    sdnctl log-level debug                    everything from debug up
    sdnctl log-level sdn.southbound debug     only what concerns the connections of switches
    sdnctl log-level sdn.southbound default   as all others again

    SIGHUP (systemctl reload sdnd) sets all of them to what the settings say.
    """
    if len(arguments) > 2 or (len(arguments) == 1 and arguments[0] not in _LEVELS):
        raise click.UsageError(f"give nothing, LEVEL, or LOGGER LEVEL. A level is one of {', '.join(_LEVELS)}.")
    with session.client() as client:
        if not arguments:
            levels = client.log_levels()
        else:
            level = "" if arguments[-1] == "default" else arguments[-1]
            levels = client.set_log_level(level, arguments[0] if len(arguments) == 2 else "")
    session.show(lambda: levels, lambda: _table(levels), lambda: [name for name in levels if name])


def _table(levels: Mapping[str, str]) -> str:
    return table(("LOGGER", "LEVEL"), [(name or "all", level or "default") for name, level in levels.items()])
