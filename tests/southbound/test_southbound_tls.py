"""TLS with switches: certificates bound to datapath ids, and peers that do not get a session."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from southbound_rig import FakeSwitch, Rig, serving

from sdn.controller.events import SessionRefused, SwitchDown, SwitchUp
from sdn.model.ids import Dpid
from sdn.security import Directory, Subject
from sdn.security.authority import read_certificate
from sdn.security.tls import TlsFiles
from sdn.southbound import Limits

HERE = Limits(hello_seconds=2.0, probe_seconds=10.0)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = Directory(tmp_path_factory.mktemp("switches") / "c")
    directory.init(["127.0.0.1"], "admin", 30, 60)
    directory.switch("one", [Dpid(1)], 30)
    directory.switch("two", [Dpid(2), Dpid(3)], 30)
    directory.client(Subject("ops", "operator"), 30)
    return directory.path


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = Directory(tmp_path_factory.mktemp("foreign") / "c")
    directory.init(["127.0.0.1"], "admin", 30, 60)
    directory.switch("one", [Dpid(1)], 30)
    return directory.path


def tls(path: Path) -> TlsFiles:
    return TlsFiles("openflow_tls", path / "server.crt", path / "server.key", path / "ca.crt", "openflow_tls_ca")


def context(path: Path, name: str = "", ca: Path | None = None) -> ssl.SSLContext:
    """Of a switch. name: of its certificate, '' for none."""
    made = ssl.create_default_context(cafile=str((ca or path) / "ca.crt"))
    if name:
        made.load_cert_chain(path / f"{name}.crt", path / f"{name}.key")
    return made


@asynccontextmanager
async def secured(
    path: Path, limits: Limits = HERE, barred: Callable[[str], bool] = lambda serial: False
) -> AsyncIterator[Rig]:
    async with serving(limits, tls=tls(path), barred=barred) as rig:
        yield rig


async def test_a_switch_with_its_certificate_gets_a_session(certificates: Path) -> None:
    async with secured(certificates) as rig:
        for dpid, name in ((1, "switch-one"), (3, "switch-two"), (2, "switch-two")):
            switch = await FakeSwitch.connect(rig.port, context(certificates, name))
            await switch.come_up(rig, dpid)
        assert rig.of(SessionRefused) == []


async def test_a_wrong_datapath_id_does_not_disturb_the_real_switch(certificates: Path) -> None:
    async with secured(certificates) as rig:
        real = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await real.come_up(rig, 1)
        for dpid in (1, 4):
            false = await FakeSwitch.connect(rig.port, context(certificates, "switch-two"))
            await false.greet(dpid)
            assert await false.ended()
            refused = await rig.expect(SessionRefused)
            assert (refused.dpid, refused.reason) == (dpid, f"its certificate is not for datapath id {dpid:016x}")
            assert refused.peer.startswith("127.0.0.1:")
        assert rig.of(SwitchDown) == []
        assert rig.of(SwitchUp) == []


async def test_a_certificate_without_switches_is_no_switch(certificates: Path) -> None:
    async with secured(certificates) as rig:
        switch = await FakeSwitch.connect(rig.port, context(certificates, "client-ops"))
        await switch.greet(1)
        assert await switch.ended()
        assert (await rig.expect(SessionRefused)).dpid == 1


async def fails(rig: Rig, made: ssl.SSLContext) -> SessionRefused:
    """A connection that never becomes a session."""
    with suppress(OSError):  # with TLS 1.3 a client hears of the refusal when it reads
        switch = await FakeSwitch.connect(rig.port, made)
        with suppress(OSError):
            assert await switch.read() is None
    return await rig.expect(SessionRefused)


async def test_no_certificate_and_those_of_others(certificates: Path, foreign: Path) -> None:
    async with secured(certificates) as rig:
        nothing = await fails(rig, context(certificates))
        assert nothing.reason == "TLS failed: peer did not return a certificate"
        assert nothing.dpid == 0
        strange = await fails(rig, context(foreign, "switch-one", certificates))
        assert "certificate verify failed" in strange.reason
        server = await fails(rig, context(certificates, "server"))
        assert "certificate verify failed" in server.reason
        await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))


async def test_plain_tcp_and_silence_end_soon(certificates: Path) -> None:
    async with secured(certificates, Limits(hello_seconds=0.5)) as rig:
        plain = await FakeSwitch.connect(rig.port)
        plain.send(b"\4\0\0\10\0\0\0\1" * 8)
        assert await plain.ended()
        assert (await rig.expect(SessionRefused)).reason.startswith("TLS failed: ")
        silent = await FakeSwitch.connect(rig.port)
        assert await silent.ended()
        assert (await rig.expect(SessionRefused)).reason.startswith("TLS failed: ")


async def test_the_same_refusal_is_told_once(certificates: Path) -> None:
    async with secured(certificates) as rig:
        await fails(rig, context(certificates))
        for _ in range(3):
            with suppress(OSError):
                switch = await FakeSwitch.connect(rig.port, context(certificates))
                await switch.read()
        real = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await real.come_up(rig, 1)
        assert rig.of(SessionRefused) == []


async def test_many_greetings_of_one_address_do_not_keep_a_switch_out(certificates: Path) -> None:
    async with secured(certificates, Limits(greetings=5, hello_seconds=20.0)) as rig:
        idle = [await FakeSwitch.connect(rig.port) for _ in range(8)]
        real = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await real.come_up(rig, 1)
        for switch in idle[:3]:
            assert await switch.ended()


async def test_a_switch_that_connects_anew_takes_its_place_when_the_old_connection_is_dead(certificates: Path) -> None:
    async with secured(certificates, Limits(probe_seconds=0.3)) as rig:
        dead = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await dead.come_up(rig, 1)
        again = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await again.greet(1)
        down = await rig.expect(SwitchDown)
        assert "connected anew" in down.reason
        await again.tell()
        await rig.expect(SwitchUp)


async def test_a_live_switch_keeps_its_session_without_tls_too() -> None:
    async with serving(HERE) as rig:
        real = await FakeSwitch.connect(rig.port)
        await real.come_up(rig, 1)
        thief = await FakeSwitch.connect(rig.port)
        await thief.greet(1)
        echo = await real.until(2)
        real.send(bytes([4, 3, *echo[2:]]))
        assert await thief.ended()
        assert (await rig.expect(SessionRefused)).reason == "its datapath id is connected already"
        assert rig.of(SwitchDown) == []


async def test_revoked_certificates(certificates: Path) -> None:
    barred: set[str] = set()
    async with secured(certificates, barred=barred.__contains__) as rig:
        held = [await FakeSwitch.connect(rig.port, context(certificates, f"switch-{name}")) for name in ("one", "two")]
        for dpid, switch in enumerate(held, 1):
            await switch.come_up(rig, dpid)
        serial = read_certificate((certificates / "switch-one.crt").read_bytes()).serial_number
        barred.add(f"{serial:x}")
        rig.server.recheck()
        assert "revoked" in (await rig.expect(SwitchDown)).reason
        switch = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        assert await switch.ended()
        assert "revoked" in (await rig.expect(SessionRefused)).reason
        assert rig.of(SwitchDown) == []


async def test_a_renewed_certificate_is_taken(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "c")
    directory.init(["127.0.0.1"], "admin", 30, 60)
    directory.switch("one", [Dpid(1)], 30)
    async with secured(directory.path) as rig:
        shown = []
        for _ in range(2):
            switch = await FakeSwitch.connect(rig.port, context(directory.path, "switch-one"))
            held: Any = switch.writer.get_extra_info("ssl_object")
            shown.append(held.getpeercert(True))
            switch.close()
            directory.renew("server", 5)
        assert shown[0] != shown[1]


async def test_closing_ends_greetings(certificates: Path) -> None:
    async with secured(certificates, Limits(hello_seconds=60.0)) as rig:
        idle = await FakeSwitch.connect(rig.port)
        later = await FakeSwitch.connect(rig.port, context(certificates, "switch-one"))
        await later.come_up(rig, 1)
    assert await idle.ended()
