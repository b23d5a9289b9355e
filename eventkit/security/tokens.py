"""Tokens: bearer tokens for clients without a certificate, stored as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from .access import check_clock, check_hours, check_principal

_HOURS = 1e9  # more than a hundred thousand years
_UNKNOWN = hashlib.sha256(secrets.token_bytes(32)).digest()


class _Known(NamedTuple):
    principal: str
    digest: bytes
    ends: float


class Tokens:
    """Bearer tokens that have been issued, and the principal of each.

    A token is `ek_<number>_<secret>` with a secret of 32 random bytes. Only `issue` returns it.
    This object keeps the secret's SHA-256, which cannot be used as a token. Hashes are compared in
    constant time. `clock` returns the time in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        check_clock(clock)
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def issue(self, principal: str, *, hours: float = 24.0) -> str:
        """Return a new token for a principal, valid for this many hours."""
        check_principal(principal)
        check_hours(hours, _HOURS)
        number, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        self._known[number] = _Known(principal, _hash(secret), self._clock() + hours * 3600)
        return f"ek_{number}_{secret}"

    def principal_of(self, token: str) -> str | None:
        """Return the principal of a token; None if it is unknown or has expired."""
        mark, _, rest = token.partition("_")
        number, _, secret = rest.partition("_")
        known = self._known.get(number)
        same = hmac.compare_digest(_hash(secret), known.digest if known else _UNKNOWN)
        if known is None or not same or mark != "ek":
            return None
        if self._clock() >= known.ends:
            self._known.pop(number, None)
            return None
        return known.principal

    def revoke(self, principal: str) -> int:
        """Revoke all tokens of a principal. Return how many there were."""
        theirs = [
            number for number, known in [*self._known.items()] if known.principal == principal
        ]
        return sum(self._known.pop(number, None) is not None for number in theirs)

    def __repr__(self) -> str:
        return f"<Tokens: {len(self._known)} stored>"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
