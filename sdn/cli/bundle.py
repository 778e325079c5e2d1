"""support-bundle: what somebody needs who is to find out what is wrong, in one file."""

from __future__ import annotations

import io
import json
import platform
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import click

from sdn.cli.files import write_whole
from sdn.cli.progress import working
from sdn.cli.render import as_json, as_json_line, clean, plain, plain_object
from sdn.cli.session import EXIT_USAGE, Session, common_names, fail, pass_session
from sdn.client import KINDS, ApiError, Client

_MAX_LINES = 20_000
"""Of each file that is a list; the manifest tells what was cut."""
_MAX_BYTES = 128 * 1024 * 1024
"""Of all files before they are packed."""
_PACKAGES = ("sdn-controller", "grpcio", "protobuf", "networkx", "cryptography")


@dataclass
class Bundle:
    """Files by name, and what could not be had. started: Unix time."""

    started: float
    files: dict[str, bytes] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    size: int = 0
    told: Callable[[str], None] = lambda name: None
    """Called with the name of each file that is collected."""

    def collect(self, name: str, get: Callable[[], Any]) -> None:
        """A file with what ``get`` returns, as JSON; what fails is noted and nothing else."""
        self._add(name, lambda: (as_json(get()) + "\n").encode())

    def collect_lines(self, name: str, get: Callable[[], Iterator[Any]]) -> None:
        """A file with one JSON document a line."""

        def lines() -> bytes:
            found = list(islice((as_json_line(item) for item in get()), _MAX_LINES + 1))
            if len(found) > _MAX_LINES:
                self.problems[name] = f"only the first {_MAX_LINES} of them"
            return "".join(f"{line}\n" for line in found[:_MAX_LINES]).encode()

        self._add(name, lines)

    def _add(self, name: str, make: Callable[[], bytes]) -> None:
        self.told(name)
        if self.size > _MAX_BYTES:
            self.problems[name] = "left out: the bundle is large enough"
            return
        try:
            data = make()
        except ApiError as error:
            self.problems[name] = f"{error.code.name}: {error}"
            return
        self.files[name] = data
        self.size += len(data)

    def packed(self) -> bytes:
        """The archive; the manifest comes first."""
        manifest = {"problems": self.problems, "files": {name: len(data) for name, data in self.files.items()}}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in {"manifest.json": (as_json(manifest) + "\n").encode(), **self.files}.items():
                info = tarfile.TarInfo(f"sdn-support/{name}")
                info.size, info.mtime, info.mode = len(data), int(self.started), 0o600
                archive.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


@click.command("support-bundle")
@click.argument("file", metavar="FILE.tar.gz", type=click.Path(dir_okay=False, path_type=Path))
@common_names
@pass_session
def support_bundle(session: Session, file: Path) -> None:
    """Collect in FILE what helps to find out what is wrong: status, settings, switches, programs, objects, events.

    \b
    sdnctl support-bundle sdn-support.tar.gz
    tar xzf sdn-support.tar.gz && cat sdn-support/manifest.json

    Everything is JSON. What cannot be had (the daemon is busy, or does not answer) is left out, and the manifest says
    so. Of each list the first 20,000 entries are taken. No secrets: no keys or tokens, only where they are, and no
    state file. But names, addresses and labels of tenants are in it; look before you send it. The exit code is 1 when
    anything is missing.
    """
    bundle = Bundle(time.time())
    try:
        opened = session.open(timeout=20.0)
    except ValueError as error:
        fail([str(error)], EXIT_USAGE)
    with opened as client, working("collecting") as tell:
        bundle.told = tell
        collect(bundle, client, session.address)
    write_whole(file, bundle.packed())
    told = {"file": str(file), "files": sorted(bundle.files), "problems": bundle.problems}
    session.show(lambda: told, lambda: f"{clean(str(file))}: {len(bundle.files)} files", lambda: [str(file)])
    if bundle.problems:
        fail(f"{name}: {problem}" for name, problem in bundle.problems.items())


def collect(bundle: Bundle, client: Client, address: str) -> None:
    """Everything, in the order in which it is most wanted."""
    bundle.collect("versions.json", lambda: _versions(address))
    bundle.collect("status.json", lambda: plain(client.status()))
    bundle.collect("settings.json", lambda: [plain(setting) for setting in client.settings()])
    bundle.collect("topology.json", lambda: plain(client.topology()))
    bundle.collect_lines("events.jsonl", lambda: (plain(event) for event in reversed(client.events())))
    for info in KINDS.values():
        bundle.collect_lines(
            f"objects/{info.collection}.jsonl",
            lambda info=info: (plain_object(m) for m in client.of_kind(info.kind).list()),  # type: ignore[misc]
        )
    for switch in _switches(bundle):
        bundle.collect_lines(f"flows/{switch}.jsonl", lambda switch=switch: map(plain, client.flows(switch)))  # type: ignore[misc]


def _switches(bundle: Bundle) -> list[str]:
    """Datapath ids, which are safe as names of files."""
    topology = json.loads(bundle.files.get("topology.json", b"{}"))
    return [switch["dpid"] for switch in topology.get("switches", ())]


def _versions(address: str) -> dict[str, Any]:
    found: dict[str, Any] = {"address": address, "python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
