"""A disk that is really full, through the API: writes are refused with the reason, reads go on, and later all works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from sdn.client import ApiError, Client
from sdn.lab.daemon import Daemon, free_port
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.system


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Use every byte that is left."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 8, 1):
            while True:
                try:
                    if file.write(bytes(size)) < size:
                        break
                except OSError:
                    break
    return filler


def networks(client: Client) -> list[str]:
    return [network.name for network in client.networks.list("tenants/t")]


def test_a_full_disk_refuses_writes_and_nothing_else(disk: Path) -> None:
    daemon = Daemon(disk, openflow=free_port(), grpc=free_port())
    with daemon, Client(daemon.address) as client:
        daemon.wait_answers(client)
        client.tenants.create(pb.Tenant(name="tenants/t"))
        filler = fill(disk)
        refused = None
        written: list[str] = []
        for number in range(2000):  # what the store has reserved is used up at last
            network = pb.Network(name=f"tenants/t/networks/n{number}")
            try:
                client.networks.create(network)
            except ApiError as error:
                refused = error
                break
            written.append(network.name)
        assert refused is not None
        assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.reason == "StorageFull"
        assert "Free disk space" in str(refused)
        assert sorted(networks(client)) == sorted(written), "what was refused was never seen"
        assert not client.status().ready
        filler.unlink()
        client.networks.create(pb.Network(name="tenants/t/networks/later"))
        daemon.stop(kill=True)
        daemon.start()
        daemon.wait_answers(client)
        assert sorted(networks(client)) == sorted([*written, "tenants/t/networks/later"])
