"""The filters to choose from, and the naive quota that eventkit itself does not offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...flow import AnyClock, Batch, Coalesce, Debounce, Flow, Held, Line, Throttle, TokenBucket
from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING


class FixedWindow(Flow):
    """The naive quota: at most `quota` events in each window of `window` seconds.

    It shows a fault: where two windows meet, twice the quota can pass at once. Use TokenBucket.
    """

    per_key = False
    is_quota = True

    def __init__(self, quota: int, window: float, *, clock: AnyClock | None = None):
        super().__init__(clock)
        self.quota = quota
        self.window = window
        self.refused = 0
        self._begin = self.clock.now_ns()
        self._number = 0
        self._passed = 0

    def _came(self, line: Line, held: Held, now: int) -> None:
        number = (now - self._begin) // round(self.window * 1e9)
        if number != self._number:
            self._number, self._passed = number, 0
        if self._passed < self.quota:
            self._passed += 1
            line.pass_on(held)
        else:
            self.refused += 1
            line.drop(held)

    def __repr__(self) -> str:
        return f"FixedWindow({self.quota!r}, {self.window!r})"


class Everything(Flow):
    """No filter: every event passes."""

    def _came(self, line: Line, held: Held, now: int) -> None:
        line.pass_on(held)


class Filter(NamedTuple):
    """A filter to choose: the numbers that it takes, its maker, and its colour."""

    numbers: tuple[str, ...]
    make: Callable[..., Flow | None]
    colour: str


FILTERS: dict[str, Filter] = {
    "none": Filter((), lambda clock: None, "#000000"),
    "coalesce": Filter(("Time",), lambda ms, clock: Coalesce(ms / 1e3, clock=clock), NON_BLOCKING),
    "debounce": Filter(("Time",), lambda ms, clock: Debounce(ms / 1e3, clock=clock), BLOCKING),
    "throttle": Filter(("Time",), lambda ms, clock: Throttle(ms / 1e3, clock=clock), LISTENER),
    "batch": Filter(
        ("Size", "Time"), lambda size, ms, clock: Batch(size, ms / 1e3, clock=clock), "#CC79A7"
    ),
    "fixed window": Filter(
        ("Size", "Time"), lambda quota, ms, clock: FixedWindow(quota, ms / 1e3, clock=clock),
        "#B8860B",
    ),
    "token bucket": Filter(
        ("Rate", "Burst"), lambda rate, burst, clock: TokenBucket(rate, burst, clock=clock),
        "#6A51A3",
    ),
}  # fmt: skip
UNITS = {"Time": "ms", "Size": "", "Rate": "/s", "Burst": ""}
