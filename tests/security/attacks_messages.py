"""Attacks that change, move or replay sealed events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as RawCipher, algorithms, modes

import eventkit as ek
from eventkit.security import (
    NotSealed,
    ReplayGuard,
    SeenBefore,
    Tampered,
    UnknownKey,
    cipher as cipher_module,
)
from tests.secured import House

from .attacking import always, attack, patched

KEY = bytes(range(32))


class Unauthenticated:
    """AES-GCM without its tag: it encrypts, but accepts any decrypted bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
        return self._apply(nonce, plain) + bytes(16)

    def decrypt(self, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
        return self._apply(nonce, sealed[:-16])

    def _apply(self, nonce: bytes, text: bytes) -> bytes:
        mode = modes.CTR(nonce + (2).to_bytes(4, "big"))
        return RawCipher(algorithms.AES(self._key), mode).encryptor().update(text)


without_tag = patched((cipher_module, "AESGCM", Unauthenticated))
without_binding = patched((cipher_module, "_attributes", always(b"")))
without_guard = patched((ReplayGuard, "admit", always(None)))


def payment(data: object = 1, *, time: datetime | None = None) -> ek.CloudEvent:
    event = ek.to_cloud(ek.Event("pay.small", data, key="ann"), "/shop")
    return msgspec.structs.replace(event, time=time or event.time)


def delivered(house: House, opens: ek.Cipher, *sealed: ek.CloudEvent) -> list[ek.CloudEvent]:
    """Return what a listener on the bus obtains when it opens these events."""
    opened: list[ek.CloudEvent] = []
    house.bus.subscribe("sealed", lambda event: opened.append(opens.open(event.data)))
    for one in sealed:
        house.bus.fire("sealed", one)
    return opened


def changed(sealed: ek.CloudEvent, change: Callable[[bytes], bytes]) -> ek.CloudEvent:
    assert isinstance(sealed.data_base64, bytes)
    return msgspec.structs.replace(sealed, data_base64=change(sealed.data_base64))


@attack("message", Tampered, without_tag)
def a_flipped_bit(house: House) -> bool:
    """Change 100 to 900 without the key: in ASCII, 1 and 9 differ in one bit."""
    key = ek.Cipher("one", KEY)
    sealed = changed(
        key.seal(payment(100)), lambda blob: blob[:-19] + bytes([blob[-19] ^ 8]) + blob[-18:]
    )
    return [one.data for one in delivered(house, key, sealed)] == [900]


@attack("message", Tampered, without_tag)
def a_payload_cut_short(house: House) -> bool:
    """Truncate 100 to 10."""
    key = ek.Cipher("one", KEY)
    sealed = changed(key.seal(payment(100)), lambda blob: blob[:-1])
    return [one.data for one in delivered(house, key, sealed)] == [10]


def _moved(house: House, **change: object) -> bool:
    key = ek.Cipher("one", KEY)
    moved = msgspec.structs.replace(key.seal(payment(1)), **change)
    return len(delivered(house, key, moved)) == 1


@attack("message", Tampered, without_binding)
def a_ciphertext_moved_to_another_topic(house: House) -> bool:
    return _moved(house, type="pay.large")


@attack("message", Tampered, without_binding)
def a_ciphertext_under_another_id(house: House) -> bool:
    return _moved(house, id="another")


@attack("message", Tampered, without_binding)
def a_ciphertext_as_if_from_another_source(house: House) -> bool:
    return _moved(house, source="/bank")


@attack("message", Tampered, without_binding)
def a_ciphertext_for_another_key(house: House) -> bool:
    return _moved(house, subject="bob")


@attack("message", Tampered, without_binding)
def an_old_ciphertext_dated_anew(house: House) -> bool:
    return _moved(house, time=payment().time)


@attack("message", SeenBefore, without_guard)
def a_message_sent_twice(house: House) -> bool:
    key = ek.Cipher("one", KEY, guard=ReplayGuard())
    sealed = key.seal(payment())
    return len(delivered(house, key, sealed, sealed)) == 2


@attack("message", SeenBefore, without_guard)
def a_message_kept_back_for_years(house: House) -> bool:
    key = ek.Cipher("one", KEY, guard=ReplayGuard())
    return len(delivered(house, key, key.seal(payment(time=datetime(2001, 1, 1, tzinfo=UTC))))) == 1


def _open_if_sealed(house: House, patch: pytest.MonkeyPatch) -> None:
    strict = ek.Cipher.open

    def lax(self: ek.Cipher, event: ek.CloudEvent) -> ek.CloudEvent:
        return event if event.data_base64 is msgspec.UNSET else strict(self, event)

    patch.setattr(ek.Cipher, "open", lax)


@attack("message", NotSealed, _open_if_sealed)
def a_message_that_was_never_encrypted(house: House) -> bool:
    return len(delivered(house, ek.Cipher("one", KEY), payment())) == 1


@attack("message", UnknownKey, patched((ek.Cipher, "forget", always(None))))
def a_message_sealed_with_a_stolen_key_that_was_retired(house: House) -> bool:
    stolen = ek.Cipher("one", KEY)
    house_key = ek.Cipher("one", KEY)
    house_key.rotate("two", ek.Cipher.new_key())
    house_key.forget("one")
    return len(delivered(house, house_key, stolen.seal(payment()))) == 1
