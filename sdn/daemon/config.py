"""Settings of the daemon: built-in values, then a TOML file, then the environment, then flags, each over the last."""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from sdn import __version__
from sdn.daemon.logs import FORMATS, LEVELS
from sdn.model.errors import InvalidInput
from sdn.model.intent import DEFAULT_QUOTA, Quota
from sdn.model.setting import Source

SYSTEM_FILE = Path("/etc/sdn/sdnd.toml")
"""Read when it exists and no other file is named."""
LINK_RULES = ("seen", "declared")
SWITCH = ("on", "off")
BFD = ("auto", "on", "off")
LATENCY_RULES = ("declared", "measured")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

Value = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Config:
    """What ``sdnd`` can be told. The same names serve in files, as flags (with '-'), and as SDN_NAME variables."""

    state_dir: str = field(default="", metadata={"help": "where state is kept", "show": "DIR"})
    openflow: str = field(default="127.0.0.1:6653", metadata={"help": "where switches connect", "show": "HOST:PORT"})
    ovsdb: str = field(
        default="", metadata={"help": "where databases of switches connect, for iface-ids", "show": "HOST:PORT"}
    )
    grpc: str = field(
        default="127.0.0.1:50051", metadata={"help": "where the API listens, also unix:/PATH", "show": "HOST:PORT"}
    )
    topology: str = field(default="", metadata={"help": "declared topology: a file, or NAME:key=value", "show": "SPEC"})
    insecure: bool = field(default=False, metadata={"help": "listen beyond this machine without encryption"})
    tls_cert: str = field(default="", metadata={"help": "TLS for the API: certificate", "show": "FILE"})
    tls_key: str = field(default="", metadata={"help": "its private key", "show": "FILE"})
    tls_client_ca: str = field(
        default="", metadata={"help": "clients show a certificate of this authority", "show": "FILE"}
    )
    openflow_tls_cert: str = field(default="", metadata={"help": "TLS for switches: certificate", "show": "FILE"})
    openflow_tls_key: str = field(default="", metadata={"help": "its private key", "show": "FILE"})
    openflow_tls_ca: str = field(
        default="", metadata={"help": "switches show a certificate of this authority", "show": "FILE"}
    )
    tokens: str = field(default="", metadata={"help": "bearer tokens that are valid", "show": "FILE"})
    require_auth: bool = field(default=False, metadata={"help": "ask callers of this machine too who they are"})
    audit_log: str = field(default="", metadata={"help": "who wrote what, as lines of JSON", "show": "FILE"})
    log_level: str = field(default="info", metadata={"help": "how much is logged", "choices": LEVELS})
    log_format: str = field(default="text", metadata={"help": "how it is written", "choices": FORMATS})
    probe_interval: float = field(
        default=1.0, metadata={"help": "seconds between probes of a link", "range": (0.05, 60)}
    )
    probe_misses: int = field(default=3, metadata={"help": "unheard probes that end a link", "range": (1, 100)})
    damping_half_life: float = field(
        default=15.0, metadata={"help": "seconds in which a lost link's penalty halves, 0: none", "range": (0, 3600)}
    )
    use_links: str = field(
        default="seen", metadata={"help": "links that probes see, or of these the declared ones", "choices": LINK_RULES}
    )
    repair: str = field(
        default="on", metadata={"help": "switches send packets round failures by themselves", "choices": SWITCH}
    )
    link_latency: str = field(
        default="declared",
        metadata={"help": "latency of links: as declared, or else as measured", "choices": LATENCY_RULES},
    )
    start_grace: float = field(
        default=10.0, metadata={"help": "seconds to wait for known switches after a start", "range": (0, 3600)}
    )
    take_over: bool = field(
        default=False, metadata={"help": "claim switches that are another controller's, which must have ended"}
    )
    audit_interval: float = field(
        default=300.0, metadata={"help": "seconds between full read-backs of switches", "range": (1, 1e6)}
    )
    path_probe_interval: float = field(
        default=10.0,
        metadata={
            "help": "seconds between probes of a connection's path; 0: none",
            "range": (1, 3600),
            "zero": True,
        },
    )
    bfd: str = field(
        default="auto",
        metadata={"help": "watch links by BFD: where it can be, the same and tell where not, never", "choices": BFD},
    )
    bfd_interval: int = field(
        default=20, metadata={"help": "milliseconds between BFD frames of a link", "range": (5, 10_000)}
    )
    bfd_multiplier: int = field(
        default=3, metadata={"help": "BFD frames in a row that a link may lose", "range": (2, 255)}
    )
    oversubscription: float = field(
        default=1.0,
        metadata={"help": "how much of a link's capacity connections may reserve, 1: all", "range": (0.01, 1000)},
    )
    learn: str = field(
        default="",
        metadata={"help": "put unknown hosts into this network and learn them", "show": "tenants/T/networks/N"},
    )
    counter_interval: float = field(
        default=10.0,
        metadata={
            "help": "seconds between readings of the switches' counters; 0: none",
            "range": (0.5, 3600),
            "zero": True,
        },
    )
    metrics: str = field(
        default="", metadata={"help": "where Prometheus scrapes and health is asked by HTTP", "show": "HOST:PORT"}
    )
    metrics_tls_cert: str = field(default="", metadata={"help": "TLS for metrics: certificate", "show": "FILE"})
    metrics_tls_key: str = field(default="", metadata={"help": "its private key", "show": "FILE"})
    metrics_tls_client_ca: str = field(
        default="", metadata={"help": "who scrapes may show a certificate of this authority", "show": "FILE"}
    )
    metrics_without_ports: bool = field(
        default=False, metadata={"help": "no series for single ports, only for networks, links and switches"}
    )
    metrics_without_connections: bool = field(
        default=False, metadata={"help": "no series for single connections, only for networks, links and switches"}
    )
    quota_networks: int = field(
        default=DEFAULT_QUOTA.networks,
        metadata={"help": "networks that a tenant may have by default", "range": (1, 1e6)},
    )
    quota_subnets: int = field(
        default=DEFAULT_QUOTA.subnets, metadata={"help": "subnets that a tenant may have by default", "range": (1, 1e6)}
    )
    quota_routers: int = field(
        default=DEFAULT_QUOTA.routers, metadata={"help": "routers that a tenant may have by default", "range": (1, 1e6)}
    )
    quota_ports: int = field(
        default=DEFAULT_QUOTA.ports, metadata={"help": "ports that a tenant may have by default", "range": (1, 1e6)}
    )
    quota_connections: int = field(
        default=DEFAULT_QUOTA.connections,
        metadata={"help": "connections that a tenant may have by default", "range": (1, 1e6)},
    )
    restore: str = ""
    """A snapshot to put into the state directory before anything else; a flag alone, since it must happen once."""

    origins: Mapping[str, tuple[Source, str]] = field(default_factory=dict, compare=False, repr=False)
    """Where the values come from that are not built in: the source, and the file, variable or flag."""

    @property
    def quota(self) -> Quota:
        """Of tenants that have none of their own."""
        return Quota(**{item.name: getattr(self, f"quota_{item.name}") for item in fields(Quota)})


