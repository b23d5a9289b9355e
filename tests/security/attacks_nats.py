"""Attacks on a NATS server and its clients: authentication of both sides, and authorization."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from nats.aio.client import Client

import eventkit as ek
from eventkit.lab.lesson11.insecure_servers import FalseNats
from eventkit.nats import permissions as permissions_module, server as server_module
from tests.secured import LONG, House

from .attacking import Taking, always, attack, patched
from .attacks_tls import (
    DAY,
    HungUp,
    any_name,
    any_time,
    believe_all,
    client_without,
    other_authority,
)


def joined(house: House, url: str, *patterns: list[str], **options: Any) -> ek.Bridge:
    """Return a bridge from the house's bus to a server, as ann."""
    context = house.ca.client_context(house.ca.client("ann"))
    return ek.Bridge(house.bus, url, *patterns, **{"tls": context, "timeout": LONG, **options})


def tells(house: House, impostor: FalseNats) -> bool:
    """Fire a secret as ann. Return True if the impostor received it."""
    with impostor, joined(house, f"tls://{impostor.address}", ["button.>"]) as bridge:
        house.bus.fire("button.click", "secret")
        bridge.flush(LONG)
        return b"secret" in impostor.heard


def impostor(house: House, context: ssl.SSLContext) -> FalseNats:
    context.verify_mode = ssl.CERT_NONE  # accept any client
    return FalseNats(context)


def _greeting_first(house: House, patch: pytest.MonkeyPatch) -> None:
    """Connect as nats-py does by default, where the server decides whether to use TLS."""
    connect = Client.connect

    async def connects(self: Client, *arguments: Any, **options: Any) -> None:
        await connect(self, *arguments, **{**options, "tls_handshake_first": False})

    patch.setattr(Client, "connect", connects)


@attack("nats", ek.NotTrusted, _greeting_first)
def a_downgrade_of_nats_to_plaintext(house: House) -> bool:
    return tells(house, FalseNats())


@attack("nats", ek.NotTrusted, client_without(believe_all))
def a_false_nats_server_with_a_certificate_of_another_authority(house: House) -> bool:
    other = other_authority(house)
    return tells(house, impostor(house, other.server_context(other.server())))


@attack("nats", ek.NotTrusted, client_without(any_name))
def a_nats_server_that_is_genuine_but_another(house: House) -> bool:
    return tells(house, impostor(house, house.ca.server_context(house.ca.server("127.0.0.2"))))


@attack("nats", ek.NotTrusted, client_without(any_time))
def a_nats_server_whose_certificate_has_expired(house: House) -> bool:
    house.ca._clock = lambda: time.time() - 2 * DAY
    context = house.ca.server_context(house.ca.server())
    house.ca._clock = time.time
    return tells(house, impostor(house, context))


def without_tls(house: House, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ek.NatsServer, "_encryption", always({}))


@attack("nats", HungUp, without_tls)
def plaintext_to_a_nats_server(house: House) -> bool:
    host, _, port = house.nats.address.partition(":")
    with closing(socket.create_connection((host, int(port)), LONG)) as plain:
        plain.sendall(b"CONNECT {}\r\n")
        try:
            answer = plain.recv(4)
        except ConnectionResetError:
            answer = b""
    if answer != b"INFO":
        raise HungUp
    return True


def encryption_with(change: Callable[[House], dict[str, Any]], names: bool = True) -> Taking:
    """Remove a guard of the server. Without `names`, it does not authenticate clients either."""

    def take_away(house: House, patch: pytest.MonkeyPatch) -> None:
        lax = {"tls": {**ek.NatsServer._encryption(house.nats)["tls"], **change(house)}}
        patch.setattr(ek.NatsServer, "_encryption", always(lax))
        if not names:
            patch.setattr(ek.NatsServer, "_authorization", always({}))
        house.end_nats()

    return take_away


_of_anybody = encryption_with(always({"verify_and_map": False}), names=False)


