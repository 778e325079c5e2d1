"""Backup and restore of a running sdnd over its API and its command line, and of a stopped one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from store_daemon import Process, process

from sdn.cli.main import cli
from sdn.client import ApiError, Client
from sdn.persist import Journal, snapshot
from sdn.v1 import admin_pb2 as apb
from sdn.v1 import admin_pb2_grpc as arpc
from sdn.v1 import resources_pb2 as pb

T = "tenants/red"
NET, PORT = f"{T}/networks/web", f"{T}/ports/h1"


def fill(client: Client) -> None:
    client.apply(
        [
            pb.Tenant(name=T),
            pb.Network(name=NET),
            pb.Subnet(name=f"{T}/subnets/v4", network="web", cidr="10.0.0.0/24"),
            pb.Port(name=PORT, network="web"),
            pb.Port(name=f"{T}/ports/h2", network="web"),
        ]
    )


def said(client: Client) -> dict[str, bytes]:
    """Every object but for what the daemon adds."""
    found = {}
    for kind in ("tenants", "networks", "subnets", "routers", "ports", "connections"):
        for item in getattr(client, kind).list():
            item.ClearField("status")
            for field in ("etag", "create_time"):
                item.metadata.ClearField(field)
            found[item.name] = item.SerializeToString(deterministic=True)
    return found


def run(running: Process, *arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, env={"SDN_ADDRESS": running.address}, prog_name="sdnctl")
    assert done.exit_code == 0, done.output
    return done.output


def sdnd(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sdn.app", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def numbers(state: Path) -> dict[str, str]:
    return snapshot.read(snapshot.take(state / "state.db"))["numbers"]


def test_a_running_daemon_returns_to_a_snapshot(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b.db"
    with process(state) as running, Client.connect(running.address, deadline=20) as client:
        fill(client)
        before, numbered = said(client), numbers(state)
        etag = client.networks.get(NET).metadata.etag
        assert "SHA-256" in run(running, "backup", str(file))
        assert file.stat().st_mode & 0o777 == 0o600
        assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)

        client.ports.delete(PORT)
        client.tenants.create(pb.Tenant(name="tenants/blue"))
        client.tenants.update(pb.Tenant(name=T, metadata=pb.Metadata(description="other")))
        after = said(client)
        told = run(running, "restore", str(file), "--dry-run")
        assert told.splitlines() == [
            f"created  {PORT}",
            f"updated  {T}",
            "deleted  tenants/blue",
            "3 objects would change",
        ]
        assert said(client) == after
        assert "3 objects changed" in run(running, "restore", str(file))
        assert said(client) == before
        assert client.networks.get(NET).metadata.etag == etag
        assert "0 objects changed" in run(running, "restore", str(file))
        now = numbers(state)
        assert {key: now[key] for key in numbered if "h1" not in key} == {
            key: text for key, text in numbered.items() if "h1" not in key
        }


def test_what_cannot_be_restored_changes_nothing(tmp_path: Path) -> None:
    with process(tmp_path / "state") as running, Client.connect(running.address, deadline=20) as client:
        fill(client)
        data = client.backup()
        client.ports.delete(PORT)
        client.apply([pb.Network(name=f"{T}/networks/db"), pb.Port(name=PORT, network="db")])
        client.tenants.create(pb.Tenant(name="tenants/blue"))
        before = said(client)
        with pytest.raises(ApiError, match=f"{PORT}: network: cannot change") as caught:
            client.restore(data)
        assert "Delete" in str(caught.value)
        for wrong in (data[:-5000], b"no database", data.replace(b"tenants/red", b"tenants/rod", 1)):
            with pytest.raises(ApiError) as caught:
                client.restore(wrong)
            assert caught.value.code.name == "INVALID_ARGUMENT"
            assert "sdnctl backup" in str(caught.value)
        assert said(client) == before


def test_a_restore_in_a_wrong_form_is_refused(tmp_path: Path) -> None:
    with process(tmp_path / "state") as running, grpc.insecure_channel(running.address) as channel:
        stub = arpc.AdminServiceStub(channel)
        options = apb.RestoreRequest(options=apb.RestoreOptions(sha256=b"x" * 32))
        data = apb.RestoreRequest(data=b"SQLite")
        for parts, field in (
            ([], "data"),
            ([data], "options"),
            ([options], "data"),
            ([options, options], "data"),
            ([options, data], "options.sha256"),
            ([options, apb.RestoreRequest(data=bytes(5 * 2**20))], "data"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Restore(iter(parts), timeout=20)
            error = ApiError.of(caught.value)
            assert error.code is grpc.StatusCode.INVALID_ARGUMENT
            assert error.violations[0].field == field


def test_a_daemon_that_does_not_start_is_restored_offline(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b.db"
    with process(state) as running, Client.connect(running.address, deadline=20) as client:
        fill(client)
        before, key = said(client), numbers(state)
        file.write_bytes(client.backup())
        busy = sdnd("--state-dir", str(state), "--restore", str(file))
        assert busy.returncode == 1
        assert "in use" in busy.stderr
    (state / "state.db").write_bytes(b"garbage " * 1000)
    failed = sdnd("--state-dir", str(state))
    assert failed.returncode == 1
    assert "sdnd --restore FILE" in failed.stderr
    done = sdnd("--state-dir", str(state), "--restore", str(file))
    assert done.returncode == 0, done.stderr
    assert "5 objects" in done.stdout
    assert (state / "state.db.replaced").read_bytes() == b"garbage " * 1000
    with process(state) as running, Client.connect(running.address, deadline=20) as client:
        assert said(client) == before
        assert numbers(state) == key


def test_an_offline_restore_goes_on_with_revision_and_numbers(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "b.db"
    with process(state) as running, Client.connect(running.address, deadline=20) as client:
        fill(client)
        file.write_bytes(client.backup())
        client.networks.create(pb.Network(name=f"{T}/networks/later"))
        revision = client.status().revision
        client.networks.delete(f"{T}/networks/later")
    assert sdnd("--state-dir", str(state), "--restore", str(file)).returncode == 0
    with Journal(state) as journal:
        records = journal.load()
    assert int(records["store"]["revision"]) == revision + 1
    assert records["cursors"]["network"] == "3"


@pytest.mark.parametrize("content", [None, b"no snapshot"])
def test_an_offline_restore_of_nothing_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "b.db"
    if content is not None:
        file.write_bytes(content)
    done = sdnd("--state-dir", str(tmp_path / "state"), "--restore", str(file))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "b.db" in done.stderr or "snapshot" in done.stderr