FIELDS = {item.name: item for item in fields(Config) if item.metadata}
"""All settings but --restore, by name, in order."""


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """Settings from a command line, the environment and the file they name.

    Raises InvalidInput saying where a wrong value stands. ``--help`` and wrong flags end the program (SystemExit).
    """
    flags = vars(_parser().parse_args(arguments))
    restore = flags.pop("restore") or ""
    named = flags.pop("config") or environment.get("SDN_CONFIG")
    values: dict[str, Value] = {}
    origins: dict[str, tuple[Source, str]] = {}
    if named or SYSTEM_FILE.exists():
        file = Path(named or SYSTEM_FILE)
        values |= _from_file(file)
        origins |= dict.fromkeys(values, (Source.FILE, str(file)))
    for name in FIELDS:
        variable = f"SDN_{name.upper()}"
        if environment.get(variable):
            values[name] = _read(name, environment[variable], variable)
            origins[name] = (Source.ENVIRONMENT, variable)
        if flags[name] is not None:
            values[name] = _read(name, flags[name], _flag(name))
            origins[name] = (Source.FLAG, _flag(name))
    if not values.get("state_dir"):
        values["state_dir"] = str(default_state_dir(environment))
    return Config(**values, restore=restore, origins=origins)  # type: ignore[arg-type]


