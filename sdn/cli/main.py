"""The program: its commands and exit codes."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from sdn.cli import access
from sdn.cli.apply import apply
from sdn.cli.backup import backup, restore
from sdn.cli.bundle import support_bundle
from sdn.cli.certs import certs
from sdn.cli.connect import connect, path, why_not
from sdn.cli.delete import delete
from sdn.cli.diff import diff
from sdn.cli.drain import drain, undrain
from sdn.cli.draw import draw as draw  # joins the group topology
from sdn.cli.events import audit, events
from sdn.cli.forget import forget
from sdn.cli.logs import log_level
from sdn.cli.network import flows, topology
from sdn.cli.objects import describe, get
from sdn.cli.session import EXIT_FAILED, EXIT_INTERRUPTED
from sdn.cli.settings import settings
from sdn.cli.system import status, wait
from sdn.cli.top import top
from sdn.cli.trace import trace
from sdn.cli.utilisation import utilisation as utilisation  # joins the group topology
from sdn.cli.whatif import what_if
from sdn.cli.where import where
from sdn.cli.write import create, update
from sdn.client import DEFAULT_ADDRESS


def _version() -> str:
    try:
        return version("sdn-controller")
    except PackageNotFoundError:  # run from a tree that was never installed
        return "unknown"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--address",
    envvar="SDN_ADDRESS",
    default=DEFAULT_ADDRESS,
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT",
    help="Where sdnd listens; unix:/PATH works too.",
)
@access.access_options
@click.version_option(_version(), prog_name="sdnctl")
@click.pass_context
def cli(ctx: click.Context, /, address: str, context: str, **credentials: str) -> None:
    """Ask and direct sdnd, the SDN controller.

    \b
    sdnctl status                                      how is it?
    sdnctl apply -f examples.yaml --wait 30s           wish for networks and ports
    sdnctl diff -f examples.yaml                       what would that change?
    sdnctl update port h1 -t red labels.env=prod       change one thing
    sdnctl get ports -t red                            what is there?
    sdnctl where 10.0.0.12                             whose is it?
    sdnctl connect h1 h2 -t red --bandwidth 100M       a guaranteed path
    sdnctl flows leaf1 --owner tenants/red/ports/h1    what is in the switch, and why?
    sdnctl trace h1 h2 -t red --tcp 80                 what becomes of a packet, and why?
    sdnctl events --severity WARNING                   what went wrong?
    sdnctl top links                                   which links are full?
    sdnctl audit leaf1                                 does it hold what it should?
    sdnctl drain spine1 --wait 30s                     let traffic leave it, without a loss
    sdnctl forget 0000000000000007                     it is gone for good: wait for it no more
    sdnctl whoami                                      who am I, and what may I do?

    \b
    Exit codes:
      0  done
      1  refused or failed; standard error has one line for each thing that is wrong
      2  the command line is wrong
      3  the daemon does not answer
      4  it cannot be said for sure (trace)
      130  interrupted (Ctrl-C); a command that watches ends with 0 then

    \b
    Completion, of names too, in bash (zsh_source and fish_source for these):
      eval "$(_SDNCTL_COMPLETE=bash_source sdnctl)"
    """
    ctx.obj = access.settings(ctx, address, context, credentials)


_COMMANDS = (
    status,
    wait,
    topology,
    connect,
    why_not,
    path,
    what_if,
    apply,
    create,
    update,
    get,
    describe,
    delete,
    flows,
    audit,
    drain,
    undrain,
    forget,
    events,
    top,
    log_level,
    settings,
    backup,
    restore,
    certs,
    trace,
    where,
    diff,
    support_bundle,
)
for _command in (*_COMMANDS, *access.COMMANDS):
    cli.add_command(_command)


def main() -> None:
    """Run sdnctl; ends the process with one of its exit codes."""
    try:
        code = cli.main(prog_name="sdnctl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("sdnctl: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # who read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    sys.exit(code)


if __name__ == "__main__":
    main()
