"""Debounce: the newest event, once no more have come for a while."""

from __future__ import annotations

from .stage import AnyClock, Flow, Held, Line, check_edges, duration, edges_repr, options_repr


class Debounce(Flow):
    """The newest event, once no event has come for `wait` seconds.

    While events keep coming, none comes out. With `max_wait` no event waits longer than that.

    With `leading` the first event of a burst comes out at once. The newest follows at the end of
    the burst, unless the burst was a single event. Without `trailing` only the first event of a
    burst comes out, and the others are dropped.

    ReactiveX's `debounceTime` is the form without options. The options are lodash's, with one
    difference: `max_wait` counts from the oldest event that waits. Lodash counts from the last call
    of the function, so it may call again sooner.
    """

    def __init__(
        self,
        wait: float,
        *,
        leading: bool = False,
        trailing: bool = True,
        max_wait: float | None = None,
        clock: AnyClock | None = None,
    ):
        super().__init__(clock)
        check_edges(leading, trailing)
        self.wait = wait
        self.leading = leading
        self.trailing = trailing
        self.max_wait = max_wait
        self._wait = duration("wait", wait)
        self._max_wait = None if max_wait is None else duration("max_wait", max_wait)
        if self._max_wait is not None and (self._max_wait < self._wait or not trailing):
            raise ValueError(
                f"max_wait is how long an event waits at most for the trailing edge: as long as "
                f"wait or longer, and only with trailing=True; got {max_wait!r}."
            )

    def _came(self, line: Line, held: Held, now: int) -> int:
        is_first = line.until is None
        line.until = now + self._wait
        if is_first and self.leading:
            line.pass_on(held)
        elif self.trailing:
            line.keep_newest(held, now)
        else:
            line.drop(held)
        return self._next_due(line, line.until)

    def _woke(self, line: Line, now: int) -> int | None:
        if line.until is None:  # an interrupt kept its first event out
            return None
        if self._next_due(line, line.until) <= now:
            self._release(line)
        return None if line.until <= now else self._next_due(line, line.until)

    def _next_due(self, line: Line, until: int) -> int:
        if self._max_wait is None or not line.waiting:
            return until
        return min(until, line.since + self._max_wait)

    def __repr__(self) -> str:
        edges = edges_repr(self.leading, self.trailing, default_leading=False)
        return f"Debounce({self.wait!r}{edges}{options_repr(max_wait=self.max_wait)})"
