"""The public exceptions: what goes wrong on a bus, in its queues and in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .event import Event


class QueueFull(Exception):
    """An executor had no room for `event`, so that it will not be handled."""

    def __init__(self, event: Event, what: str) -> None:
        super().__init__(
            f"{what} event {event.id} ({event.topic!r}). Fire more slowly, add workers, raise "
            "capacity=, or choose another overflow=."
        )
        self.event = event
        self._what = what

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.event, self._what), self.__dict__


class BusClosed(RuntimeError):
    """A bus or executor was used or waited for after it, or its event loop, was closed, or in the
    child of a fork after the parent had used it.
    """


class HandlersFailed(ExceptionGroup):
    """All failures in the bus's dead letters, raised by `assert_clean`."""


class DrainTimeout(TimeoutError):
    """`drain` ran out of time. `unfinished` says in words what was still running or waiting."""

    def __init__(self, timeout: float | None, unfinished: list[str]) -> None:
        super().__init__(
            f"not everything was handled within {timeout} s. Still there: "
            + "; ".join(unfinished or ["new events kept coming"])
        )
        self.unfinished = unfinished
        self._timeout = timeout

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._timeout, self.unfinished), self.__dict__


class NoReply(LookupError):
    """A request got no answer: no processor takes it, the processor returned None, or its flow left
    the event out.
    """


class FlowClosed(RuntimeError):
    """An event was put into a stage that has been closed."""


# Errors of a log


class LogError(Exception):
    """A log refused an operation. Nothing was stored, unless it is OutcomeUnknown."""


class Conflict(LogError):
    """The topic's last event is not the expected one, because another writer appended first. Read
    the new entries, decide again, append again. `expected` and `found` are the two sequences.
    """

    def __init__(self, topic: str, expected: int, found: int) -> None:
        super().__init__(
            f"the last event on {topic!r} was expected to be {_number(expected)} and is "
            f"{_number(found)}: another writer was quicker. Read what is new and decide again."
        )
        self.topic = topic
        self.expected = expected
        self.found = found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.topic, self.expected, self.found), self.__dict__


class QuotaExceeded(LogError):
    """The log has reached its quota. The message has the figures."""


class PermissionDenied(LogError):
    """The caller is not allowed to do this to this log, or on this bus."""


class Held(LogError):
    """The lock is held, for up to `seconds` more unless it is renewed or released."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"the lock {name!r} is held, for {max(0.0, seconds):.3g} s more unless it is "
            "renewed or released. Try again later, or give lock(..., wait=) seconds to wait."
        )
        self.name = name
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.seconds), self.__dict__


class LeaseLost(LogError):
    """The lease of a lock or a claim has ended, and another process may have it by now."""


class OutcomeUnknown(LogError):
    """The operation may have been done or not: the disk failed during a write, or no answer came.
    Append again: nothing is stored twice.
    """


class LogUnusable(LogError):
    """The file or server is no log, is damaged, newer than this eventkit, or unreachable."""


class LogClosed(LogError, RuntimeError):
    """The log was used after `close`, or in a process forked from the one that opened it."""


def _number(sequence: int) -> str:
    return f"number {sequence}" if sequence else "none (0)"
