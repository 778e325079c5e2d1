"""topology draw: the network as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sdn.cli.network import topology
from sdn.cli.render import clean, count
from sdn.cli.session import Session, common_names, fail, pass_session
from sdn.cli.words import id_of, tenant_of

_PNG_REMEDY = "Install it: pip install 'sdn-controller[png]'. SVG needs nothing."


@topology.command()
@click.argument("file", metavar="FILE.svg|FILE.png", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--ports", is_flag=True, help="With the ports of tenants, where they are bound.")
@click.option("--places", default="", metavar="TOPOLOGY", help="A topology whose switches say where to draw them.")
@common_names
@pass_session
def draw(session: Session, file: Path, ports: bool, places: str) -> None:
    """Draw switches and links into FILE, with the bandwidth reserved on a link as its colour.

    \b
    sdnctl topology draw fabric.svg
    sdnctl topology draw fabric.png --ports
    sdnctl topology draw wan.svg --places zoo:Abilene      as on that map

    Tooltips of the SVG tell capacity, latency, cost and what is reserved in each direction. PNG needs the extra 'png'.
    TOPOLOGY is what sdnd --topology takes.
    """
    suffix = file.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise click.UsageError(f"{file.name}: the name must end in .svg or .png.")
    convert = _png if suffix == ".png" else str.encode
    with session.client() as client:
        found = client.topology()
        bound = client.ports.list() if ports else []
    data = convert(_svg(found, bound, places))
    try:
        file.write_bytes(data)
    except OSError as error:
        fail([f"cannot write {file}: {error.strerror or error}. Name a file that you may write."])
    told = {"file": str(file), "switches": len(found.switches), "links": len(found.links), "size": len(data)}
    text = f"{clean(str(file))}: {count(len(found.switches), 'switch')}, {count(len(found.links), 'link')}"
    session.show(lambda: told, lambda: text, lambda: [str(file)])


def _svg(found: Any, ports: Any, places: str) -> str:
    from sdn.graph.drawing import SeenLink, draw  # the library for graphs takes longer to import than all the rest

    links = [
        SeenLink(
            (link.a.switch, link.a.interface),
            (link.b.switch, link.b.interface),
            link.cost,
            link.capacity_bps,
            link.latency_us,
            (link.reserved_ab_bps, link.reserved_ba_bps),
            link.up,
        )
        for link in found.links
    ]
    names = {switch.dpid: switch.name for switch in found.switches}
    bound = [
        (f"{tenant_of(p.name)}/{id_of(p.name)}", names.get(p.binding.switch, p.binding.switch), p.binding.interface)
        for p in ports
        if p.HasField("binding")
    ]
    switches = {switch.name: switch.dpid for switch in found.switches}
    try:
        return draw("network", switches, links, bound, places)
    except ValueError as error:
        fail([f"{error}. Let a switch connect first."])
    except Exception as error:
        if not hasattr(error, "violations"):
            raise
        fail(str(violation) for violation in error.violations)


def _png(svg: str) -> bytes:
    try:
        import resvg_py
    except ImportError:
        fail([f"PNG needs the package resvg-py, which is not installed. {_PNG_REMEDY}"])
    try:
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=2))
    except ValueError as error:
        fail([f"the picture cannot be made into PNG: {error}. Draw it as SVG."])
