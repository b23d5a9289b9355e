"""Cipher: what an event carries, readable and alterable only by who has the key.

    cipher = ek.Cipher("2026-11", ek.Cipher.new_key())
    sealed = cipher.seal(ek.to_cloud(event, source="/sensor/1"))
    cipher.open(sealed).data

AES-256-GCM as in NIST SP 800-38D. The topic, the id and every other attribute of the event stay
readable, since routers need them, but are bound to the payload as associated data: change one, or
put the payload into another event, and it does not open.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import msgspec
from msgspec.structs import replace

from ..checks import seconds, whole_number
from ..event import CloudEvent
from ..forks import renew_in_child
from .access import check_clock

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as missing:
    raise ImportError(
        "Cipher needs cryptography, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[security]'"
    ) from missing

_MAGIC = b"ek1"
_NONCE = 12
_TAG = 16
_KEY = 32
_JSON, _BYTES = b"j", b"b"


class CipherError(Exception):
    """What a cipher will not open or seal. The message never has a key or a payload in it."""


class Tampered(CipherError):
    """The payload or an attribute was changed on the way, or it was sealed with another key."""


class NotSealed(CipherError):
    """The event is not encrypted. It is refused, or else anybody could leave the lock off."""


class UnknownKey(CipherError):
    """The event names a key that this cipher does not have, or has no longer."""


class SeenBefore(CipherError):
    """The event is genuine and came a second time, or so late that this cannot be known."""


class ReplayGuard:
    """Lets every event through once, by its source and id, and none older than `max_age` seconds.

    What is older needs not be remembered, so memory stays bounded: at most `capacity` events are
    remembered, and beyond that they are refused rather than let in unchecked. `clock` gives
    seconds since 1970, which sender and receiver must agree on within `max_age`.
    """

    def __init__(
        self,
        max_age: float = 60.0,
        *,
        capacity: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_clock(clock)
        self.max_age = seconds("max_age", max_age, above_zero=True)
        self.capacity = whole_number(
            "capacity", capacity, "the number of events that are remembered"
        )
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Get a new lock: in the child of a fork, a thread that is not there may hold the old."""
        self._lock = Lock()

    def admit(self, event: CloudEvent) -> None:
        """Raise SeenBefore unless this is the event's first time, and soon after it happened."""
        if event.time is msgspec.UNSET:
            raise SeenBefore("an event without a time may be of any age: it is not let in.")
        now, name = self._clock(), (event.source, event.id)
        if abs(now - event.time.timestamp()) > self.max_age:
            raise SeenBefore(
                f"event {event.id!r} is of a time more than {self.max_age} s away: whether it "
                "came before cannot be known."
            )
        with self._lock:
            self._forget(now)
            if name in self._seen:
                raise SeenBefore(f"event {event.id!r} from {event.source!r} has come before.")
            if len(self._seen) >= self.capacity:
                raise SeenBefore(f"{self.capacity} events within {self.max_age} s are too many.")
            self._seen[name] = now

    def _forget(self, now: float) -> None:
        """An event may come `max_age` before its time, and again as long after it."""
        while self._seen:
            name, came = next(iter(self._seen.items()))
            if now - came <= 2 * self.max_age:
                return
            del self._seen[name]


