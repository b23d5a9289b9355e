"""TokenBucket: a quota of events a second, with a burst after a pause."""

from __future__ import annotations

import math
import threading

from ..checks import is_number, seconds, whole_number
from ..forks import renew_in_child
from .stage import AnyClock, Flow, Held, Line, options_repr


class TokenBucket(Flow):
    """A quota: `rate` events a second, and `burst` at once after a pause.

    In any stretch of t seconds at most `rate`·t + `burst` events pass.

    `rate` tokens a second are added to the bucket until it holds `burst`. Each event takes one. An
    event that finds no token waits, in order and without loss, if one is due for it within `wait`
    seconds (`math.inf`: without limit). Otherwise it is dropped and counted in `refused`. It waits
    longer if others take tokens meanwhile.

    The bucket is shared by all topics and keys, and by all subscriptions that are given it. `take`
    and `try_take` use it without a subscription, from any thread.

    This is the generic cell rate algorithm (ITU-T I.371), in whole nanoseconds. The time between
    two tokens is rounded up.
    """

    per_key = False
    is_quota = True

    def __init__(
        self, rate: float, burst: int, *, wait: float = 0.0, clock: AnyClock | None = None
    ):
        super().__init__(clock)
        self._step = _step(rate)
        self._wait = _token_wait(wait)
        self.rate = rate
        self.burst = whole_number("burst", burst, "the number of events that may pass at once")
        self.wait = wait
        self.refused = 0
        self._depth = self.burst * self._step
        self._full_at = -(2**62)  # when the bucket will be full if no token is taken
        self._now = self.clock.now_ns
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Replace the lock: in the child of a fork, it may be held by a thread of the parent."""
        self._lock = threading.RLock()

    def take(self) -> float:
        """Take a token, in advance if there is none.

        Return the seconds until the token is valid, 0.0 if it is valid now. Callers that wait that
        long before they go on keep within the quota.
        """
        now = self._now()
        full = self._take(now, math.inf)
        assert full is not None
        wait = full - now - self._depth
        return wait / 1e9 if wait > 0 else 0.0

    def try_take(self) -> bool:
        """Take a token and return True, or count a refusal in `refused` and return False."""
        if self._take(self._now(), self._depth) is not None:
            return True
        self._refuse()
        return False

    @property
    def tokens(self) -> int:
        """The number of tokens in the bucket now."""
        return max(0, (self._depth - max(0, self._full_at - self._now())) // self._step)

    def _came(self, line: Line, held: Held, now: int) -> int | None:
        if not line.waiting and self._take_at(now):
            line.pass_on(held)
        elif self._next_token(now) - now + len(line.waiting) * self._step > self._wait:
            self._refuse()
            line.drop(held)
        else:
            line.keep(held, now)
        return self._next_token(now) if line.waiting else None

    def _woke(self, line: Line, now: int) -> int | None:
        # An event takes its token when it leaves, not when it comes. If the clock is late, the
        # events that should have left one by one must not leave together.
        while line.waiting and self._take_at(now):
            line.release(1)
        return self._next_token(now) if line.waiting else None

    def _release(self, line: Line) -> None:
        """Do nothing: an event must not leave before it has a token."""

    def _take_at(self, now: int) -> bool:
        return self._take(now, self._depth) is not None

    def _take(self, now: int, depth: float) -> int | None:
        """Take a token and return when the bucket will be full again.

        If that is more than `depth` from now, take none and return None.
        """
        with self._lock:
            while True:
                before = self._full_at
                full = (before if before > now else now) + self._step
                if full - now > depth:
                    return None
                if self._full_at is before:  # no signal handler has taken a token in between
                    self._full_at = full
                    return full

    def _refuse(self) -> None:
        with self._lock:
            self.refused += 1

    def _next_token(self, now: int) -> int:
        """Return when the next token is available, in nanoseconds."""
        return max(now, self._full_at + self._step - self._depth)

    def __repr__(self) -> str:
        return f"TokenBucket({self.rate!r}, {self.burst!r}{options_repr(wait=self.wait or None)})"


def _token_wait(wait: object) -> float:
    """Return `wait` in nanoseconds, or raise ValueError."""
    try:
        return math.inf if wait == math.inf else round(seconds("wait", wait) * 1e9)
    except ValueError as problem:
        raise ValueError(
            f"wait is how many seconds an event may wait for its token, at most "
            f"{threading.TIMEOUT_MAX:.0f}: 0 refuses it at once, math.inf sets no limit; "
            f"got {wait!r}."
        ) from problem


def _step(rate: object) -> int:
    """Return the nanoseconds between two tokens, or raise ValueError."""
    if not is_number(rate) or not 1 / threading.TIMEOUT_MAX <= rate <= 1e9:
        raise ValueError(
            f"rate is events a second, more than 0, at most 1e9; got {rate!r}. The lowest is one "
            f"in {threading.TIMEOUT_MAX:.0f} seconds."
        )
    return math.ceil(1e9 / rate)