@attack("nats", ek.PermissionDenied, encryption_with(always({"min_version": "1.2"})))
def a_downgrade_of_nats_to_an_older_tls(house: House) -> bool:
    context = house.ca.client_context(house.ca.client("ann"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    return _is_in(house, context)


@attack("nats", ek.PermissionDenied, _of_anybody)
def no_certificate_for_a_nats_server(house: House) -> bool:
    return _is_in(house, house.ca.client_context())


@attack("nats", ek.PermissionDenied, _of_anybody)
def an_expired_certificate_for_a_nats_server(house: House) -> bool:
    house.ca._clock = lambda: time.time() - 2 * DAY
    ann = house.ca.client("ann")
    house.ca._clock = time.time
    return _is_in(house, house.ca.client_context(ann))


@attack("nats", ek.PermissionDenied, _of_anybody)
def a_servers_certificate_shown_by_a_client(house: House) -> bool:
    house.policy.allow("server", publish=">")
    return _is_in(house, house.ca.client_context(house.ca.server()))


def _believes_the_other(house: House) -> dict[str, Any]:
    house.other = other_authority(house)
    return {"ca_file": str(house.other.certificate)}


@attack("nats", ek.PermissionDenied, encryption_with(_believes_the_other))
def a_certificate_of_another_authority_for_a_nats_server(house: House) -> bool:
    other = house.other or other_authority(house)
    return _is_in(house, house.ca.client_context(other.client("ann")))


@attack(
    "nats", ek.PermissionDenied, patched((ek.NatsServer, "_authorization", always({"users": []})))
)
def a_name_that_nobody_knows_when_nobody_is_known(house: House) -> bool:
    house.policy.revoke("ann")
    return _is_in(house, house.ca.client_context(house.ca.client("eve")))


def _is_in(house: House, context: ssl.SSLContext) -> bool:
    with joined(house, house.nats.url, ["button.>"], tls=context) as bridge:
        house.bus.fire("button.click")
        bridge.flush(LONG)
        return True


without_permissions = patched((server_module, "permissions_of", always({})))


def _publishes(house: House, topic: str, **options: Any) -> bool:
    with joined(house, house.nats.url, [topic], **options) as bridge:
        house.bus.fire(topic)
        bridge.flush(LONG)
        return bridge.sent == 1


def _subscribes(house: House, pattern: str, **options: Any) -> bool:
    with joined(house, house.nats.url, [], [pattern], **options) as bridge:
        return bridge.is_connected


@attack("nats", ek.PermissionDenied, without_permissions)
def publishing_on_nats_what_one_may_not(house: House) -> bool:
    return _publishes(house, "counter.set")


@attack("nats", ek.PermissionDenied, without_permissions)
def publishing_on_nats_what_is_denied_within_what_is_allowed(house: House) -> bool:
    house.policy.deny("ann", publish="button.reset")
    return _publishes(house, "button.reset")


@attack("nats", ek.PermissionDenied, patched((permissions_module, "_RESERVED", ())))
def forging_the_record_of_another_bus(house: House) -> bool:
    house.policy.allow("ann", publish=">")
    return _publishes(house, "audit.denied")


@attack("nats", ek.PermissionDenied, without_permissions)
def subscribing_on_nats_to_what_one_may_not(house: House) -> bool:
    return _subscribes(house, "vault.*")


@attack("nats", ek.PermissionDenied, without_permissions)
def subscribing_on_nats_to_all_there_is(house: House) -> bool:
    return _subscribes(house, ">")


@attack("nats", ek.PermissionDenied, without_permissions)
def reading_the_answers_to_others(house: House) -> bool:
    return _subscribes(house, ">", prefix="_INBOX")


@attack("nats", ek.PermissionDenied, without_permissions)
def asking_for_what_the_server_has_stored(house: House) -> bool:
    return _publishes(house, "API.STREAM.NAMES", prefix="$JS")


@attack("nats", ek.PermissionDenied, patched((ek.NatsServer, "reload", always(None))))
def staying_on_nats_while_rights_are_taken(house: House) -> bool:
    with joined(house, house.nats.url, ["button.>"]) as bridge:
        house.policy.revoke("ann")
        house.nats.reload()
        is_cut_off = house.nats.monitor("connz")["num_connections"] == 0
        while is_cut_off and bridge.is_connected:
            time.sleep(0.005)  # until the bridge notices
        house.bus.fire("button.click")
        bridge.flush(LONG)
        return bridge.sent == 1
