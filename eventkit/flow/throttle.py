"""Throttle: at most one event in any interval."""

from __future__ import annotations

from .stage import AnyClock, Flow, Held, Line, check_edges, duration, edges_repr


class Throttle(Flow):
    """At most one event in any `interval` seconds.

    The first event comes out at once and begins an interval. At the end of the interval the newest
    of the events that came in it comes out and begins the next.

    Without `leading` the first event also waits for the end of its interval. Without `trailing` the
    events that come within an interval are dropped, which may include the last event of a burst.

    ReactiveX calls this `throttleTime` and lodash `throttle`, with three differences. ReactiveX's
    has no trailing edge by default. In lodash, with `leading` off, the trailing call does not begin
    an interval; and with both edges on, an event may come out sooner than one interval after the
    one before, if no event has come for an interval. Ours and ReactiveX's then keep the interval.
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
        edges = edges_repr(self.leading, self.trailing, default_leading=True)
        return f"Throttle({self.interval!r}{edges})"
