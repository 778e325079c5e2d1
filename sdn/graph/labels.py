"""What drawings say about links: once for all where they are alike, else at each link."""

from __future__ import annotations

from sdn.graph.quantities import format_capacity, format_latency
from sdn.model.topology import DeclaredLink, DeclaredTopology


class Labels:
    """Texts for the links of one topology.

    caption: how large it is, and what all its links have in common.
    """

    def __init__(self, topology: DeclaredTopology) -> None:
        rows = [_row(link) for link in topology.links]
        self._common = {key for key in _row_keys() if len({row[key] for row in rows}) == 1}
        kinds = {"switch": topology.switches, "link": topology.links, "host": topology.hosts}
        size = ", ".join(counted(len(found), word) for word, found in kinds.items())
        common = ", ".join(rows[0][key] for key in _row_keys() if key in self._common and rows[0][key])
        self.caption = f"{topology.name}: {size}" + (f"; each link: {common}" if common else "")

    def short(self, link: DeclaredLink) -> str:
        """Capacity, latency and cost as far as links differ in them."""
        row = _row(link)
        return " ".join(row[key] for key in _row_keys() if key not in self._common and row[key])

    def full(self, link: DeclaredLink) -> str:
        """Everything about a link, for tooltips."""
        ends = " - ".join(":".join(filter(None, end)) for end in (link.a, link.b))
        groups = f"; risk groups {', '.join(sorted(link.risk_groups))}" if link.risk_groups else ""
        return f"{ends}: {', '.join(text for text in _row(link).values() if text)}{groups}"


def _row_keys() -> tuple[str, ...]:
    return ("capacity", "latency", "cost")


def _row(link: DeclaredLink) -> dict[str, str]:
    return {
        "capacity": format_capacity(link.capacity),
        "latency": format_latency(link.latency) if link.latency else "",
        "cost": f"cost {link.cost}",
    }


def counted(number: int, word: str) -> str:
    """``1 switch``, ``3 switches``."""
    ending = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number} {word}{ending}"
