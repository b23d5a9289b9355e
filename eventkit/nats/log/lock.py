"""NatsLock: a lock that expires, and the token that outlives it."""

from __future__ import annotations

import math

import msgspec

from ...log import Held, Lock, lock_lost
from .store import EXPECTED, Store


class Holding(msgspec.Struct):
    """The stored form of a held lock. Without a token, its own sequence is the token."""

    until: float
    token: int = 0


class Found(msgspec.Struct):
    """A holding as it was found. `revision` is its sequence until it is renewed or released."""

    subject: str
    revision: int
    token: int
    until: float


class NatsLock(Lock):
    """A lock whose holding is the last message on a subject in the events' stream."""

    def __init__(self, store: Store, name: str, ttl: float, wait: float) -> None:
        self.name = name
        self.ttl = ttl
        self._wait = wait
        self._store = store
        self._subject = f"{store.root}.lock.{name}"

    def acquire(self) -> int:
        left = 0.0

        def attempt() -> int | None:
            nonlocal left
            found = holding_on(self._store, self._subject)
            left = found.until - self._store.clock() if found else 0.0
            if found and left > 0:
                return None
            return self._write(0, found.revision if found else 0)

        token = self._store.until(attempt, self._wait)
        if token is None:
            raise Held(self.name, left)
        self._token = token
        return token

    def renew(self) -> None:
        while True:
            found = find_held(self._store, self.token)
            if self._write(self.token, found.revision):
                return

    def release(self) -> bool:
        if self._token is None:
            return False
        found = holding_on(self._store, self._subject)
        if found is None or found.token != self._token:
            return False
        was_there = self._store.remove(found.revision)
        self._store.wake()
        return was_there and found.until > self._store.clock()

    def _write(self, token: int, revision: int) -> int | None:
        """Hold the lock from now on and return the new revision.

        Return None if the holding is no longer at `revision`. The server removes the holding a
        little after its end, in case the clocks of its clients are wrong.
        """
        holding = Holding(self._store.clock() + self.ttl, token)
        conditions = {
            EXPECTED: str(revision),
            "Nats-TTL": f"{math.ceil(self.ttl) + 1}s",
            "Nats-Rollup": "sub",
        }
        return self._store.put(self._subject, msgspec.json.encode(holding), conditions)


def holding_on(store: Store, subject: str) -> Found | None:
    """Return the last holding of the lock, unless it was released. It may have expired."""
    message = store.last_on(subject)
    if message is None:
        return None
    holding = msgspec.json.decode(message.body, type=Holding)
    return Found(subject, message.sequence, holding.token or message.sequence, holding.until)


def find_held(store: Store, token: int) -> Found:
    """Return the holding with this token. Raises LeaseLost if it has expired or is gone."""
    pattern = f"{store.root}.lock.*"
    for subject in store.info(pattern)["state"].get("subjects") or ():
        found = holding_on(store, subject)
        if found and found.token == token:
            if found.until <= store.clock():
                raise lock_lost(token, has_ended=True)
            return found
    raise lock_lost(token, has_ended=False)
