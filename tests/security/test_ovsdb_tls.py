"""A real ovsdb-server and a real sdnd over TLS: whose word on where hosts are is believed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from secured import Certificates, Daemon, daemon

from sdn.client import Client
from sdn.daemon import config
from sdn.daemon.exposure import secure_ovsdb
from sdn.lab import PrivateOvs
from sdn.lab.daemon import free_port
from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
DEADLINE = 30.0
PORT = "tenants/red/ports/vm"


@pytest.fixture(scope="module")
def switches(certificates: Certificates) -> Certificates:
    certificates.directory.switch("ovsdb", [Dpid(1), Dpid(2)], 30)
    certificates.directory.switch("elsewhere", [Dpid(9)], 30)
    return certificates


class Running:
    def __init__(self, process: Daemon, client: Client, ovsdb: int, tokens: Path) -> None:
        self.process, self.client, self.ovsdb, self.tokens = process, client, ovsdb, tokens
        self.openflow = next(
            int(match[1]) for line in process.lines if (match := re.search(r"openflow=.*:([0-9]+)", line))
        )

    def refused(self, word: str) -> str:
        """The event that says so, waited for; its object."""
        with self.client.watch_events(reason="DatabaseRefused") as events:
            return next(event.object for event in events if word in event.message)


@pytest.fixture
def running(switches: Certificates, tmp_path: Path) -> Iterator[Running]:
    """Beyond this machine, since TLS allows it; with a port that is bound by its iface-id."""
    files = (switches["server.crt"], switches["server.key"], switches["ca.crt"])
    flags = [f"--openflow-tls-{word}={file}" for word, file in zip(("cert", "key", "ca"), files, strict=True)]
    tokens, port = tmp_path / "tokens", free_port()
    tokens.touch(0o600)
    flags += ["--openflow", "0.0.0.0:0", "--ovsdb", f"0.0.0.0:{port}", "--tokens", str(tokens)]
    with daemon(tmp_path / "s", *flags) as found, Client(found.address, timeout=20) as client:
        client.tenants.create(pb.Tenant(name="tenants/red"))
        client.networks.create(pb.Network(name="tenants/red/networks/a"))
        client.ports.create(pb.Port(name=PORT, network="a", binding=pb.Binding(iface_id="vm")))
        yield Running(found, client, port, tokens)


def switch(ovs: PrivateOvs, running: Running, bridge: str, dpid: int, *, openflow: bool = True) -> None:
    """A bridge with an interface that is said to be that of the port."""
    ovs.vsctl(
        *("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=dummy", "protocols=OpenFlow13"),
        *("fail_mode=secure", "other-config:disable-in-band=true", f"other-config:datapath-id={dpid:016x}"),
        *("--", "add-port", bridge, f"{bridge}-vm", "--", "set", "interface", f"{bridge}-vm", "type=dummy"),
    )
    if openflow:
        ovs.vsctl("set-controller", bridge, f"ssl:127.0.0.1:{running.openflow}")


def identify(ovs: PrivateOvs, certificates: Certificates, name: str, ca: str = "") -> None:
    ovs.vsctl("set-ssl", certificates[f"{name}.key"], certificates[f"{name}.crt"], ca or certificates["ca.crt"])


def manage(ovs: PrivateOvs, running: Running, how: str = "ssl") -> None:
    ovs.vsctl("set-manager", f"{how}:127.0.0.1:{running.ovsdb}", "--", "set", "manager", ".", "max_backoff=1000")


def claim(ovs: PrivateOvs, bridge: str) -> None:
    ovs.vsctl("set", "interface", f"{bridge}-vm", "external_ids:iface-id=vm")


def until(done: Callable[[], bool]) -> None:
    """Wait for a state that nothing tells, by asking for it again and again."""
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end


def state(running: Running) -> tuple[str, str]:
    status = running.client.ports.get(PORT).status
    return pb.State.Name(status.state), status.reason


def test_a_database_tells_of_the_bridges_of_its_certificate(running: Running, switches: Certificates) -> None:
    with PrivateOvs() as ovs, PrivateOvs() as false:
        identify(ovs, switches, "switch-ovsdb")
        switch(ovs, running, "one", 1)
        claim(ovs, "one")
        manage(ovs, running)
        until(lambda: state(running)[0] == "PROGRAMMED")
        # Another machine's certificate is for 9: what it says of 1 and of 2 moves nobody, and of 9 it is believed.
        identify(false, switches, "switch-elsewhere")
        switch(false, running, "two", 2, openflow=False)
        claim(false, "two")
        manage(false, running)
        assert running.refused("not for datapath id 0000000000000002 (bridge two)") == "0000000000000002"
        assert state(running)[0] == "PROGRAMMED"
        assert running.client.events(reason="InterfaceIdConflict") == []
        switch(false, running, "nine", 9)
        claim(false, "nine")
        until(lambda: state(running)[1] == "InterfaceIdConflict")
        ovs.vsctl("remove", "interface", "one-vm", "external_ids", "iface-id")
        until(lambda: state(running)[0] == "PROGRAMMED")


def test_who_has_no_such_certificate_gets_no_connection(
    running: Running, switches: Certificates, foreign: Certificates
) -> None:
    with PrivateOvs() as ovs:
        switch(ovs, running, "one", 1)
        claim(ovs, "one")
        identify(ovs, foreign, "switch-rack1", switches["ca.crt"])
        manage(ovs, running)
        running.refused("certificate verify failed")
        identify(ovs, switches, "client-admin")
        running.refused("its certificate is for no switch")
        manage(ovs, running, "tcp")
        running.refused("TLS failed")
        assert state(running) == ("PENDING", "InterfaceIdUnseen")
        assert running.client.events(reason="DatabaseRefused")


def test_a_database_does_not_talk_to_a_false_controller(
    running: Running, switches: Certificates, foreign: Certificates
) -> None:
    with PrivateOvs() as ovs:
        identify(ovs, switches, "switch-ovsdb", foreign["ca.crt"])
        switch(ovs, running, "one", 1)
        manage(ovs, running)
        running.refused("TLS failed")


def test_a_revoked_certificate_ends_the_connection(running: Running, switches: Certificates) -> None:
    serials = {entry.file.stem: entry.serial for entry in switches.directory.entries()}
    with PrivateOvs() as ovs:
        identify(ovs, switches, "switch-ovsdb")
        switch(ovs, running, "one", 1)
        claim(ovs, "one")
        manage(ovs, running)
        until(lambda: state(running)[0] == "PROGRAMMED")
        running.tokens.write_text(f'{{"revoked": "{serials["switch-ovsdb"]}"}}\n')
        running.process.signal(signal.SIGHUP)
        assert running.refused("is revoked") == ""
        until(lambda: ovs.vsctl("get", "manager", ".", "is_connected").strip() == "false")


@pytest.mark.parametrize(
    ("flags", "field", "words"),
    [
        (("--ovsdb", "0.0.0.0:0"), "ovsdb", ("other machines", "openflow_tls_cert", "sdnctl certs init")),
        (("--ovsdb", "0.0.0.0:0", "--openflow-tls-ca", "C/ca.crt"), "openflow_tls_cert", ("together",)),
        (("--ovsdb", "nowhere"), "ovsdb", ("not an address",)),
    ],
)
def test_it_does_not_start(
    switches: Certificates, tmp_path: Path, flags: tuple[str, ...], field: str, words: tuple[str, ...]
) -> None:
    named = (word.replace("C/", f"{switches.path}/") for word in flags)
    with pytest.raises(InvalidInput) as caught:
        secure_ovsdb(config.load(["--state-dir", str(tmp_path), *named], {}))
    assert caught.value.violations[0].field == field
    for word in words:
        assert word in str(caught.value)


def test_insecure_is_loud(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", "--insecure", "--ovsdb", "0.0.0.0:0") as found:
        assert any("INSECURE" in line and "where hosts are" in line for line in found.lines)
