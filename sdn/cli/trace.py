"""trace: what would become of a packet, as a tree; and what became of a probe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import click

from sdn.cli import complete
from sdn.cli.objects import tenant_option
from sdn.cli.progress import working
from sdn.cli.render import clean, enum_word, plain
from sdn.cli.session import EXIT_DIFFERS, EXIT_FAILED, EXIT_OK, EXIT_UNCERTAIN, Session, common_names, pass_session
from sdn.cli.words import full_name
from sdn.client import KINDS

_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}")
_VERDICTS = {"DELIVERED": EXIT_OK, "NOT_DELIVERED": EXIT_FAILED}
_LIVE = {
    "ARRIVED": (EXIT_OK, "the probe arrived"),
    "ENDED": (EXIT_FAILED, "the probe ended"),
    "LOST": (EXIT_DIFFERS, "the probe was lost"),
    "DETOURED": (EXIT_DIFFERS, "the probe strayed"),
    "NOT_SENT": (EXIT_UNCERTAIN, "no probe was sent"),
    "UNSURE": (EXIT_UNCERTAIN, "what the probe did is not sure"),
}
"""Exit code and words by verdict."""
_WORDS = {
    "DELIVERED": "delivered",
    "NOT_DELIVERED": "not delivered",
    "PERHAPS": "delivered on some of several equal ways only",
    "UNSURE": "cannot be told",
}


@click.command()
@click.argument("source", metavar="SRC", shell_complete=complete.ports)
@click.argument("destination", metavar="[DST]", default="", shell_complete=complete.ports)
@tenant_option
@click.option("--icmp", "protocol", flag_value="ICMP", default="ICMP", help="An echo request (the default).")
@click.option("--tcp", type=click.IntRange(1, 65535), metavar="PORT", help="The first segment of a connection.")
@click.option("--udp", type=click.IntRange(1, 65535), metavar="PORT", help="A datagram.")
@click.option("--arp", "protocol", flag_value="ARP", help="The question for the MAC of DST: ARP, or ND for IPv6.")
@click.option("-4", "version", flag_value=4, type=int, help="IPv4, where DST has both.")
@click.option("-6", "version", flag_value=6, type=int, help="IPv6, where DST has both.")
@click.option("--from-mac", default="", metavar="MAC", help="Another source MAC: is it refused?")
@click.option("--from-address", default="", metavar="IP", help="Another source address: is it refused?")
@click.option("--size", type=click.IntRange(0, 65535), default=0, metavar="BYTES", help="Of the IP packet.")
@click.option("--ttl", type=click.IntRange(1, 255), default=64, show_default=True, metavar="HOPS", help="Hops to live.")
@click.option("--frame", default="", metavar="HEX", help="A whole Ethernet frame instead of all this.")
@click.option("--live", is_flag=True, help="Send it as a probe too, which no host gets, and compare.")
@click.option("-v", "--verbose", is_flag=True, help="With the actions of every flow.")
@common_names
@pass_session
def trace(
    session: Session,
    source: str,
    destination: str,
    tenant: str,
    protocol: str,
    tcp: int | None,
    udp: int | None,
    version: int | None,
    from_mac: str,
    from_address: str,
    size: int,
    ttl: int,
    frame: str,
    live: bool,
    verbose: bool,
) -> None:
    """Follow a packet of the port SRC to DST (a port, an address or a MAC) on paper, and with --live in the switches.

    \b
    sdnctl trace h1 h5 -t red                          an echo request
    sdnctl trace h1 h5 -t red --tcp 443 -6
    sdnctl trace tenants/red/ports/h1 10.0.2.7 --udp 53
    sdnctl trace h1 h5 -t red --tcp 443 --live         and do switches do so?
    sdnctl trace h1 10.0.1.1 -t red --arp              does the gateway answer?
    sdnctl trace h1 10.0.1.9 -t red --from-address 10.0.1.66    is a forged address refused?
    sdnctl trace h1 ff:ff:ff:ff:ff:ff -t red           who gets a broadcast?
    sdnctl trace h1 h5 -t red -o json | jq '.parts[].steps[] | select(.end == "NoMatch")'

    The program of every switch is carried out: each table, what its flow matched, changed, and who asked for it; copies
    and choices between equal ways (a select group) fork. Where SRC must ask for a MAC first, the question is followed
    too. Drops tell the reason.

    --live sends the packet through the tables of the switches, from the first one to where it would leave for a host.
    Each switch on the way tells of it, and the way is held against the programs: where it was lost, or strayed. More
    probes tell then whether a switch or a link is to blame. Not for --arp, --frame, groups and gateways; for operators.

    \b
    Exit codes:
      0  delivered, whichever way it takes; with --live: the probe arrived
      1  not delivered, or the question was refused; with --live: the probe did not arrive, as the programs say
      4  delivered on some ways only, or it cannot be told
      5  the probe was lost or strayed, against the programs
    """
    if bool(destination) == bool(frame):
        raise click.UsageError("give either DST, or --frame HEX.")
    port = KINDS["Port"]
    fields = _fields(protocol, tcp, udp)
    fields |= {"ip_version": version or 0, "from_mac": from_mac, "from_address": from_address, "size": size, "ttl": ttl}
    if frame:
        fields = {"frame": _bytes(frame)}
    target = destination if _is_address(destination) or not destination else full_name(port, destination, tenant)
    with session.client() as client, working("following the packet"):
        found = client.trace(full_name(port, source, tenant), target, live=live, **fields)
    verdict = enum_word(found.DESCRIPTOR.fields_by_name["verdict"].enum_type, found.verdict)
    session.show(lambda: plain(found), lambda: _text(found, verdict, verbose), lambda: _receivers(found))
    raise click.exceptions.Exit(_exit_code(found, verdict))


def _exit_code(found: Any, verdict: str) -> int:
    return _LIVE[_live_word(found)][0] if found.HasField("live") else _VERDICTS.get(verdict, EXIT_UNCERTAIN)


def _live_word(found: Any) -> str:
    word = enum_word(found.live.DESCRIPTOR.fields_by_name["verdict"].enum_type, found.live.verdict)
    return word if word in _LIVE else "UNSURE"


def _fields(protocol: str, tcp: int | None, udp: int | None) -> dict[str, Any]:
    if (tcp is not None) + (udp is not None) + (protocol == "ARP") > 1:
        raise click.UsageError("give one of --tcp, --udp and --arp.")
    if tcp is not None:
        return {"protocol": "TCP", "port": tcp}
    return {"protocol": "UDP", "port": udp} if udp is not None else {"protocol": protocol}


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(re.sub("[:-]", "", text))
    except ValueError:
        raise click.UsageError("--frame takes hexadecimal digits.") from None


def _is_address(text: str) -> bool:
    if _MAC.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _receivers(found: Any) -> list[str]:
    return sorted({delivery.port for delivery in found.parts[-1].deliveries if delivery.port}) if found.parts else []


def _text(found: Any, verdict: str, verbose: bool) -> str:
    parts = ["\n".join([clean(part.title), *Tree(part.steps, verbose).lines()]) for part in found.parts]
    parts.append(f"{_WORDS.get(verdict, verdict)}: {clean(found.reason)}")
    if found.HasField("live"):
        parts.append("\n".join(["probe", *map(_hop, found.live.hops)]))
        should = [step for step in found.parts[-1].steps if step.number in found.live.loss.steps] if found.parts else []
        if should:
            parts.append("\n".join(["what should have happened where it was lost", *Tree(should, verbose).lines()]))
        parts.append(f"{_LIVE[_live_word(found)][1]}: {clean(found.live.reason)}")
    return "\n\n".join(parts)


def _hop(hop: Any) -> str:
    time = f"{hop.after_us / 1000:7.2f} ms +-{hop.error_us / 1000:.2f}" if hop.HasField("after_us") else "?"
    where = f" by {hop.interface}" if hop.interface else f" for {hop.port}" if hop.port else ""
    strange = "" if hop.expected else "  * not by the programs"
    return f"  {time:18}  {clean(hop.switch)}: {clean(hop.event)}{clean(where)}{strange}"


class Tree:
    """The steps of a part as indented lines; what several ways lead to is told once, and then referred to."""

    def __init__(self, steps: Any, verbose: bool) -> None:
        self._steps = {step.number: step for step in steps}
        self._verbose = verbose
        self._told: set[int] = set()
        uses = Counter(number for step in steps for number in step.next)
        self._shared = {number for number, count in uses.items() if count > 1}

    def lines(self) -> Iterator[str]:
        """Top down; a fork goes deeper with all that follows, a switch with what happens inside it."""
        stack = [(min(self._steps), 1, 1)] if self._steps else []
        while stack:
            number, depth, base = stack.pop()
            step = self._steps[number]
            depth = base if step.doing == "arrive" else depth
            pad = "  " * depth
            if number in self._told:
                yield f"{pad}as from ({number}) on"
                continue
            self._told.add(number)
            mark = f"({number}) " if number in self._shared else ""
            for index, line in enumerate(self._step(step)):
                yield f"{pad}{mark if not index else ''}{clean(line)}"
            if len(step.next) > 1 or step.doing == "bucket":
                base = depth + 1
            deeper = depth + (len(step.next) > 1 or step.doing in ("arrive", "bucket"))
            stack += [(following, deeper, base) for following in reversed(step.next) if following in self._steps]

    def _step(self, step: Any) -> Iterator[str]:
        if step.doing == "arrive":
            away = " (not connected: as it was)" if step.away else ""
            yield f"{step.switch}{away}: in by {step.interface}" + (f", {step.port}" if step.port else "")
        elif step.doing == "table":
            yield f"{step.table}: {self._flow(step)}"
        elif step.doing == "group":
            yield f"{'one of' if step.choice else 'group'} {step.match}{_owned(step)}"
        elif step.doing == "bucket":
            yield f"{step.share} of {step.shares}" if step.shares > 1 else step.match
        elif step.end != "Controller":
            yield f"out of {step.interface}"
        if self._verbose and step.actions and step.doing == "table":
            yield f"    {step.actions}"
        if step.changes:
            yield "    " + ", ".join(f"{change.field}={change.after or 'none'}" for change in step.changes)
        if step.end:
            yield f"  * {step.reason}"

    def _flow(self, step: Any) -> str:
        if not step.owner and not step.actions:
            return "no match"
        return f"{step.match or 'any'}{_owned(step)}"


def _owned(step: Any) -> str:
    pending = ", pending" if step.state == "pending" else ""
    return f"  [{step.owner} {step.feature}{pending}]" if step.owner else ""
