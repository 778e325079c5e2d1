"""A small certificate authority: makes and renews certificates of servers, clients and switches.

Keys are on the curve P-256, signatures ECDSA with SHA-256; serial numbers are random. What a certificate is good for
stands in it (extended key usage), so that a switch's does not serve as a server's. RFC 5280.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sdn.model.errors import InvalidInput
from sdn.security.subjects import Subject, check_subject, subject_of

MAX_DAYS = 3650
CA_DAYS = 3650
DAYS = 397
_SKEW = timedelta(hours=1)
"""Certificates are valid a little before they are made: clocks differ."""
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its private key, PEM. expires: the end of its life."""

    certificate: bytes
    key: bytes
    expires: datetime


def read_certificate(data: bytes, field: str = "certificate") -> x509.Certificate:
    """The first certificate of a PEM file; raises InvalidInput."""
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError:
        raise InvalidInput.of(field, "not a certificate in PEM form", "Name the right file.") from None


def names_of(certificate: x509.Certificate) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Common name, URIs, and DNS names with IP addresses of a certificate."""
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        names = x509.SubjectAlternativeName([])
    uris = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return str(common[0].value) if common else "", uris, (*names.get_values_for_type(x509.DNSName), *addresses)


def subject_in(certificate: x509.Certificate) -> Subject:
    """Who a certificate stands for."""
    name, uris, _ = names_of(certificate)
    return subject_of(name, uris)


def create_authority(name: str, days: int) -> Made:
    """A new authority with a certificate signed by itself; raises InvalidInput."""
    check_subject(Subject(name))
    key = ec.generate_private_key(ec.SECP256R1())
    return _self_signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, days)


def renew_authority(certificate: bytes, key: bytes, days: int) -> Made:
    """The same authority with another end of its life: what it signed stays valid. Raises InvalidInput."""
    authority = Authority(certificate, key)
    return _self_signed(authority.certificate.subject, authority.key, days)


class Authority:
    """Signs with the key of an authority. Raises InvalidInput where the two are none, or do not belong together."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self.certificate = read_certificate(certificate, "ca")
        self.key = _read_key(key)
        if self.certificate.public_key() != self.key.public_key():
            raise InvalidInput.of("ca-key", "not the key of this authority", "Name the key made with ca.crt.")

    def server(self, hosts: Sequence[str], days: int) -> Made:
        """For a daemon that is reached by these DNS names and IP addresses."""
        names = [_host(host) for host in dict.fromkeys(hosts)]
        if not names:
            raise InvalidInput.of("san", "no name", "Give the names and addresses by which clients reach sdnd.")
        return self._issue("sdnd", names, [_SERVER], days)

    def client(self, subject: Subject, days: int) -> Made:
        """For a person or a program with a role."""
        if not subject.role:
            raise InvalidInput.of("role", "not given", "Give a role.")
        found = check_subject(subject)
        return self._issue(found.name, _uris(found), [_CLIENT], days)

    def switch(self, subject: Subject, days: int) -> Made:
        """For the Open vSwitch whose bridges have these datapath ids."""
        if subject.role or not subject.switches:
            raise InvalidInput.of("switches", "not given", "Give the datapath ids of the bridges.")
        found = check_subject(subject)
        return self._issue(found.name, _uris(found), [_CLIENT], days)

    def renew(self, certificate: x509.Certificate, days: int) -> Made:
        """A certificate with the same names, for a new key."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            remedy = "Renew it where it was made."
            raise InvalidInput.of("certificate", "made by another authority", remedy) from None
        name, _, hosts = names_of(certificate)
        subject = subject_in(certificate)
        if subject.switches:
            return self.switch(subject, days)
        if subject.role:
            return self.client(subject, days)
        if name == "sdnd":
            return self.server(hosts, days)
        raise InvalidInput.of("certificate", "neither of a server, a client nor a switch", "Make a new one.")

    def _issue(self, name: str, names: list[x509.GeneralName], usage: list[x509.ObjectIdentifier], days: int) -> Made:
        now = datetime.now(UTC)
        end = self.certificate.not_valid_after_utc
        if end <= now:
            raise InvalidInput.of("ca", f"expired on {end:%Y-%m-%d}", "Renew the authority first.")
        key = ec.generate_private_key(ec.SECP256R1())
        expires = min(now + _days(days), end)
        builder = _builder(self.certificate.subject, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        builder = builder.public_key(key.public_key()).not_valid_before(now - _SKEW).not_valid_after(expires)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(sign=False), True),
            (x509.ExtendedKeyUsage(usage), False),
            (x509.SubjectAlternativeName(names), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
        ]
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return _made(builder.sign(self.key, hashes.SHA256()), key)


def _self_signed(name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> Made:
    now = datetime.now(UTC)
    builder = _builder(name, name).public_key(key.public_key())
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + _days(days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    builder = builder.add_extension(_usage(sign=True), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return _made(builder.sign(key, hashes.SHA256()), key)


def _builder(issuer: x509.Name, subject: x509.Name) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(issuer, subject).serial_number(x509.random_serial_number())


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _made(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Made:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(certificate.public_bytes(pem), private, certificate.not_valid_after_utc)


def _read_key(data: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidInput.of("ca-key", "not an EC key in PEM form without a passphrase", "Name the right file.")
    return key


def _days(days: int) -> timedelta:
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput.of("days", f"{days} is out of range", f"Give 1 to {MAX_DAYS}.")
    return timedelta(days=days)


def _host(text: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(text))
    try:
        if not 0 < len(text) <= 253 or not text.isascii() or not all(c.isalnum() or c in "-.*" for c in text):
            raise ValueError
        return x509.DNSName(text)
    except ValueError:
        raise InvalidInput.of("san", f"{text[:80]!r} is no host", "Give DNS names and IP addresses.") from None


def _uris(subject: Subject) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(uri) for uri in subject.uris()]
