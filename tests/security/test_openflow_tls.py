"""Real Open vSwitch and a real sdnd over TLS: who becomes a switch, and what a false one does to the real one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from secured import Certificates, Daemon, daemon

from sdn.client import Client
from sdn.lab import PrivateOvs
from sdn.model.ids import Dpid

pytestmark = pytest.mark.lab
DEADLINE = 30.0


@pytest.fixture(scope="module")
def switches(certificates: Certificates) -> Certificates:
    certificates.directory.switch("pair", [Dpid(1), Dpid(2)], 30)
    return certificates


@pytest.fixture
def running(switches: Certificates, tmp_path: Path) -> Iterator[Daemon]:
    """Beyond this machine, since TLS allows it."""
    files = (switches["server.crt"], switches["server.key"], switches["ca.crt"])
    flags = [f"--openflow-tls-{word}={file}" for word, file in zip(("cert", "key", "ca"), files, strict=True)]
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    with daemon(tmp_path / "s", *flags, "--openflow", "0.0.0.0:0", "--tokens", str(tokens)) as found:
        yield found


@pytest.fixture
def client(running: Daemon) -> Iterator[Client]:
    with Client(running.address, timeout=20) as client:
        yield client


def port_of(running: Daemon) -> int:
    line = next(line for line in running.lines if "sdnd runs" in line)
    return int(line.rpartition("openflow=")[2].split()[0].rpartition(":")[2])


def add(ovs: PrivateOvs, running: Daemon, bridge: str, dpid: int) -> None:
    """A bridge that connects by TLS."""
    ovs.vsctl(
        *("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=dummy", "protocols=OpenFlow13"),
        *("fail_mode=secure", "other-config:disable-in-band=true", f"other-config:datapath-id={dpid:016x}"),
        *("--", "set-controller", bridge, f"ssl:127.0.0.1:{port_of(running)}"),
        *("--", "set", "controller", bridge, "max_backoff=1000"),
    )


def identify(ovs: PrivateOvs, certificates: Certificates, name: str, ca: str = "") -> None:
    ovs.vsctl("set-ssl", certificates[f"{name}.key"], certificates[f"{name}.crt"], ca or certificates["ca.crt"])


def until(done: Callable[[], bool]) -> None:
    """Wait for a state that nothing tells, by asking for it again and again."""
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end


def connected(client: Client) -> set[str]:
    return {switch.dpid for switch in client.topology().switches if switch.connected}


def refused(client: Client, word: str) -> str:
    """The event that says so, waited for; its object."""
    with client.watch_events(reason="SessionRefused") as events:
        return next(event.object for event in events if word in event.message)


def test_bridges_of_one_switch_connect_with_one_certificate(
    running: Daemon, client: Client, switches: Certificates
) -> None:
    with PrivateOvs() as ovs:
        identify(ovs, switches, "switch-pair")
        add(ovs, running, "a", 1)
        add(ovs, running, "b", 2)
        until(lambda: connected(client) == {"0000000000000001", "0000000000000002"})
        until(lambda: client.status().ready)
        assert "priority" in ovs.ofctl("dump-flows", "a")


def test_a_false_switch_gets_nothing_and_does_not_disturb(
    running: Daemon, client: Client, switches: Certificates, foreign: Certificates
) -> None:
    with PrivateOvs() as real, PrivateOvs() as false:
        identify(real, switches, "switch-pair")
        add(real, running, "a", 1)
        until(lambda: connected(client) == {"0000000000000001"})
        began = {e.number for e in client.events(reason="SwitchConnected")}
        # rack1's certificate is for 1; it claims to be 2, and is told no.
        identify(false, switches, "switch-rack1")
        add(false, running, "x", 2)
        assert refused(client, "its certificate is not for datapath id 0000000000000002") == "0000000000000002"
        # The right id in a certificate of its own: the real one is alive and stays.
        false.vsctl("set", "bridge", "x", "other-config:datapath-id=0000000000000001")
        assert refused(client, "its datapath id is connected already") == "0000000000000001"
        identify(false, foreign, "switch-rack1", switches["ca.crt"])
        refused(client, "certificate verify failed")
        false.vsctl("set-controller", "x", f"tcp:127.0.0.1:{port_of(running)}")
        refused(client, "TLS failed")
        assert connected(client) == {"0000000000000001"}
        assert client.events(reason="SwitchDisconnected") == []
        assert {e.number for e in client.events(reason="SwitchConnected")} == began


def test_a_switch_does_not_talk_to_a_false_controller(
    running: Daemon, client: Client, switches: Certificates, foreign: Certificates
) -> None:
    with PrivateOvs() as ovs:
        identify(ovs, switches, "switch-pair", foreign["ca.crt"])
        add(ovs, running, "a", 1)
        refused(client, "TLS failed")
        assert connected(client) == set()


def test_a_revoked_certificate_ends_the_session(
    running: Daemon, client: Client, switches: Certificates, tmp_path: Path
) -> None:
    serials = {entry.file.stem: entry.serial for entry in switches.directory.entries()}
    with PrivateOvs() as ovs:
        identify(ovs, switches, "switch-pair")
        add(ovs, running, "a", 1)
        until(lambda: len(connected(client)) == 1)
        (tmp_path / "tokens").write_text(f'{{"revoked": "{serials["switch-pair"]}"}}\n')
        running.signal(signal.SIGHUP)
        until(lambda: connected(client) == set())
        assert refused(client, "is revoked") == ""
