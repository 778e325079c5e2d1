"""The command line for topologies: ``python -m sdn.graph list | show | convert | check``.

It needs no daemon. Exit codes as with sdnctl: 0 done, 1 refused (or findings with --strict), 2 wrong command line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sdn.graph.check import findings, summary
from sdn.graph.dot import to_dot
from sdn.graph.files import assign_interfaces
from sdn.graph.generators import COMMON, GENERATORS
from sdn.graph.load import known_topologies, load_topology
from sdn.graph.svg import to_svg
from sdn.graph.write import to_graphml, to_json, to_yaml
from sdn.model.errors import SdnError
from sdn.model.topology import DeclaredTopology

_WRITERS = {"yaml": to_yaml, "json": to_json, "graphml": to_graphml, "dot": to_dot, "svg": to_svg}
_SUFFIXES = {"yml": "yaml", "gv": "dot"}


class _Refused(click.ClickException):
    """What is wrong with a topology, one line for each violation. Exit code 1."""

    def __init__(self, error: SdnError) -> None:
        super().__init__("\n".join(f"error: {violation}" for violation in error.violations))

    def show(self, file: object = None) -> None:
        """On standard error."""
        click.echo(self.message, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Show, check and convert topologies.

    SPEC is NAME, NAME:key=value,key=value, or the path of a YAML, JSON, GraphML or SNDlib XML file. Names: see list.
    """


@main.command("list")
def list_known() -> None:
    """All topologies that have a name, and the parameters of the generators."""
    for name in known_topologies():
        if name in GENERATORS:
            generator = GENERATORS[name]
            parameters = ",".join(f"{key}={bounds.default}" for key, bounds in generator.parameters.items())
            click.echo(f"{name}:{parameters}  {generator.about}")
        else:
            click.echo(f"{name}  {_first_line(name)}")
    click.echo(f"Generators also take {', '.join(COMMON)}, as fat-tree:k=4,capacity=1G,latency=5us,cost=10.")


def _first_line(name: str) -> str:
    topology = load_topology(name)
    size = f"{len(topology.switches)} switches, {len(topology.links)} links"
    return f"{topology.description}; {size}" if topology.description else size


@main.command()
@click.argument("spec")
def show(spec: str) -> None:
    """What a topology is: its size, degrees, quantities."""
    rows = list(summary(_load(spec)))
    width = max(len(heading) for heading, _ in rows)
    for heading, text in rows:
        click.echo(f"{heading:<{width}}  {text}")


@main.command()
@click.argument("spec")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; else standard output.")
@click.option("--to", "form", type=click.Choice(list(_WRITERS)), help="Format; else by the name of the file.")
@click.option("--interfaces", is_flag=True, help="Name all interfaces that SPEC leaves open.")
def convert(spec: str, output: Path | None, form: str | None, interfaces: bool) -> None:
    """Write a topology as YAML, JSON, GraphML, DOT (Graphviz) or SVG (a picture)."""
    if form is None:
        suffix = output.suffix.removeprefix(".").lower() if output else ""
        form = _SUFFIXES.get(suffix, suffix)
        if form not in _WRITERS:
            raise click.UsageError(f"Give --to, one of {', '.join(_WRITERS)}, or a file named like it.")
    topology = _load(spec)
    try:
        text = _WRITERS[form](assign_interfaces(topology) if interfaces else topology)
    except SdnError as error:
        raise _Refused(error) from None
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None


@main.command()
@click.argument("spec")
@click.option("--strict", is_flag=True, help="Exit code 1 if there is any finding.")
def check(spec: str, strict: bool) -> None:
    """Read a topology and tell where a single failure would divide it. Exit code 1 if it is wrong."""
    found = list(findings(_load(spec)))
    for text in found:
        click.echo(text)
    if not found:
        click.echo("No findings.")
    if strict and found:
        sys.exit(1)


def _load(spec: str) -> DeclaredTopology:
    try:
        return load_topology(spec, lambda text: click.echo(f"note: {text}", err=True))
    except SdnError as error:
        raise _Refused(error) from None


if __name__ == "__main__":
    main(prog_name="python -m sdn.graph")
