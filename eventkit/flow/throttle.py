"""Throttle: at most one event in each interval."""

from __future__ import annotations

from .stage import AnyClock, Flow, Held, Line, check_edges, duration, edges


class Throttle(Flow):
    """At most one event in any `interval` seconds: the first at once, and when the interval is over
    the newest of those that came meanwhile, which begins the next interval.

    Without `leading` the first waits for the end of its interval too. Without `trailing` what comes
    within an interval is dropped, and so is the last event of a burst.

    These are ReactiveX's `throttleTime` and lodash's `throttle`, but for two things: ReactiveX's
    has no trailing edge unless asked, and lodash's trailing call does not begin an interval if
    `leading` is off.
    """

    def __init__(
        self,
        interval: float,
        *,
        leading: bool = True,
        trailing: bool = True,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        check_edges(leading, trailing)
        self.interval = interval
        self.leading = leading
        self.trailing = trailing
        self._interval = duration("interval", interval)

    def _came(self, line: Line, held: Held, now: int) -> int:
        if line.until is None:
            line.until = now + self._interval
            if self.leading:
                line.pass_on(held)
            else:
                line.keep_newest(held, now)
        elif self.trailing:
            line.keep_newest(held, now)
        else:
            line.drop(held)
        return line.until

    def _woke(self, line: Line, now: int) -> int | None:
        if line.until is None:  # an interrupt kept its first event out
            return None
        if now < line.until:
            return line.until
        if not line.waiting:
            return None
        self._release(line)
        line.until = now + self._interval
        return line.until

    def __repr__(self) -> str:
        return f"Throttle({self.interval!r}{edges(self, leading=True)})"
