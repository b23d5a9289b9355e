"""Debounce: the newest event, once no more come."""

from __future__ import annotations

from .stage import AnyClock, Flow, Held, Line, check_edges, duration, edges, option


class Debounce(Flow):
    """The newest event, once none has come for `wait` seconds. While they keep coming nothing
    comes out, unless `max_wait` is given: then no event waits longer than that.

    With `leading` the first event of a burst comes out at once, and the newest at the end only if
    others followed. Without `trailing` nothing else does: what follows in the burst is dropped.

    ReactiveX's `debounceTime` is the plain form. The options are lodash's, but for one: `max_wait`
    counts from the oldest event that waits, while lodash counts from the last call of the function,
    and so may call again sooner.
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
        return self._next_look(line, line.until)

    def _woke(self, line: Line, now: int) -> int | None:
        if line.until is None:  # an interrupt kept its first event out
            return None
        if self._next_look(line, line.until) <= now:
            self._release(line)
        return None if line.until <= now else self._next_look(line, line.until)

    def _next_look(self, line: Line, until: int) -> int:
        if self._max_wait is None or not line.waiting:
            return until
        return min(until, line.since + self._max_wait)

    def __repr__(self) -> str:
        return f"Debounce({self.wait!r}{edges(self)}{option(max_wait=self.max_wait)})"
