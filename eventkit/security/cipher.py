"""Cipher: encrypts the data of an event, so that only a holder of the key can read or change it.

    cipher = ek.Cipher("2026-11", ek.Cipher.new_key())
    sealed = cipher.seal(ek.to_cloud(event, source="/sensor/1"))
    cipher.open(sealed).data

The algorithm is AES-256-GCM, as in NIST SP 800-38D. The topic, the id and every other attribute of
the event stay readable, because routers need them, but they are authenticated as associated data.
If one of them changes, or the payload is moved to another event, opening it fails.
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
from ..event import CloudEvent, check_cloud_event
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
_NONCE = 12  # bytes
_TAG = 16  # bytes
_KEY = 32  # bytes
_JSON, _BYTES = b"j", b"b"


class CipherError(Exception):
    """An event or a key id that was refused. The message never contains a key or a payload."""


class Tampered(CipherError):
    """The payload or an attribute was changed, or the event was sealed with another key."""


class NotSealed(CipherError):
    """The event is not encrypted. It is refused: otherwise an attacker could send plain events."""


class UnknownKey(CipherError):
    """The cipher has no key with this id, or no longer has it."""


class SeenBefore(CipherError):
    """The event has been admitted before, or the guard cannot rule that out."""


class ReplayGuard:
    """A guard that admits each event once, by its source and id, within `max_age` seconds.

    Events whose time is further away than that are refused, so older ones need not be remembered.
    At most `capacity` events are remembered, and any beyond that are refused. `clock` returns
    seconds since 1970; the clocks of sender and receiver must agree within `max_age`.
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
        self.capacity = whole_number("capacity", capacity, "the number of events to remember")
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Make a new lock, in a forked child: a thread of the parent may have held the old one."""
        self._lock = Lock()

    def admit(self, event: CloudEvent) -> None:
        """Raise SeenBefore unless the event is new and its time is within `max_age` of now."""
        if event.time is msgspec.UNSET:
            raise SeenBefore("an event without a time cannot be admitted: it may be of any age.")
        now, name = self._clock(), (event.source, event.id)
        if abs(now - event.time.timestamp()) > self.max_age:
            raise SeenBefore(
                f"the time of event {event.id!r} is more than {self.max_age} s away from now, so "
                "it may have been admitted before."
            )
        with self._lock:
            self._forget(now)
            if name in self._seen:
                raise SeenBefore(
                    f"event {event.id!r} from {event.source!r} has been admitted before."
                )
            if len(self._seen) >= self.capacity:
                raise SeenBefore(f"too many events: this guard remembers at most {self.capacity}.")
            self._seen[name] = now

    def _forget(self, now: float) -> None:
        """Forget events that are too old to be replayed.

        An event may arrive `max_age` before its time, and be replayed up to `max_age` after it.
        """
        while self._seen:
            name, arrived = next(iter(self._seen.items()))
            if now - arrived <= 2 * self.max_age:
                return
            del self._seen[name]


class Cipher:
    """A set of keys: seals events with the newest one, and opens events sealed with any of them.

    Each event carries the id of its key, so keys can be changed while events are in transit. First
    `rotate` every cipher that opens events, then those that seal them. `forget` the old key when
    nothing sealed with it is left. Rotate long before a key has sealed 2**32 events, the limit for
    random nonces.

    With a `guard`, each event opens only once. All methods may be called from any thread.
    """

    def __init__(self, key_id: str, key: bytes, *, guard: ReplayGuard | None = None) -> None:
        if guard is not None and not callable(getattr(guard, "admit", None)):
            raise TypeError(f"guard must be a ReplayGuard() or None; got {type(guard).__name__}.")
        self._keys: dict[bytes, AESGCM] = {}
        self._guard = guard
        self.renew()
        renew_in_child(self)
        self.rotate(key_id, key)

    def renew(self) -> None:
        """Make a new lock, in a forked child: a thread of the parent may have held the old one."""
        self._lock = Lock()

    @staticmethod
    def new_key() -> bytes:
        """Return a key of 32 random bytes. Keep it secret: its holder can read and forge events."""
        return AESGCM.generate_key(bit_length=8 * _KEY)

    @property
    def key_ids(self) -> list[str]:
        """Ids of the keys that open events. The last one also seals."""
        return [key_id.decode() for key_id in self._keys]

    def rotate(self, key_id: str, key: bytes) -> None:
        """Seal with this key from now on. Earlier keys still open events."""
        name = _key_name(key_id)
        if not isinstance(key, bytes) or len(key) != _KEY:
            raise ValueError(f"a key must be {_KEY} bytes, such as Cipher.new_key() makes.")
        with self._lock:
            if name in self._keys:
                raise ValueError(f"there is already a key {key_id!r}: give each key its own id.")
            self._keys = {**self._keys, name: AESGCM(key)}
            self._seals_with = name, self._keys[name]

    def forget(self, key_id: str) -> None:
        """Open no more events that were sealed with this key.

        Raises UnknownKey if there is no such key, and ValueError for the key that seals.
        """
        name = _key_name(key_id)
        with self._lock:
            if name not in self._keys:
                raise UnknownKey(f"there is no key {key_id!r}; this cipher has {self.key_ids}.")
            if name == self._seals_with[0]:
                raise ValueError(f"this cipher seals with {key_id!r}: rotate to another key first.")
            self._keys = {other: key for other, key in self._keys.items() if other != name}

    def seal(self, event: CloudEvent) -> CloudEvent:
        """Return the event with its data encrypted.

        Raises TypeError or ValueError for data that JSON cannot hold, such as NaN.
        """
        _check_is_cloud_event(event)
        check_cloud_event(event)
        key_id, key = self._seals_with
        nonce = os.urandom(_NONCE)
        header = _MAGIC + bytes([len(key_id)]) + key_id
        sealed = key.encrypt(nonce, _payload(event), header + _attributes(event))
        return replace(event, data=msgspec.UNSET, data_base64=header + nonce + sealed)

    def open(self, sealed: CloudEvent) -> CloudEvent:
        """Return the event as it was when it was sealed.

        Raises NotSealed, UnknownKey or Tampered, and SeenBefore if the guard refuses the event.
        """
        _check_is_cloud_event(sealed)
        blob = sealed.data_base64
        if blob is msgspec.UNSET or not blob.startswith(_MAGIC) or sealed.data is not msgspec.UNSET:
            raise NotSealed(f"event {sealed.id!r} is not encrypted: it must be sealed first.")
        start = len(_MAGIC) + 1
        end = start + (blob[start - 1] if len(blob) >= start else 0)
        if len(blob) < end + _NONCE + _TAG:
            raise Tampered(f"the payload of event {sealed.id!r} is truncated.")
        key = self._key(blob[start:end])
        nonce, body = blob[end : end + _NONCE], blob[end + _NONCE :]
        try:
            plain = key.decrypt(nonce, body, blob[:end] + _attributes(sealed))
        except InvalidTag:
            raise Tampered(
                f"event {sealed.id!r} cannot be opened: its payload or an attribute was changed, "
                "or it was sealed with another key of the same id."
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


def _check_is_cloud_event(event: object) -> None:
    if not isinstance(event, CloudEvent):
        raise TypeError(
            "a cipher takes a CloudEvent, such as to_cloud(event, source) returns; "
            f"got {type(event).__name__}."
        )


def _key_name(key_id: str) -> bytes:
    name = key_id.encode() if isinstance(key_id, str) else b""
    if not 1 <= len(name) <= 255:
        raise ValueError("a key's id must be a string of 1 to 255 bytes, such as '2026-11'.")
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
    """Return all readable attributes as bytes, different for each combination of values.

    A time gives the same bytes in every time zone.
    """
    moment = None if event.time is msgspec.UNSET else event.time.timestamp()
    subject = None if event.subject is msgspec.UNSET else event.subject
    cause = None if event.cause is msgspec.UNSET else event.cause
    return msgspec.json.encode((event.type, event.id, event.source, moment, subject, cause))