class Cipher:
    """Seals events with one key, and opens what was sealed with any that it has.

    A key has an id, which travels with the event, so that keys can be changed while events are
    under way: `rotate` everywhere where events are opened, then where they are sealed, and
    `forget` the old one when nothing sealed with it is left. Rotate long before a key has sealed
    2**32 events, which is what random nonces are good for.

    With a `guard`, an event opens once only. All methods may be called from any thread.
    """

    def __init__(self, key_id: str, key: bytes, *, guard: ReplayGuard | None = None) -> None:
        if guard is not None and not callable(getattr(guard, "admit", None)):
            raise TypeError(f"guard is a ReplayGuard() or None; got {type(guard).__name__}.")
        self._keys: dict[bytes, AESGCM] = {}
        self._guard = guard
        self.rotate(key_id, key)

    @staticmethod
    def new_key() -> bytes:
        """Return a key of 32 random bytes. It can read and forge events: keep it as a password."""
        return AESGCM.generate_key(bit_length=8 * _KEY)

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys that open. The last one seals."""
        return [key_id.decode() for key_id in self._keys]

    def rotate(self, key_id: str, key: bytes) -> None:
        """Seal with this key from now on. The earlier keys still open."""
        name = _key_name(key_id)
        if not isinstance(key, bytes) or len(key) != _KEY:
            raise ValueError(f"a key is {_KEY} bytes, such as Cipher.new_key() makes.")
        if name in self._keys:
            raise ValueError(f"there is a key {key_id!r} already: give each key an id of its own.")
        self._keys = {**self._keys, name: AESGCM(key)}
        self._seals_with = name, self._keys[name]

    def forget(self, key_id: str) -> None:
        """Open nothing more that was sealed with this key. Raises UnknownKey, and ValueError for
        the key that seals.
        """
        name = _key_name(key_id)
        if name not in self._keys:
            raise UnknownKey(f"there is no key {key_id!r}; there are {self.key_ids}.")
        if name == self._seals_with[0]:
            raise ValueError(f"{key_id!r} is what this cipher seals with: rotate to another first.")
        self._keys = {other: key for other, key in self._keys.items() if other != name}

    def seal(self, event: CloudEvent) -> CloudEvent:
        """The same event with its data encrypted. Raises TypeError if JSON cannot say the data."""
        key_id, key = self._seals_with
        nonce = os.urandom(_NONCE)
        header = _MAGIC + bytes([len(key_id)]) + key_id
        sealed = key.encrypt(nonce, _payload(event), header + _attributes(event))
        return replace(event, data=msgspec.UNSET, data_base64=header + nonce + sealed)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """The event as it was when it was sealed.

        Raises NotSealed, UnknownKey, Tampered; and SeenBefore if there is a guard.
        """
        blob = sealed.data_base64
        if blob is msgspec.UNSET or not blob.startswith(_MAGIC) or sealed.data is not msgspec.UNSET:
            raise NotSealed(f"event {sealed.id!r} is not encrypted: it must be sealed first.")
        start = len(_MAGIC) + 1
        end = start + (blob[start - 1] if len(blob) >= start else 0)
        if len(blob) < end + _NONCE + _TAG:
            raise Tampered(f"event {sealed.id!r} has been cut short.")
        key = self._key(blob[start:end])
        nonce, body = blob[end : end + _NONCE], blob[end + _NONCE :]
        try:
            plain = key.decrypt(nonce, body, blob[:end] + _attributes(sealed))
        except InvalidTag:
            raise Tampered(
                f"event {sealed.id!r} does not open: it or one of its attributes was changed, or "
                "it was sealed with another key of the same id."
            ) from None
        if self._guard is not None:
            self._guard.admit(sealed)
        return _unpacked(sealed, plain)

    def __repr__(self) -> str:
        return f"<Cipher with keys {self.key_ids}>"

    def _key(self, key_id: bytes) -> AESGCM:
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownKey(
                f"an event was sealed with the key {key_id!r}; this cipher has {self.key_ids}."
            ) from None


def _key_name(key_id: str) -> bytes:
    name = key_id.encode() if isinstance(key_id, str) else b""
    if not 1 <= len(name) <= 255:
        raise ValueError("a key's id is a string of 1 to 255 bytes, such as '2026-11'.")
    return name


def _payload(event: CloudEvent) -> bytes:
    if event.data_base64 is not msgspec.UNSET:
        return _BYTES + event.data_base64
    if event.data is msgspec.UNSET:
        return _JSON
    return _JSON + msgspec.json.encode(event.data)


def _unpacked(sealed: CloudEvent, plain: bytes) -> CloudEvent:
    kind, body = plain[:1], plain[1:]
    if kind == _BYTES:
        return replace(sealed, data=msgspec.UNSET, data_base64=body)
    data = msgspec.json.decode(body) if body else msgspec.UNSET
    return replace(sealed, data=data, data_base64=msgspec.UNSET)


def _attributes(event: CloudEvent) -> bytes:
    """All that stays readable, such that no two events give the same bytes. A time is the same
    however its zone is written.
    """
    moment = None if event.time is msgspec.UNSET else event.time.timestamp()
    subject = None if event.subject is msgspec.UNSET else event.subject
    cause = None if event.cause is msgspec.UNSET else event.cause
    return msgspec.json.encode((event.type, event.id, event.source, moment, subject, cause))
