"""Cipher: opens only what it sealed; keys rotate; a guard admits each event once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import eventkit as ek
from eventkit.security import NotSealed, ReplayGuard, SeenBefore, Tampered, UnknownKey

KEY = bytes(range(32))
ROOT = Path(__file__).parents[2]


def wire(data: object = None, *, id: str = "1", topic: str = "a.b", at: float = 0) -> ek.CloudEvent:
    return ek.CloudEvent(
        id=id, source="/test", type=topic, time=datetime.fromtimestamp(at, UTC), data=data
    )


@pytest.fixture
def cipher() -> ek.Cipher:
    return ek.Cipher("one", KEY)


@pytest.mark.parametrize("data", [None, 1, "ä", {"a": [1, 2.5, None]}, "", [], b"", b"\0\xff"])
def test_what_was_sealed_opens_to_what_it_was(cipher: ek.Cipher, data: object) -> None:
    event = ek.to_cloud(ek.Event("a.b", data, key="k", cause=7), "/test")
    sealed = ek.decode(msgspec.json.encode(cipher.seal(event)))
    assert cipher.open(sealed) == event


def test_an_event_without_data_opens_to_one_without(cipher: ek.Cipher) -> None:
    event = ek.CloudEvent(id="1", source="/test", type="a")
    assert cipher.open(cipher.seal(event)) == event


def test_neither_the_data_nor_the_key_can_be_read_off(cipher: ek.Cipher) -> None:
    sealed = msgspec.json.encode(cipher.seal(wire("planted-secret")))
    assert b"planted" not in sealed
    assert KEY not in sealed
    assert repr(cipher) == "<Cipher with keys ['one']>"


def test_the_same_event_is_never_sealed_the_same_way_twice(cipher: ek.Cipher) -> None:
    assert len({cipher.seal(wire(1)).data_base64 for _ in range(100)}) == 100


def test_what_routers_need_stays_readable(cipher: ek.Cipher) -> None:
    sealed = cipher.seal(wire(1))
    assert (sealed.type, sealed.id, sealed.source) == ("a.b", "1", "/test")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "a.c"},
        {"id": "2"},
        {"source": "/other"},
        {"subject": "k"},
        {"cause": "9"},
        {"time": datetime.fromtimestamp(1, UTC)},
        {"time": msgspec.UNSET},
    ],
)
def test_no_attribute_can_be_changed(cipher: ek.Cipher, change: dict[str, object]) -> None:
    sealed = msgspec.structs.replace(cipher.seal(wire(1)), **change)
    with pytest.raises(Tampered):
        cipher.open(sealed)


def test_a_time_may_be_written_in_another_zone(cipher: ek.Cipher) -> None:
    sealed = cipher.seal(wire(1))
    moved = datetime.fromisoformat("1970-01-01T02:00:00+02:00")
    assert cipher.open(msgspec.structs.replace(sealed, time=moved)).data == 1


def test_a_payload_cut_short_does_not_open(cipher: ek.Cipher) -> None:
    blob = cipher.seal(wire(1)).data_base64
    assert isinstance(blob, bytes)
    for length in range(len(blob)):
        with pytest.raises((Tampered, NotSealed, UnknownKey)):
            cipher.open(ek.CloudEvent(id="1", source="/", type="a", data_base64=blob[:length]))


def test_an_event_that_is_not_encrypted_is_refused(cipher: ek.Cipher) -> None:
    with pytest.raises(NotSealed):
        cipher.open(wire("in the clear"))
    with pytest.raises(NotSealed):
        cipher.open(msgspec.structs.replace(cipher.seal(wire(1)), data="and something clear"))


def test_another_key_of_the_same_id_does_not_open(cipher: ek.Cipher) -> None:
    with pytest.raises(Tampered):
        ek.Cipher("one", ek.Cipher.new_key()).open(cipher.seal(wire(1)))


def test_after_a_rotation_the_new_key_seals_and_both_open(cipher: ek.Cipher) -> None:
    old = cipher.seal(wire(1))
    cipher.rotate("two", ek.Cipher.new_key())
    new = cipher.seal(wire(2))
    assert cipher.key_ids == ["one", "two"]
    assert [cipher.open(one).data for one in (old, new)] == [1, 2]
    with pytest.raises(UnknownKey, match="two"):
        ek.Cipher("one", KEY).open(new)


def test_a_forgotten_key_does_not_open(cipher: ek.Cipher) -> None:
    old = cipher.seal(wire(1))
    cipher.rotate("two", ek.Cipher.new_key())
    cipher.forget("one")
    with pytest.raises(UnknownKey, match="one"):
        cipher.open(old)


def test_the_key_that_seals_cannot_be_forgotten(cipher: ek.Cipher) -> None:
    with pytest.raises(ValueError, match="rotate"):
        cipher.forget("one")
    with pytest.raises(UnknownKey):
        cipher.forget("three")


@pytest.mark.parametrize("key", [b"", KEY[:31], KEY + b"x", "planted-secret", None])
def test_a_key_that_is_none_is_refused_and_not_shown(cipher: ek.Cipher, key: object) -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        cipher.rotate("two", key)  # type: ignore[arg-type]
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("key_id", ["", "x" * 256, None])
def test_a_key_has_an_id_of_its_own(cipher: ek.Cipher, key_id: object) -> None:
    with pytest.raises(ValueError, match="255"):
        cipher.rotate(key_id, KEY)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="already"):
        cipher.rotate("one", KEY)


def test_data_that_json_cannot_say_is_refused(cipher: ek.Cipher) -> None:
    for data in (object(), float("nan"), {1: "a"}, [b"bytes"]):
        with pytest.raises((TypeError, ValueError)):
            cipher.seal(wire(data))


def test_only_cloud_events_are_sealed_and_opened(cipher: ek.Cipher) -> None:
    for act in (cipher.seal, cipher.open):
        with pytest.raises(TypeError, match=r"to_cloud\(event, source\) returns; got Event"):
            act(ek.Event("a"))  # type: ignore[arg-type]


def test_keys_that_several_threads_add_are_all_kept(cipher: ek.Cipher) -> None:
    def rotate(thread: int) -> None:
        for number in range(40):
            cipher.rotate(f"{thread}-{number}", KEY)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(rotate, range(4)))
    finally:
        sys.setswitchinterval(usual)
    assert len(cipher.key_ids) == 1 + 4 * 40


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def guarded(**options: object) -> tuple[ek.Cipher, Clock]:
    clock = Clock()
    guard = ReplayGuard(60, clock=clock, **options)  # type: ignore[arg-type]
    return ek.Cipher("one", KEY, guard=guard), clock


def test_with_a_guard_an_event_opens_once() -> None:
    cipher, _ = guarded()
    sealed = cipher.seal(wire(1, at=1_000))
    assert cipher.open(sealed).data == 1
    with pytest.raises(SeenBefore, match="admitted before"):
        cipher.open(sealed)


def test_what_does_not_open_is_not_remembered() -> None:
    cipher, _ = guarded()
    sealed = cipher.seal(wire(1, at=1_000))
    assert isinstance(sealed.data_base64, bytes)
    changed = sealed.data_base64[:-1] + bytes([sealed.data_base64[-1] ^ 1])
    with pytest.raises(Tampered):
        cipher.open(msgspec.structs.replace(sealed, data_base64=changed))
    assert cipher.open(sealed).data == 1


@pytest.mark.parametrize("at", [939.0, 1_061.0])
def test_with_a_guard_what_is_too_old_or_from_the_future_is_refused(at: float) -> None:
    cipher, _ = guarded()
    with pytest.raises(SeenBefore, match="away"):
        cipher.open(cipher.seal(wire(1, at=at)))


def test_with_a_guard_an_event_without_a_time_is_refused() -> None:
    cipher, _ = guarded()
    with pytest.raises(SeenBefore, match="without a time"):
        cipher.open(cipher.seal(ek.CloudEvent(id="1", source="/", type="a")))


def test_an_event_cannot_come_again_at_any_later_time() -> None:
    cipher, clock = guarded()
    sealed = cipher.seal(wire(1, at=1_060))  # the sender's clock is ahead by the allowed maximum
    cipher.open(sealed)
    for second in range(1, 300):
        clock.now = 1_000.0 + second
        with pytest.raises(SeenBefore):
            cipher.open(sealed)


def test_a_guard_forgets_what_is_too_old_to_come_again() -> None:
    cipher, clock = guarded(capacity=10)
    for number in range(100):
        clock.now += 13
        cipher.open(cipher.seal(wire(1, id=str(number), at=clock.now)))


def test_a_guard_that_is_full_refuses_rather_than_forgets() -> None:
    cipher, _ = guarded(capacity=2)
    first = cipher.seal(wire(1, id="1", at=1_000))
    cipher.open(first)
    cipher.open(cipher.seal(wire(1, id="2", at=1_000)))
    with pytest.raises(SeenBefore, match="too many"):
        cipher.open(cipher.seal(wire(1, id="3", at=1_000)))
    with pytest.raises(SeenBefore):
        cipher.open(first)


def test_a_guard_needs_an_age() -> None:
    with pytest.raises(ValueError, match="seconds"):
        ReplayGuard(0)


@pytest.mark.parametrize("name", ["Cipher", "CertificateAuthority"])
def test_without_cryptography_it_says_what_to_install(name: str) -> None:
    code = (
        f"import sys; sys.modules['cryptography'] = None\nimport eventkit as ek\n"
        f"ek.AccessPolicy()\n"
        f"try: ek.{name}\nexcept ImportError as problem: print(problem)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert done.stdout == (
        f"{name} needs cryptography, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[security]'\n"
    )
