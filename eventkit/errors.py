"""What goes wrong on a bus and in its queues: the public exceptions."""

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
    """An event was fired at a bus, or handed to an executor, that has been closed."""


class HandlersFailed(ExceptionGroup):
    """What `assert_clean` raises: the failures in the bus's dead letters, all of them."""


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
    """A request that gets no answer: no processor takes it, or the processor returned None."""
