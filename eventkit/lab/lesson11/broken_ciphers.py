"""Two ciphers that leave something out, to be seen broken. For your own events use ek.Cipher."""

from __future__ import annotations

import os

import msgspec
from msgspec.structs import replace

from ...event import CloudEvent


class Unauthenticated:
    """AES-256 in counter mode: nobody can read it without the key, and everybody can change it.

    What is sent is the text, each bit of it flipped or not, as the key says. Flip a bit on the
    way, and the same bit of the text is flipped.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, event: CloudEvent) -> CloudEvent:
        start = os.urandom(16)
        body = self._flipped(start, msgspec.json.encode(event.data))
        return replace(event, data=msgspec.UNSET, data_base64=start + body)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """The event with what its bits say now. Raises msgspec.DecodeError for no JSON."""
        start, body = _parts(sealed, 16)
        data = msgspec.json.decode(self._flipped(start, body))
        return replace(sealed, data=data, data_base64=msgspec.UNSET)

    def _flipped(self, start: bytes, text: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        machine = Cipher(algorithms.AES(self._key), modes.CTR(start)).encryptor()
        return machine.update(text) + machine.finalize()


class Unbound:
    """AES-256-GCM, but for the payload alone: nobody can read or change it, and everybody can put
    it into another event.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, event: CloudEvent) -> CloudEvent:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        body = AESGCM(self._key).encrypt(nonce, msgspec.json.encode(event.data), None)
        return replace(event, data=msgspec.UNSET, data_base64=nonce + body)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """The event as it was sealed, whatever else was changed. Raises cryptography's InvalidTag
        if the payload was.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, body = _parts(sealed, 12)
        data = msgspec.json.decode(AESGCM(self._key).decrypt(nonce, body, None))
        return replace(sealed, data=data, data_base64=msgspec.UNSET)


def flip(sealed: CloudEvent, place: int, bit: int) -> CloudEvent:
    """The same event with one bit of its ciphertext flipped, in the byte at this place."""
    assert sealed.data_base64 is not msgspec.UNSET
    blob = bytearray(sealed.data_base64)
    blob[place] ^= 1 << bit
    return replace(sealed, data_base64=bytes(blob))


def _parts(sealed: CloudEvent, length: int) -> tuple[bytes, bytes]:
    assert sealed.data_base64 is not msgspec.UNSET
    return sealed.data_base64[:length], sealed.data_base64[length:]
