"""What lesson 11 says of nonces: new ones hide that texts are equal, one used twice lets forge."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, strategies as st

import eventkit as ek
from eventkit.lab import Unauthenticated, forge

NONCE = bytes(12)
blocks = st.binary(min_size=16, max_size=16)
EVENT = ek.CloudEvent(
    id="1", source="/ann", type="button.click", time=datetime(2026, 5, 4, tzinfo=UTC), data=1
)


@given(st.binary(min_size=32, max_size=32), blocks, blocks, blocks)
def test_two_messages_with_one_nonce_are_enough_to_forge_any_other(
    key: bytes, known: bytes, other: bytes, wanted: bytes
) -> None:
    if known == other:
        return  # two equal messages tell the attacker nothing
    machine = AESGCM(key)
    first, second = machine.encrypt(NONCE, known, None), machine.encrypt(NONCE, other, None)
    assert machine.decrypt(NONCE, forge(first, second, known, wanted), None) == wanted


def test_with_a_nonce_for_each_message_a_forgery_is_refused() -> None:
    machine, known = AESGCM(bytes(32)), b"the count is 10."
    first = machine.encrypt(NONCE, known, None)
    second = machine.encrypt(bytes(11) + b"1", b"meet me at eight", None)
    with pytest.raises(InvalidTag):
        machine.decrypt(NONCE, forge(first, second, known, b"the count is 99."), None)


def test_messages_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes and a tag; got 5 bytes"):
        forge(b"short", b"short", b"", b"")


def test_the_row_of_bits_depends_on_the_nonce_and_not_on_the_key_alone() -> None:
    cipher = Unauthenticated(ek.Cipher.new_key())
    bodies = {bytes(cipher.seal(EVENT).data_base64)[16:] for _ in range(64)}  # type: ignore[arg-type]
    assert len(bodies) > 1
