"""Settings: which source wins, and what a wrong value is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdn.daemon import config
from sdn.model.errors import InvalidInput
from sdn.model.intent import DEFAULT_QUOTA


def test_without_anything_it_works() -> None:
    found = config.load([], {"HOME": "/home/x"})
    assert (found.openflow, found.grpc) == ("127.0.0.1:6653", "127.0.0.1:50051")
    assert found.state_dir


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sdnd.toml"
    file.write_text('openflow = "127.0.0.1:1"\ngrpc = "127.0.0.1:1"\ntopology = "ring:n=3"\nprobe_misses = 7\n')
    environment = {"SDN_GRPC": "127.0.0.1:2", "SDN_TOPOLOGY": "b", "SDN_CONFIG": str(file)}
    found = config.load(["--topology", "c"], environment)
    assert (found.openflow, found.grpc, found.topology, found.probe_misses) == ("127.0.0.1:1", "127.0.0.1:2", "c", 7)


def test_a_flag_without_a_value_and_a_boolean_variable() -> None:
    assert config.load(["--insecure"], {}).insecure is True
    assert config.load([], {"SDN_INSECURE": "yes"}).insecure is True
    assert config.load([], {"SDN_INSECURE": "0"}).insecure is False


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("nonsense", "config", "not TOML"),
        ("opneflow = 'x'", "opneflow", "no such setting"),
        ("probe_interval = 0", "probe_interval", "0"),
        ("probe_interval = true", "probe_interval", "True"),
        ("probe_misses = 1.5", "probe_misses", "1.5"),
        ("openflow = 6653", "openflow", "6653"),
        ("log_level = 'loud'", "log_level", "loud"),
        ("counter_interval = 0.1", "counter_interval", "0.1"),
        ("insecure = 'perhaps'", "insecure", "perhaps"),
    ],
)
def test_a_wrong_file_names_setting_and_remedy(tmp_path: Path, text: str, field: str, reason: str) -> None:
    file = tmp_path / "sdnd.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        config.load(["--config", str(file)], {})
    violation = caught.value.violations[0]
    assert field in violation.field
    assert reason in violation.reason
    assert violation.remedy


def test_zero_where_it_means_never() -> None:
    assert config.load(["--counter-interval", "0"], {}).counter_interval == 0
    with pytest.raises(InvalidInput, match=r"from 0\.5 to 3600, or 0\."):
        config.load(["--counter-interval", "-1"], {})


def test_a_missing_file_and_wrong_variables() -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        config.load(["--config", "/nonexistent"], {})
    with pytest.raises(InvalidInput, match="SDN_START_GRACE"):
        config.load([], {"SDN_START_GRACE": "soon"})
    with pytest.raises(InvalidInput, match="--probe-misses"):
        config.load(["--probe-misses", "none"], {})


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4", "1.2.3.4:99999", "a:b:1", "[::1]"])
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(InvalidInput):
        config.split_address(text, "openflow")


def test_addresses() -> None:
    assert config.split_address("127.0.0.1:6653", "x") == ("127.0.0.1", 6653)
    assert config.split_address("[::1]:0", "x") == ("::1", 0)


def test_quotas_of_tenants_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "sdnd.toml"
    file.write_text("quota_networks = 7\nquota_ports = 9\n")
    settings = config.load(["--config", str(file), "--quota-ports", "8"], {"SDN_QUOTA_ROUTERS": "5"})
    assert settings.quota == replace(DEFAULT_QUOTA, networks=7, ports=8, routers=5)
    with pytest.raises(InvalidInput, match="Give a whole number from 1 to"):
        config.load(["--quota-ports", "0"], {})
