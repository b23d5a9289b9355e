"""Two ciphers that each lack something, to be broken. For your own events use ek.Cipher."""

from __future__ import annotations

import os
from typing import Protocol

import msgspec
from msgspec.structs import replace

from ...event import CloudEvent


class Opens(Protocol):
    """A cipher for events."""

    def open(self, sealed: CloudEvent) -> CloudEvent: ...


class Unauthenticated:
    """AES-256 in counter mode: it cannot be read without the key, but it can be changed.

    The ciphertext is the text with some bits flipped, as the key says. Flip a bit on the way, and
    the same bit of the text is flipped.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, event: CloudEvent) -> CloudEvent:
        start = os.urandom(16)
        body = self._flipped(start, msgspec.json.encode(event.data))
        return replace(event, data=msgspec.UNSET, data_base64=start + body)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """Decrypt the event as it arrived. Raises msgspec.DecodeError if the result is not JSON."""
        start, body = _parts(sealed, 16)
        data = msgspec.json.decode(self._flipped(start, body))
        return replace(sealed, data=data, data_base64=msgspec.UNSET)

    def _flipped(self, start: bytes, text: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        machine = Cipher(algorithms.AES(self._key), modes.CTR(start)).encryptor()
        return machine.update(text) + machine.finalize()


class Unbound:
    """AES-256-GCM for the payload alone: without the key it cannot be read or changed, but anyone
    can put it into another event.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, event: CloudEvent) -> CloudEvent:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        body = AESGCM(self._key).encrypt(nonce, msgspec.json.encode(event.data), None)
        return replace(event, data=msgspec.UNSET, data_base64=nonce + body)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """Decrypt the payload; changes to the rest of the event go unnoticed.

        Raises cryptography's InvalidTag if the payload was changed.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, body = _parts(sealed, 12)
        data = msgspec.json.decode(AESGCM(self._key).decrypt(nonce, body, None))
        return replace(sealed, data=data, data_base64=msgspec.UNSET)


def refusal(cipher: Opens, sealed: CloudEvent) -> str | None:
    """Return the name of the error with which a cipher refuses an event; None if it opens it."""
    from ...security import CipherError

    try:
        cipher.open(sealed)
    except CipherError as error:
        return type(error).__name__
    return None


def flip(sealed: CloudEvent, place: int, bit: int) -> CloudEvent:
    """Return the event with one bit of its ciphertext flipped, in the byte at this place."""
    assert sealed.data_base64 is not msgspec.UNSET
    blob = bytearray(sealed.data_base64)
    blob[place] ^= 1 << bit
    return replace(sealed, data_base64=bytes(blob))


def _parts(sealed: CloudEvent, length: int) -> tuple[bytes, bytes]:
    assert sealed.data_base64 is not msgspec.UNSET
    return sealed.data_base64[:length], sealed.data_base64[length:]
