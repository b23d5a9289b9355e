"""Attacks on the connection: authentication of the peer."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

import eventkit as ek
from eventkit.https import requests as handlers
from tests.secured import LONG, PLAIN, House

from .attacking import Taking, always, attack, met, patched

DAY = 86_400
START = time.time() - time.monotonic()
NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME


def talk(house: House, context: ssl.SSLContext, name: str = "localhost") -> bool:
    """Send the token, which an impostor wants, to whichever server answers."""
    plain = socket.create_connection((house.trigger.host, house.trigger.port), LONG)
    with plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
        wrapped.sendall(
            f"GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {house.token}\r\n\r\n".encode()
        )
        return wrapped.recv(12) == b"HTTP/1.1 404"


def client_without(change: Callable[[ssl.SSLContext], None]) -> Taking:
    """Return a function that removes a guard of the client."""

    def take_away(house: House, patch: pytest.MonkeyPatch) -> None:
        make = house.ca.client_context

        def lax(*arguments: Any) -> ssl.SSLContext:
            context = make(*arguments)
            change(context)
            return context

        patch.setattr(house.ca, "client_context", lax)

    return take_away


def believe_all(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def any_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def any_time(context: ssl.SSLContext) -> None:
    context.verify_flags |= NO_CHECK_TIME


def other_authority(house: House) -> ek.CertificateAuthority:
    folder = house.ca.certificate.parent.parent / "other"
    return ek.CertificateAuthority(folder)


@attack("tls", ssl.SSLCertVerificationError, client_without(believe_all))
def an_impostor_with_a_certificate_of_another_authority(house: House) -> bool:
    other = other_authority(house)
    _serve_with(house, other.server_context(other.server()))
    return talk(house, house.ca.client_context())


@attack("tls", ssl.SSLCertVerificationError, client_without(any_name))
def a_server_that_is_genuine_but_another(house: House) -> bool:
    return talk(house, house.ca.client_context(), "bank.example")


@attack("tls", ssl.SSLCertVerificationError, client_without(any_time))
def a_server_whose_certificate_has_expired(house: House) -> bool:
    house.ca._clock = lambda: time.time() - 2 * DAY
    _serve_with(house, house.ca.server_context(house.ca.server()))
    return talk(house, house.ca.client_context())


def _serve_with(house: House, context: ssl.SSLContext) -> None:
    house.trigger.stop()
    house.trigger._context = context
    house.trigger.start()


def _older_tls(house: House, patch: pytest.MonkeyPatch) -> None:
    house.trigger._context.minimum_version = ssl.TLSVersion.TLSv1_2


@attack("tls", (ssl.SSLError, ConnectionResetError), _older_tls)
def a_downgrade_to_an_older_tls(house: House) -> bool:
    context = house.ca.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return talk(house, context)


def without_tls(house: House, patch: pytest.MonkeyPatch) -> None:
    make = house.trigger._new_server
    patch.setattr(house.trigger, "_new_server", lambda **_: make())
    house.trigger.stop()
    house.trigger.start()


class HungUp(Exception):
    """The server closed the connection without an answer."""


@attack("tls", HungUp, without_tls)
def plaintext_to_the_same_port(house: House) -> bool:
    with socket.create_connection((house.trigger.host, house.trigger.port), LONG) as plain:
        plain.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        try:
            answer = plain.recv(12)
        except ConnectionResetError:
            answer = b""
    if not answer:
        raise HungUp
    return answer == b"HTTP/1.1 404"


def _believe_the_other_too(house: House, patch: pytest.MonkeyPatch) -> None:
    other = other_authority(house)
    house.trigger._context.load_verify_locations(other.certificate)
    patch.setattr("tests.security.attacks_tls.other_authority", lambda _: other)


@attack("tls", (ssl.SSLError, ConnectionError), _believe_the_other_too)
def a_client_certificate_of_ones_own_making(house: House) -> bool:
    context = house.ca.client_context(other_authority(house).client("ann"))
    return _post_by_certificate(house, context)


def _any_time_for_clients(house: House, patch: pytest.MonkeyPatch) -> None:
    any_time(house.trigger._context)
    patch.setattr(handlers, "is_current", always(True))


@attack("tls", (ssl.SSLError, ConnectionError), _any_time_for_clients)
def a_client_certificate_that_has_expired(house: House) -> bool:
    house.ca._clock = lambda: time.time() - 2 * DAY
    return _post_by_certificate(house, house.ca.client_context(house.ca.client("ann")))


@attack("https", 401, patched((handlers, "is_current", always(True))))
def a_client_certificate_that_expires_on_an_open_connection(house: House) -> bool:
    connection = house.connect(house.ca.client_context(house.ca.client("ann")))
    met(_post_on(connection))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 2 * DAY + time.monotonic() + START)
        status = _post_on(connection)
    connection.close()
    met(status)
    return len(house.got) == 2


def _post_on(connection: http.client.HTTPSConnection) -> int:
    connection.request("POST", "/topics/button.a", b"1", PLAIN)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _post_by_certificate(house: House, context: ssl.SSLContext) -> bool:
    answer = house.ask("POST", "/topics/button.a", b"1", PLAIN, context=context, known=False)
    met(answer)
    return len(house.got) == 1
