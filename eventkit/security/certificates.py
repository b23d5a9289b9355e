"""CertificateAuthority: short-lived certificates for servers and clients on this machine.

    ca = ek.CertificateAuthority("certificates")
    server = ca.server_context(ca.server())
    ann = ca.client_context(ca.client("ann"))

A certificate states that the owner of a key has a certain name, and an authority signs it. Both
sides need the authority's own certificate to check that signature.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from .access import check_clock, check_hours, check_principal

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as missing:
    raise ImportError(
        "CertificateAuthority needs cryptography, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[security]'"
    ) from missing

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NETWORKS = [ipaddress.ip_network(one) for one in ("127.0.0.0/8", "::1/128")]
_DAYS = 30
_BACKDATED = timedelta(minutes=5)
"""A certificate is valid from shortly before it was made, because clocks differ a little."""


class Credentials(NamedTuple):
    """The files of a certificate and of its private key, as TLS libraries take them."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """An authority that issues certificates to servers on loopback and to named clients.

    Its own key is never written to disk: it is lost with this object, and nothing can be signed
    with it later. Its certificate is the file `certificate`, and is limited to loopback names, so
    even the key could not certify another machine.

    Keys are on NIST's P-256 curve, in files that only their owner can read. `clock` returns seconds
    since 1970. If it is slow, certificates may be issued that have already expired.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        check_clock(clock)
        self._folder = Path(folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("eventkit teaching authority")
        self._signed = self._sign(
            self._name, self._key.public_key(), 24 * _DAYS, _authority_extensions()
        )
        self.certificate = self._folder / f"authority-{self._signed.serial_number:x}.pem"
        _write(self.certificate, self._signed.public_bytes(serialization.Encoding.PEM), 0o644)

    def server(self, *names: str, hours: float = 24.0) -> Credentials:
        """Issue a server's certificate for these loopback names, by default for all of them.

        Raises ValueError for a name that another machine could have.
        """
        for name in names:
            if not _is_loopback(name):
                raise ValueError(
                    f"{name!r} is not a loopback name of this machine: this authority certifies "
                    f"only {', '.join(_LOOPBACK)} and addresses in 127.0.0.0/8."
                )
        alternatives = x509.SubjectAlternativeName([_general(one) for one in names or _LOOPBACK])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return self._issue("server", hours, [(alternatives, False), (usage, True)])

    def client(self, principal: str, *, hours: float = 24.0) -> Credentials:
        """Issue a client's certificate that names a principal of an AccessPolicy."""
        check_principal(principal)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._issue(principal, hours, [(usage, True)])

    def server_context(self, own: Credentials, *, clients: bool = False) -> ssl.SSLContext:
        """Return the context of a server that speaks TLS 1.3.

        The server asks clients for a certificate and verifies it. With `clients`, it rejects
        clients that have none.
        """
        _check_credentials(own)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(own.certificate, own.key)
        context.load_verify_locations(self.certificate)
        context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_OPTIONAL
        context.num_tickets = 0  # a resumed session would not verify the client's certificate
        return context

    def client_context(self, own: Credentials | None = None) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority alone and checks host names.

        `own` is the certificate that the client presents, if a server asks for one.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(self.certificate)
        if own is not None:
            _check_credentials(own)
            context.load_cert_chain(own.certificate, own.key)
        return context

    def __repr__(self) -> str:
        return f"<CertificateAuthority in {str(self._folder)!r}>"

    def _issue(
        self, name: str, hours: float, extensions: list[tuple[x509.ExtensionType, bool]]
    ) -> Credentials:
        check_hours(hours, 24 * _DAYS)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (x509.BasicConstraints(ca=False, path_length=None), True)
        signed = self._sign(_name(name), key.public_key(), hours, [leaf, *extensions])
        stem = f"{name}-{signed.serial_number:x}"
        own = Credentials(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        _write(own.certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)
        _write(own.key, _pem(key), 0o600)
        return own

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        hours: float,
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        now = datetime.fromtimestamp(self._clock(), UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - _BACKDATED,
            not_valid_after=now + timedelta(hours=hours),
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(public)
        for extension, critical in [*extensions, (authority, False), (own, False)]:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


def _authority_extensions() -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    limits = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("localhost"), *map(x509.IPAddress, _NETWORKS)],
        excluded_subtrees=None,
    )
    authority = x509.BasicConstraints(ca=True, path_length=0)
    return [(authority, True), (usage, True), (limits, True)]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _check_credentials(own: object) -> None:
    if not isinstance(own, Credentials):
        raise TypeError(
            "expected Credentials, such as CertificateAuthority.server() or client('ann') makes; "
            f"got {type(own).__name__}."
        )


def _is_loopback(name: object) -> bool:
    if not isinstance(name, str):
        return False  # ipaddress would take a number as an address
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Create a file with `mode` from the start, so that it is never readable by others."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
