"""What a nonce that is used twice gives away in AES-GCM: the text, and the power to forge.

Joux (2006), "Authentication failures in NIST version of GCM". The tag is a polynomial of the
ciphertext in GF(2^128), at a secret point H, plus a mask that only key and nonce determine. Two
tags with one mask differ by a polynomial that the attacker knows, so he solves it for H.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCK = 16
_REDUCE = 0xE1 << 120  # GCM's field, whose bits are numbered from the left
_ONE = 1 << 127


class Message(NamedTuple):
    """A message of one block as it was sent: ciphertext and tag."""

    text: int
    tag: int

    @classmethod
    def of(cls, sealed: bytes) -> Message:
        if len(sealed) != 2 * BLOCK:
            raise ValueError(f"a text of {BLOCK} bytes and a tag; got {len(sealed)} bytes.")
        return cls(int.from_bytes(sealed[:BLOCK]), int.from_bytes(sealed[BLOCK:]))


def forge(first: bytes, second: bytes, known: bytes, wanted: bytes) -> bytes:
    """Return a message that opens as `wanted`, made without the key from two that were sealed with
    one nonce, and from the text `known` of the first. All texts are 16 bytes, and differ.
    """
    one, other = Message.of(first), Message.of(second)
    squared = _times(one.tag ^ other.tag, _inverse(one.text ^ other.text))
    text = one.text ^ int.from_bytes(known) ^ int.from_bytes(wanted)
    tag = one.tag ^ _times(one.text ^ text, squared)
    return text.to_bytes(BLOCK) + tag.to_bytes(BLOCK)


def _times(a: int, b: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_REDUCE if b & 1 else 0)
    return product


def _inverse(a: int) -> int:
    """Return a to the power of 2^128 - 2: the product of a^2, a^4, … a^(2^127)."""
    product = _ONE
    for _ in range(127):
        a = _times(a, a)
        product = _times(product, a)
    return product