def default_state_dir(environment: Mapping[str, str]) -> Path:
    """/var/lib/sdn for root, else below the user's XDG state directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/sdn")
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "sdn"


def split_address(text: str, name: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[::1]:port``; raises InvalidInput naming the setting."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise InvalidInput.of(name, f"{text[:80]!r} is not an address", "Write HOST:PORT or [IPv6]:PORT.")
    return match[1] or match[2], int(match[3])


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sdnd",
        description="The SDN controller. Without arguments it works.",
        epilog='Every setting can also stand in the file (state_dir = "/srv/sdn") or the environment (SDN_STATE_DIR); '
        "flags win over the environment, the environment over the file.",
    )
    parser.add_argument("--version", action="version", version=f"sdnd {__version__}")
    parser.add_argument(
        "--config", metavar="FILE", help=f"TOML file with settings (default: {SYSTEM_FILE} if it is there)"
    )
    parser.add_argument(
        "--restore",
        metavar="FILE",
        help="make a backup the content of the state directory and end; what was there is kept beside it",
    )
    for item in FIELDS.values():
        default = f" (default: {item.default})" if item.default not in ("", False) else ""
        text = item.metadata["help"] + default
        if isinstance(item.default, bool):
            parser.add_argument(_flag(item.name), action="store_const", const="true", help=text)
        else:
            show = item.metadata.get("show") or "|".join(item.metadata.get("choices", ("NUMBER",)))
            parser.add_argument(_flag(item.name), metavar=show, help=text)
    return parser


def _from_file(path: Path) -> dict[str, Value]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput.of("config", f"cannot read {path}: {error.strerror}", "Name a file that is there.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.of("config", f"{path} is not TOML: {error}", "Correct the file.") from None
    unknown = sorted(key for key in data if key not in FIELDS)
    if unknown:
        raise InvalidInput.of(f"{path}: {unknown[0]}", "no such setting", f"Choose from {', '.join(FIELDS)}.")
    return {key: _read(key, value, f"{path}: {key}") for key, value in data.items()}


def _read(name: str, value: object, where: str) -> Value:
    """A value of a setting, given as text or as TOML gave it; raises InvalidInput naming ``where``."""
    item = FIELDS[name]
    read: Callable[[object], Value]
    if isinstance(item.default, bool):
        read, remedy = _read_bool, "Write true or false."
    elif isinstance(item.default, int | float):
        low, high = item.metadata["range"]
        kind = type(item.default)
        or_zero = item.metadata.get("zero", False)
        remedy = f"Give a {'whole ' if kind is int else ''}number from {low:g} to {high:g}{', or 0' * or_zero}."

        def read(value: object) -> Value:
            number = float(value) if isinstance(value, str | int | float) and value is not True else float("nan")
            if not (low <= number <= high or (or_zero and number == 0)) or (kind is int and number != int(number)):
                raise ValueError
            return kind(number)
    else:
        choices = item.metadata.get("choices")
        remedy = f"Choose from {', '.join(choices)}." if choices else "Give text in quotes."

        def read(value: object) -> Value:
            if not isinstance(value, str) or (choices and value not in choices):
                raise ValueError
            return value

    try:
        return read(value)
    except ValueError:
        raise InvalidInput.of(where, f"{str(value)[:80]!r} does not do", remedy) from None


def _read_bool(value: object) -> bool:
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError
    return text in _TRUE
