"""The directory of certificates that ``sdnctl certs`` keeps: which file is what.

``ca.crt``                 the authority, for everybody
``ca-key/ca.key``          its key; nothing running needs it, so it may lie elsewhere
``server.crt``, ``.key``   for sdnd
``client-NAME.crt``, …     for a person or a program
``switch-NAME.crt``, …     for an Open vSwitch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid, format_dpid
from sdn.security.authority import (
    CA_DAYS,
    DAYS,
    Authority,
    Made,
    create_authority,
    names_of,
    read_certificate,
    renew_authority,
    subject_in,
)
from sdn.security.files import read_file, write_new, write_over
from sdn.security.subjects import Subject, check_subject

_CA, _CA_KEY = "ca.crt", "ca-key/ca.key"
_PUBLIC, _SECRET = 0o644, 0o600


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate. kind: 'ca', 'server', 'client' or 'switch'; expires: the end of its life; names: for people."""

    file: Path
    kind: str
    subject: Subject
    names: tuple[str, ...]
    expires: datetime
    serial: str


class Directory:
    """All methods raise InvalidInput. ca_key: where the authority's key is, if not in the directory."""

    def __init__(self, path: Path, ca_key: Path | None = None) -> None:
        self.path = path
        self._ca_key = ca_key or path / _CA_KEY

    def init(self, hosts: Sequence[str], admin: str, days: int, ca_days: int) -> list[Entry]:
        """Authority, server certificate and the certificate of an administrator; nothing may be there before."""
        made = create_authority(f"sdn-authority-{token_hex(4)}", ca_days)
        authority = Authority(made.certificate, made.key)
        server = authority.server(hosts, days)
        client = authority.client(Subject(admin, "admin"), days)
        files = (self.path / _CA, self.path / "server.crt", self.path / f"client-{admin}.crt", self._ca_key)
        for present in files:
            if present.exists():
                remedy = "Choose another directory; sdnctl certs renew makes new ones of what is there."
                raise InvalidInput.of("dir", f"{present} exists already", remedy)
        write_new(self._ca_key, made.key, _SECRET)
        write_new(self.path / _CA, made.certificate, _PUBLIC)
        return [self._entry(self.path / _CA), self._put("server", server), self._put(f"client-{admin}", client)]

    def client(self, subject: Subject, days: int) -> Entry:
        """For a person or a program."""
        return self._put(f"client-{check_subject(subject).name}", self._authority().client(subject, days))

    def switch(self, name: str, dpids: Sequence[Dpid], days: int) -> Entry:
        """For an Open vSwitch with bridges of these datapath ids; name: '' for the first of them."""
        subject = Subject(name or format_dpid(dpids[0]), switches=tuple(dict.fromkeys(dpids)))
        return self._put(f"switch-{subject.name}", self._authority().switch(subject, days))

    def server(self, hosts: Sequence[str], days: int) -> Entry:
        """Another server certificate, for other names, in place of the one that is there."""
        made = self._authority().server(hosts, days)
        return self._put("server", made, over=(self.path / "server.crt").exists())

    def renew(self, name: str, days: int | None = None) -> Entry:
        """The same certificate with a new key; 'ca' gets a new end of its life and keeps its key."""
        if name == "ca":
            life = CA_DAYS if days is None else days
            made = renew_authority(read_file(self.path / _CA, "dir"), read_file(self._ca_key, "ca-key"), life)
            write_over(self.path / _CA, made.certificate, _PUBLIC)
            return self._entry(self.path / _CA)
        if "/" in name or name.startswith("."):
            raise InvalidInput.of("name", f"{name[:80]!r} is no certificate", "Give a name that certs show lists.")
        present = read_certificate(read_file(self.path / f"{name}.crt", "name"), "name")
        return self._put(name, self._authority().renew(present, DAYS if days is None else days), over=True)

    def entries(self) -> Iterator[Entry]:
        """What is there, the authority first."""
        yield self._entry(self.path / _CA)
        for file in sorted(self.path.glob("*.crt")):
            if file.name != _CA:
                yield self._entry(file)

    def _authority(self) -> Authority:
        certificate = read_file(self.path / _CA, "dir")
        return Authority(certificate, read_file(self._ca_key, "ca-key"))

    def _put(self, name: str, made: Made, *, over: bool = False) -> Entry:
        """The key first: a daemon that reads the two meanwhile sees that they do not match, and waits."""
        file, key = self.path / f"{name}.crt", self.path / f"{name}.key"
        write = write_over if over else write_new
        if not over and file.exists():
            raise InvalidInput.of("name", f"{file} exists already", f"Renew it: sdnctl certs renew {name}.")
        write(key, made.key, _SECRET)
        write(file, made.certificate, _PUBLIC)
        return self._entry(file)

    def _entry(self, file: Path) -> Entry:
        found = read_certificate(read_file(file, "dir"), str(file))
        name, _, hosts = names_of(found)
        subject = subject_in(found)
        kind = "switch" if subject.switches else "client" if subject.role else "server"
        kind = "ca" if file.name == _CA else kind
        switches = (format_dpid(dpid) for dpid in subject.switches)
        tenants = (f"tenants/{tenant}" for tenant in subject.tenants)
        names = (name, *hosts, *([f"role {subject.role}"] if subject.role else []), *tenants, *switches)
        return Entry(file, kind, subject, names, found.not_valid_after_utc, f"{found.serial_number:x}")
