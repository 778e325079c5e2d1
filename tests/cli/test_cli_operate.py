"""where, diff, topology draw, support-bundle, progress, completion, and the page of all commands."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from click.shell_completion import ShellComplete

import sdn.cli
from sdn.cli import bundle as bundles
from sdn.cli.main import cli
from sdn.cli.progress import followed
from sdn.cli.reference import page
from sdn.model.errors import Unavailable
from sdn.v1 import resources_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
RED = "tenants/red"


# where


def test_where_finds_ports_of_all_tenants_and_gateways(run: Any, red: str) -> None:
    result = run("where", "10.0.0.11")
    assert result.exit_code == 0
    header, row = result.stdout.splitlines()
    assert header.split() == ["NAME", "WHAT", "NETWORK", "SWITCH", "INTERFACE", "STATE"]
    assert row.split() == [f"{RED}/ports/h1", "address", f"{RED}/networks/web", "leaf1", "h1-eth0", "PROGRAMMED"]
    assert run("where", "02-00-00-00-00-11", "-o", "name").stdout == f"{RED}/ports/h1\n"
    assert run("where", "10.0.0.1", "-o", "name").stdout == f"{RED}/subnets/v4\n"
    assert [o["name"] for o in json.loads(run("where", "10.0.0.12", "-o", "json").stdout)] == [f"{RED}/ports/h2"]


def test_where_finds_addresses_that_a_port_may_use_beside_its_own(run: Any, red: str) -> None:
    pairs = "allowed_address_pairs: [{address: 10.0.0.100, mac: '02:00:00:00:aa:01'}, {address: 10.244.0.0/16}]"
    manifest = red.replace("addresses: [10.0.0.11]", f"addresses: [10.0.0.11]\n{pairs}")
    assert run("apply", "-f", "-", stdin=manifest).exit_code == 0
    for wanted in ("10.0.0.100", "02:00:00:00:aa:01", "10.244.7.7"):
        row = run("where", wanted).stdout.splitlines()[1].split()
        assert row[:2] == [f"{RED}/ports/h1", "allowed"]
    assert run("where", "fd00::1").exit_code == 1


def test_where_says_that_nobody_has_it(run: Any, red: str) -> None:
    assert (run("where", "10.9.9.9").exit_code, run("where", "10.9.9.9").stderr) == (1, "sdnctl: nobody has 10.9.9.9\n")
    assert run("where", "10.0.0.11", "-t", "blue").exit_code == 1
    wrong = run("where", "10.0.0")
    assert wrong.exit_code == 2
    assert "neither an address nor a MAC" in wrong.stderr


# diff


def test_diff_of_what_is_applied_is_nothing(run: Any, red: str) -> None:
    result = run("diff", "-f", "-", stdin=red)
    assert (result.exit_code, result.stdout) == (0, "no difference\n")


def test_diff_tells_fields_and_writes_nothing(run: Any, daemon: Any, red: str) -> None:
    changed = red.replace("10.0.0.11", "10.0.0.21").replace("the first", "the same").replace("env: lab", "env: prod")
    changed += f"---\nkind: Network\nname: {RED}/networks/new\n"
    revision = daemon.store.revision
    result = run("diff", "-f", "-", stdin=changed)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "~ tenants/red",
        "    metadata.description: the first -> the same",
        f"~ {RED}/ports/h1",
        "    metadata.labels.env: lab -> prod",
        '    addresses: ["10.0.0.11"] -> ["10.0.0.21"]',
        f"+ {RED}/networks/new",
        "    mtu: 1500",
    ]
    assert daemon.store.revision == revision
    found = json.loads(run("diff", "-f", "-", "-o", "json", stdin=changed).stdout)
    assert [(d["name"], d["change"]) for d in found][2] == (f"{RED}/networks/new", "created")
    assert found[0]["fields"] == [{"field": "metadata.description", "before": "the first", "after": "the same"}]
    assert run("diff", "-f", "-", "-o", "name", stdin=changed).stdout.splitlines()[0] == "tenants/red"


def test_diff_has_the_exit_codes_of_diff(run: Any, red: str) -> None:
    assert run("diff", "-f", "-", stdin="kind: Nothing\n").exit_code == 2
    refused = run("diff", "-f", "-", stdin=red.replace("10.0.0.11", "10.7.7.7"))
    assert refused.exit_code == 2
    assert "standard input" in refused.stderr
    assert run("diff", "-f", "-", stdin=red, address="127.0.0.1:1").exit_code == 3


# topology draw


def test_the_drawing_shows_load_as_colour(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "net.svg"
    result = run("topology", "draw", str(file))
    assert (result.exit_code, result.stdout) == (0, f"{file}: 2 switches, 1 link\n")
    root = ElementTree.fromstring(file.read_text())
    (link,) = [e for e in root.iter() if e.get("class") == "link"]
    assert "#2b8a3e" in str(link.get("style"))
    assert next(e.text for e in link.iter() if e.tag.endswith("title")) == (
        "leaf1:up1 - spine1:d1: 10G, 1.5ms, cost 10, reserved 1% and 0%"
    )
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert {"leaf1", "spine1"} <= set(texts)
    assert "reserved: green up to 50%, yellow to 80%, orange to 95%, red above; dashed: down" in texts


def test_the_drawing_with_ports_as_png(run: Any, red: str, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="the extra 'png' is not installed")
    file = tmp_path / "net.png"
    assert run("topology", "draw", str(file), "--ports").exit_code == 0
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
    svg = tmp_path / "net.svg"
    assert run("topology", "draw", str(svg), "--ports").exit_code == 0
    assert "red/h1" in svg.read_text()


def test_what_cannot_be_drawn(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = run("topology", "draw", str(tmp_path / "net.pdf"))
    assert (wrong.exit_code, "must end in .svg or .png" in wrong.stderr) == (2, True)
    nowhere = run("topology", "draw", str(tmp_path / "no" / "net.svg"))
    assert (nowhere.exit_code, "cannot write" in nowhere.stderr) == (1, True)
    places = run("topology", "draw", str(tmp_path / "net.svg"), "--places", "nonsense")
    assert (places.exit_code, "there is no topology 'nonsense'" in places.stderr) == (1, True)
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    png = run("topology", "draw", str(tmp_path / "net.png"))
    assert (png.exit_code, "pip install 'sdn-controller[png]'" in png.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


# support-bundle


def unpacked(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        found = {}
        for member in archive.getmembers():
            data = archive.extractfile(member)
            assert data is not None
            assert member.mode == 0o600
            found[member.name.removeprefix("sdn-support/")] = data.read().decode()
    return found


def test_a_bundle_holds_what_helps(run: Any, red: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    run("support-bundle", str(file))  # the daemon of this test knows no switch spine1
    files = unpacked(file)
    assert json.loads(files["status.json"])["version"] == "1.2.3"
    assert [s["name"] for s in json.loads(files["topology.json"])["switches"]] == ["leaf1", "spine1"]
    assert {json.loads(line)["name"] for line in files["objects/ports.jsonl"].splitlines()} == {
        f"{RED}/ports/h1",
        f"{RED}/ports/h2",
    }
    assert json.loads(files["versions.json"])["grpcio"]
    assert {item["name"]: item["value"] for item in json.loads(files["settings.json"])}["grpc"] == "127.0.0.1:1"
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_had_is_noted_and_the_rest_is_there(
    run: Any, red: str, daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise Unavailable.of("", "busy", "Try again.")

    monkeypatch.setattr(daemon, "system", broken)
    file = tmp_path / "bundle.tar.gz"
    result = run("support-bundle", str(file))
    assert result.exit_code == 1
    assert "sdnctl: status.json: UNAVAILABLE: busy. Try again." in result.stderr.splitlines()
    files = unpacked(file)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["problems"]["status.json"] == "UNAVAILABLE: busy. Try again."
    assert manifest["files"] == {name: len(text.encode()) for name, text in files.items()}
    assert "objects/ports.jsonl" in files
    away = run("support-bundle", str(file), address="127.0.0.1:1")
    assert away.exit_code == 1
    assert list(unpacked(file)) == ["manifest.json", "versions.json"]


def test_a_bundle_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_MAX_LINES", 3)
    monkeypatch.setattr(bundles, "_MAX_BYTES", 10)
    bundle = bundles.Bundle(1.7e9)
    bundle.collect_lines("many", lambda: iter(range(10**9)))
    bundle.collect("large", lambda: "x" * 20)
    bundle.collect("more", lambda: "x")
    assert bundle.files["many"] == b"0\n1\n2\n"
    assert bundle.problems == {"many": "only the first 3 of them", "more": "left out: the bundle is large enough"}
    with tarfile.open(fileobj=io.BytesIO(bundle.packed())) as archive:
        assert len(archive.getnames()) == 3


# progress


def port(name: str, state: Any) -> pb.Port:
    return pb.Port(name=f"{RED}/ports/{name}", status=pb.Status(state=state))


@dataclass
class Stream:
    """A watch that tells these, and then nothing until it is closed."""

    messages: list[pb.Port]
    closed: Any = field(default_factory=__import__("threading").Event)

    def __iter__(self) -> Iterator[Any]:
        for message in self.messages:
            yield type("Change", (), {"resource": message})
        assert self.closed.wait(20)

    def close(self) -> None:
        self.closed.set()


class Watched:
    """A client whose only kind tells these changes."""

    def __init__(self, *messages: pb.Port) -> None:
        self.stream = Stream(list(messages))
        self.asked: list[tuple[str, str]] = []

    def of_kind(self, kind: str) -> Watched:
        self.kind = kind
        return self

    def watch(self, parent: str) -> Stream:
        self.asked.append((self.kind, parent))
        return self.stream


def test_progress_counts_what_has_settled() -> None:
    client: Any = Watched(
        port("other", pb.PENDING), port("a", pb.PROGRAMMED), port("b", pb.PENDING), port("b", pb.FAILED)
    )
    told: list[int] = []
    wish = [port("a", pb.PENDING), port("b", pb.PENDING), port("c", pb.PROGRAMMED)]
    found = followed(client, wish, 20.0, told.append)
    assert [(m.name[-1], m.status.state) for m in found] == [
        ("a", pb.PROGRAMMED),
        ("b", pb.FAILED),
        ("c", pb.PROGRAMMED),
    ]
    assert (told[0], told[-1]) == (1, 3)
    assert client.asked == [("Port", RED)]
    assert client.stream.closed.is_set()


def test_progress_ends_at_its_time_with_things_as_they_are() -> None:
    client: Any = Watched(port("a", pb.PROGRAMMED))
    found = followed(client, [port("a", pb.PENDING), port("b", pb.PENDING)], 0.2, lambda done: None)
    assert [m.status.state for m in found] == [pb.PROGRAMMED, pb.PENDING]


def test_nothing_is_watched_when_all_has_settled() -> None:
    client: Any = Watched()
    assert followed(client, [port("a", pb.PROGRAMMED)], 20.0, lambda done: None)[0].name == f"{RED}/ports/a"
    assert client.asked == []


# completion


def completions(address: str, *arguments: str) -> list[str]:
    """What a shell offers behind these words; the last one is incomplete."""
    complete = ShellComplete(cli, {}, "sdnctl", "_SDNCTL_COMPLETE")
    return [item.value for item in complete.get_completions(["--address", address, *arguments[:-1]], arguments[-1])]


def test_names_are_completed_by_asking_the_daemon(api: Any, red: str) -> None:
    def found(*arguments: str) -> list[str]:
        return completions(api.address, *arguments)

    assert found("get", "po") == ["ports"]
    assert found("get", "ports", "-t", "red", "") == ["h1", "h2"]
    assert found("get", "port", "tenants/red/ports/h") == [f"{RED}/ports/h1", f"{RED}/ports/h2"]
    assert found("delete", "network", "-t", "red", "w") == ["web"]
    assert found("get", "ports", "-t", "") == ["red"]
    assert found("flows", "") == ["leaf1", "spine1"]
    assert found("audit", "leaf1", "sp") == ["spine1"]
    assert found("trace", "-t", "red", "h1", "") == ["h1", "h2"]
    assert found("connect", "-t", "red", "h1", "h2") == ["h2"]
    assert found("path", "le") == ["leaf1"]
    assert found("path", "-t", "red", "h1") == ["h1"]


def test_without_a_daemon_nothing_is_completed_and_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert completions("127.0.0.1:1", "get", "ports", "") == []
    assert completions("127.0.0.1:1", "flows", "") == []
    out = capfd.readouterr()
    assert (out.out, [line for line in out.err.splitlines() if "Traceback" in line or "rror" in line]) == ("", [])


# help


def commands(group: click.Group, path: str = "sdnctl") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(commands(cli)), ids=str)
def test_every_command_teaches_by_example(path: str, command: click.Command) -> None:
    assert command.help
    if not isinstance(command, click.Group):
        assert path in command.help, "an example as it is typed"


def test_every_command_that_is_written_can_be_called() -> None:
    reachable = {id(cli), *(id(command) for _, command in commands(cli))}
    modules = [import_module(f"sdn.cli.{module.name}") for module in iter_modules(sdn.cli.__path__)]
    written = {f"{m.__name__}.{n}": c for m in modules for n, c in vars(m).items() if isinstance(c, click.Command)}
    assert [name for name, command in written.items() if id(command) not in reachable] == []


def test_the_page_of_commands_is_current() -> None:
    assert page() == (ROOT / "docs/sdnctl.md").read_text(encoding="utf-8"), "run ./dev reference and commit the result"
