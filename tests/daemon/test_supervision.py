"""systemd and signals: what a running sdnd tells, and what it does when it is told to read its settings again."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sdn.client import ApiError, Client
from sdn.daemon.config import Config
from sdn.daemon.health import Health
from sdn.daemon.notify import Notifier
from sdn.lab.daemon import Daemon, free_port
from sdn.northbound.server import HEALTH
from sdn.v1 import resources_pb2 as pb

TIMEOUT = 30
UNIT = Path(__file__).resolve().parents[2] / "packaging/systemd/sdnd.service"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(TIMEOUT)
        yield channel


def until(channel: socket.socket, line: str) -> list[str]:
    """All lines up to and with this one."""
    seen: list[str] = []
    while not any(found == line or found.startswith(line) for found in seen):
        seen += channel.recv(4096).decode().split("\n")
    return seen


def start(tmp_path: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sdn.app", "--state-dir", str(tmp_path / "state"), *more]
    command += ["--openflow", "127.0.0.1:0", "--grpc", f"unix:{tmp_path}/api.sock"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})


def test_systemd_is_told_of_start_life_reload_and_end(told: socket.socket, tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    with start(tmp_path, **environment) as process:
        try:
            seen = until(told, "READY=1")
            assert "STOPPING=1" not in seen
            for _ in range(3):
                until(told, "WATCHDOG=1")
            process.send_signal(signal.SIGHUP)
            assert until(told, "READY=1").count("RELOADING=1") == 1
            process.send_signal(signal.SIGTERM)
            until(told, "STOPPING=1")
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()


def test_the_status_line_says_what_is_missing(told: socket.socket, tmp_path: Path) -> None:
    with start(tmp_path, "--topology", "ring:switches=3", NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
        try:
            assert re.match("STATUS=switch .* is not connected", until(told, "STATUS=switch")[-1])
        finally:
            process.kill()


def test_a_hang_up_reads_the_settings_again(tmp_path: Path) -> None:
    file = tmp_path / "sdnd.toml"
    file.write_text('log_level = "info"\n')
    address = f"unix:{tmp_path}/api.sock"
    with start(tmp_path, "--config", str(file)) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr)
            assert any("sdnd runs" in line for line in lines)
            with Client(address) as client:
                client.set_log_level("debug", "sdn.southbound")
                file.write_text('log_level = "warning"\nprobe_misses = 5\n')
                process.send_signal(signal.SIGHUP)
                said = next(line for line in lines if "settings read again" in line)
                assert "probe_misses" in said
                assert "log_level" not in said
                levels = client.log_levels()
                assert (levels[""], levels["sdn.southbound"]) == ("warning", "")
                file.write_text("nonsense")
                process.send_signal(signal.SIGHUP)
                assert "not TOML" in next(line for line in lines if "settings" in line)
                assert client.log_levels()[""] == "warning"
        finally:
            process.kill()


def test_an_answered_write_survives_an_end_in_the_middle(tmp_path: Path) -> None:
    with Daemon(tmp_path, openflow=free_port(), grpc=free_port()) as daemon, Client(daemon.address) as client:
        daemon.wait_answers(client)
        pid, done, refused = daemon.pid, [], grpc.StatusCode.OK
        for number in range(1000):
            if number == 20:
                os.kill(pid, signal.SIGTERM)
            try:
                client.tenants.create(pb.Tenant(name=f"tenants/t{number}"))
            except ApiError as error:
                refused = error.code
                break
            done.append(f"tenants/t{number}")
        assert refused in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert len(done) >= 20
        daemon.stop()
        daemon.start()
        daemon.wait_answers(client)
        assert {tenant.name for tenant in client.tenants.list()} >= set(done)


async def test_health_by_name() -> None:
    state = {"lacks": ["switch leaf1 is not connected"]}
    seen: list[bool] = []
    changed = asyncio.Event()

    def tell(in_sync: bool) -> None:
        seen.append(in_sync)
        changed.set()

    async def until_told(count: int) -> None:
        async with asyncio.timeout(TIMEOUT):
            while len(seen) < count:
                changed.clear()
                await changed.wait()

    task = asyncio.create_task(Health(lambda: state["lacks"], tell, Notifier({})).run())
    await until_told(1)
    state["lacks"] = []
    await until_told(2)
    state["lacks"] = ["switch leaf2 has 3 entries to confirm"]
    await until_told(3)
    task.cancel()
    await asyncio.wait([task])
    assert seen == [False, True, False]


def test_a_running_daemon_has_health_for_store_and_switches(tmp_path: Path) -> None:
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    daemon = Daemon(tmp_path, "ring:switches=3", openflow=free_port(), grpc=free_port())
    with daemon, Client(daemon.address) as client:
        daemon.wait_answers(client)
        stub = health_pb2_grpc.HealthStub(client.channel)
        found = {
            name: stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT).status
            for name in ("", *HEALTH)
        }
    assert found == {"": serving, "sdn.store": serving, "sdn.switches": not_serving}


def test_nobody_to_tell(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    Notifier({}).ready()
    assert caplog.records == []
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "systemd cannot be told READY=1" in caplog.text
    assert Notifier({"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "4000000"}).watchdog_seconds == 2.0
    assert Notifier({"WATCHDOG_USEC": "4000000"}).watchdog_seconds == 0.0
    other = {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}
    assert Notifier(other).watchdog_seconds == 0.0


def test_abstract_addresses() -> None:
    name = f"sdn-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.settimeout(TIMEOUT)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).status("two\nlines")
        assert channel.recv(100) == b"STATUS=two lines"


def test_the_unit_sets_what_there_is() -> None:
    settings = {f"SDN_{name.upper()}" for name in Config.__dataclass_fields__}
    assert set(re.findall(r"^Environment=(\w+)=", UNIT.read_text(), re.MULTILINE)) <= settings


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_is_right_and_exposes_little(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/sdn/bin/sdnd", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert unit.name not in checked.stderr, checked.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-300:]
