"""CertificateAuthority: which certificates are trusted, and how long, on real TLS sockets."""

from __future__ import annotations

import socket
import ssl
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trustme
from cryptography import x509

import eventkit as ek
from eventkit.security import Credentials, principal_of

from .conftest import LONG

DAY = 86_400
Outcome = tuple[dict[str, object] | None, Exception | None]


@pytest.fixture
def ca(tmp_path: Path) -> ek.CertificateAuthority:
    return ek.CertificateAuthority(tmp_path / "ca")


def meet(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost") -> Outcome:
    """Connect a client to a server over loopback. Return the client certificate the server saw."""
    seen: list[Outcome] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        accepted, _ = listening.accept()
        accepted.settimeout(LONG)
        try:
            with server.wrap_socket(accepted, server_side=True) as wrapped:
                wrapped.sendall(b"hello")
                seen.append((cast("dict[str, object] | None", wrapped.getpeercert()), None))
        except OSError as error:
            accepted.close()
            seen.append((None, error))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with (
            socket.create_connection(listening.getsockname(), LONG) as plain,
            client.wrap_socket(plain, server_hostname=name) as wrapped,
        ):
            assert wrapped.recv(5) == b"hello"
    finally:
        thread.join(LONG)
        listening.close()
    return seen[0]


def test_a_client_believes_a_server_of_its_authority(ca: ek.CertificateAuthority) -> None:
    certificate, error = meet(ca.server_context(ca.server()), ca.client_context())
    assert not certificate
    assert error is None


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_server_is_known_by_every_loopback_name(ca: ek.CertificateAuthority, name: str) -> None:
    meet(ca.server_context(ca.server()), ca.client_context(), name)


def test_a_server_by_another_name_is_not_believed(ca: ek.CertificateAuthority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname mismatch"):
        meet(ca.server_context(ca.server("localhost")), ca.client_context(), "example.org")


def test_a_server_of_another_authority_is_not_believed(
    ca: ek.CertificateAuthority, tmp_path: Path
) -> None:
    other = ek.CertificateAuthority(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(other.server_context(other.server()), ca.client_context())


def test_an_expired_server_is_not_believed(tmp_path: Path) -> None:
    ca = ek.CertificateAuthority(tmp_path, clock=lambda: time.time() - 2 * DAY)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        meet(ca.server_context(ca.server()), ca.client_context())


def test_a_server_does_not_talk_below_tls_1_3(ca: ek.CertificateAuthority) -> None:
    old = ca.client_context()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        meet(ca.server_context(ca.server()), old)


def test_a_client_is_known_by_its_certificate(ca: ek.CertificateAuthority) -> None:
    certificate, _ = meet(
        ca.server_context(ca.server(), clients=True), ca.client_context(ca.client("ann"))
    )
    assert principal_of(certificate) == "ann"


def with_none(ca: ek.CertificateAuthority, other: ek.CertificateAuthority) -> Credentials | None:
    return None


def with_a_strangers(ca: ek.CertificateAuthority, other: ek.CertificateAuthority) -> Credentials:
    return other.client("ann")


def with_a_servers(ca: ek.CertificateAuthority, other: ek.CertificateAuthority) -> Credentials:
    return ca.server()


@pytest.mark.parametrize("shown", [with_none, with_a_strangers, with_a_servers])
def test_a_client_is_turned_away(
    ca: ek.CertificateAuthority,
    tmp_path: Path,
    shown: Callable[[ek.CertificateAuthority, ek.CertificateAuthority], Credentials | None],
) -> None:
    other = ek.CertificateAuthority(tmp_path / "other")
    client = ca.client_context(shown(ca, other))
    with pytest.raises((ssl.SSLError, ConnectionResetError, AssertionError)):
        meet(ca.server_context(ca.server(), clients=True), client)


def test_private_keys_are_their_owners_alone(ca: ek.CertificateAuthority) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such modes")
    for own in (ca.server(), ca.client("ann")):
        assert stat.S_IMODE(own.key.stat().st_mode) == 0o600
        assert b"PRIVATE KEY" not in own.certificate.read_bytes()


def test_the_authoritys_own_key_is_nowhere_on_disk(
    ca: ek.CertificateAuthority, tmp_path: Path
) -> None:
    authority = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert [one for one in tmp_path.rglob("*") if one.suffix == ".key"] == []


def test_no_file_is_written_through_a_link_that_was_laid_there(
    ca: ek.CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x509, "random_serial_number", lambda: 0xABC)
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (tmp_path / "ca" / "ann-abc.pem").symlink_to(victim)
    with pytest.raises(FileExistsError):
        ca.client("ann")
    assert victim.read_text(encoding="utf-8") == "mine"


def test_certificates_are_short_lived(ca: ek.CertificateAuthority) -> None:
    leaf = x509.load_pem_x509_certificate(ca.client("ann", hours=2).certificate.read_bytes())
    left = leaf.not_valid_after_utc.timestamp() - time.time()
    assert 0 < left <= 2 * 3600
    for hours in (0, -1, 24 * 365):
        with pytest.raises(ValueError, match="hours"):
            ca.server(hours=hours)


@pytest.mark.parametrize("name", ["example.org", "10.0.0.1", "localhost.example.org", ""])
def test_it_vouches_for_no_other_machine(ca: ek.CertificateAuthority, name: str) -> None:
    with pytest.raises(ValueError, match="not a loopback name of this machine"):
        ca.server(name)


def test_what_it_signs_for_another_machine_all_the_same_is_not_believed(
    ca: ek.CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventkit.security.certificates._is_loopback", lambda name: True)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        meet(ca.server_context(ca.server("example.org")), ca.client_context(), "example.org")


def test_a_client_has_a_name_that_a_policy_can_have(ca: ek.CertificateAuthority) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        ca.client("../ann")


@pytest.mark.parametrize(
    "subject",
    [
        (),
        ((("commonName", "a b"),),),
        ((("commonName", "ann"),), (("commonName", "bob"),)),
        ((("organizationName", "ann"),),),
    ],
)
def test_a_certificate_that_names_nobody_or_two_names_nobody(subject: object) -> None:
    assert principal_of({"subject": subject}) is None
    assert principal_of(None) is None


def test_an_authority_made_by_others_works_with_the_same_contexts(
    ca: ek.CertificateAuthority, tmp_path: Path
) -> None:
    theirs = trustme.CA()
    issued = theirs.issue_cert("localhost")
    pem = tmp_path / "theirs.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(pem))
    server = ca.server_context(Credentials(pem, pem))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.configure_trust(client)
    meet(server, client)
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(server, ca.client_context())


def test_nothing_secret_is_shown(ca: ek.CertificateAuthority) -> None:
    own = ca.client("ann")
    secret = own.key.read_text(encoding="utf-8").splitlines()[1]
    assert secret not in f"{ca!r} {own!r}"
