"""The settings in force: where each comes from, what changes at run time and later, and that no secret is told."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdn.client import Client
from sdn.daemon import config
from sdn.daemon.config import FIELDS
from sdn.daemon.effective import Effective
from sdn.model.setting import Source
from sdn.security import Directory, Subject
from sdn.security.tokens import add_token
from sdn.v1 import admin_pb2 as apb

TIMEOUT = 30


@pytest.fixture(autouse=True)
def level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process, as a daemon would have it; monkeypatch puts it back."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "sdnd.toml"
    found.write_text('probe_misses = 4\nlearn = "tenants/a/networks/b"\ncounter_interval = 2.5\n')
    return found


def test_each_value_has_its_origin(file: Path) -> None:
    environment = {"SDN_CONFIG": str(file), "SDN_LEARN": "tenants/x/networks/y", "SDN_PROBE_MISSES": "5"}
    found = {item.name: item for item in Effective(config.load(["--probe-misses", "7"], environment)).settings()}
    assert list(found) == list(FIELDS)
    assert "restore" not in found
    told = {name: (item.value, item.source, item.where) for name, item in found.items()}
    assert told["probe_misses"] == ("7", Source.FLAG, "--probe-misses")
    assert told["learn"] == ("tenants/x/networks/y", Source.ENVIRONMENT, "SDN_LEARN")
    assert told["counter_interval"] == ("2.5", Source.FILE, str(file))
    assert told["insecure"] == ("false", Source.BUILT_IN, "")
    assert told["audit_interval"] == ("300", Source.BUILT_IN, "")
    assert (found["counter_interval"].default, found["counter_interval"].later) == ("10", None)
    assert all(item.help for item in found.values())


def test_what_is_told_can_be_given_again(file: Path) -> None:
    """Every value, given as a flag, is the same setting."""
    first = config.load(["--config", str(file), "--insecure", "--quota-ports", "1000000"], {})
    words = [
        word
        for item in Effective(first).settings()
        if item.value and (item.default != "false" or item.value == "true")
        for word in (f"--{item.name.replace('_', '-')}", *([item.value] if item.default != "false" else []))
    ]
    assert config.load(words, {"SDN_CONFIG": ""}) == first


def test_a_running_daemon_tells(tmp_path: Path, file: Path) -> None:
    directory = Directory(tmp_path / "c")
    directory.init(["127.0.0.1"], "admin", 30, 60)
    tokens = tmp_path / "tokens"
    token, line = add_token(Subject("v", "viewer"), None, tokens)
    address = f"unix:{tmp_path}/api.sock"
    command = [sys.executable, "-m", "sdn.app", "--state-dir", str(tmp_path / "s"), "--openflow", "127.0.0.1:0"]
    command += ["--grpc", address, "--config", str(file), "--tokens", str(tokens)]
    for word in ("cert", "key", "ca"):
        name = {"cert": "server.crt", "key": "server.key", "ca": "ca.crt"}[word]
        command += [f"--openflow-tls-{word}", str(directory.path / name)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr)
            assert any("sdnd runs" in line for line in lines)
            with Client(address, timeout=TIMEOUT) as client:
                found = {item.name: item for item in client.settings()}
                assert found["openflow_tls_key"].value == str(directory.path / "server.key")
                assert (found["tokens"].source, found["tokens"].where) == (apb.SETTING_FLAG, "--tokens")
                assert (found["probe_misses"].source, found["probe_misses"].where) == (apb.SETTING_FILE, str(file))
                text = str(found)
                secrets = [token, line, line.split('"sha256": "')[1][:64], "PRIVATE KEY"]
                secrets += (directory.path / "server.key").read_text().splitlines()
                assert not [secret for secret in secrets if secret and secret in text]

                client.set_log_level("debug")
                level = next(item for item in client.settings() if item.name == "log_level")
                assert (level.value, level.source, level.later) == ("debug", apb.SETTING_RUN_TIME, "info")

                file.write_text('probe_misses = 9\nlog_level = "warning"\n')
                process.send_signal(signal.SIGHUP)
                assert any("settings read again" in line for line in lines)
                found = {item.name: item for item in client.settings()}
                misses, level = found["probe_misses"], found["log_level"]
                assert (misses.value, misses.later) == ("4", "9")
                assert (level.value, level.source, level.HasField("later")) == ("warning", apb.SETTING_FILE, False)
                assert found["learn"].HasField("later")
                assert found["learn"].later == ""
        finally:
            process.kill()


def test_the_file_that_is_installed_names_settings(tmp_path: Path) -> None:
    """Also those that it only proposes, all of them together."""
    text = (Path(__file__).resolve().parents[2] / "packaging/systemd/sdnd.toml").read_text()
    assert config.load(["--config", str(_written(tmp_path, text))], {}).metrics == "127.0.0.1:9653"
    proposed = dict(re.findall(r"^# ([a-z_]+) = (.*)$", text, re.MULTILINE))
    assert len(proposed) > 10
    both = "".join(f"{name} = {value}\n" for name, value in proposed.items())
    settings = config.load(["--config", str(_written(tmp_path, both))], {})
    assert settings.metrics_tls_client_ca == settings.tls_client_ca == settings.openflow_tls_ca


def _written(directory: Path, text: str) -> Path:
    file = directory / "installed.toml"
    file.write_text(text)
    return file
