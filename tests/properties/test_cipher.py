"""Cipher: whatever is altered in whatever event, it does not open."""

import msgspec
import pytest
from hypothesis import given, strategies as st

from eventkit import Cipher, CloudEvent
from eventkit.security import CipherError

CIPHER = Cipher("one", bytes(32))
payloads = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
texts = st.text(min_size=1, max_size=12)
events = st.builds(CloudEvent, id=texts, source=texts, type=texts, subject=texts, data=payloads)


@given(events)
def test_every_event_opens_to_what_it_was(event: CloudEvent) -> None:
    assert CIPHER.open(CIPHER.seal(event)) == event


@given(events, st.data())
def test_no_flipped_bit_opens(event: CloudEvent, data: st.DataObject) -> None:
    sealed = CIPHER.seal(event)
    assert isinstance(sealed.data_base64, bytes)
    blob = bytearray(sealed.data_base64)
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CipherError):
        CIPHER.open(msgspec.structs.replace(sealed, data_base64=bytes(blob)))


@given(events, events)
def test_no_payload_opens_in_another_event(event: CloudEvent, other: CloudEvent) -> None:
    moved = msgspec.structs.replace(other, data_base64=CIPHER.seal(event).data_base64)
    moved = msgspec.structs.replace(moved, data=msgspec.UNSET)
    same = [(e.id, e.source, e.type, e.subject) for e in (event, other)]
    if same[0] != same[1]:
        with pytest.raises(CipherError):
            CIPHER.open(moved)


@given(st.binary(max_size=100))
def test_no_random_bytes_open(blob: bytes) -> None:
    for forged in (blob, b"ek1\x03one" + blob):
        with pytest.raises(CipherError):
            CIPHER.open(CloudEvent(id="1", source="/", type="a", data_base64=forged))
