"""Awaited: `await bus.fire_async(...)` awaits coroutine handlers in place, one after another."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from ..errors import QueueFull
from ..event import Event
from ..handlers import WaitsBy, check_returned
from .inline import Unqueued
from .queue import Job, Work


class Awaited(Unqueued):
    """Runs coroutine handlers in the task that awaits `fire_async`: the simplest async there is.

    There is no queue and no thread. The caller goes on when its handlers are done, and one slow
    handler holds up the next. Context variables are the caller's own. Cancelling the caller cancels
    the handler that is running, and the handlers that follow get a dead letter each. `drain` does
    not wait for these handlers: the caller does.
    """

    name = "awaited"
    waits_by: WaitsBy = "await"

    def submit(self, work: Work, event: Event, /) -> None:
        pending = PENDING.get()
        if pending is None or not _add(pending, (work, event)):
            raise RuntimeError(
                f"{work.name} is awaited in place, and a plain fire cannot wait for it: use "
                f"await bus.fire_async({event.topic!r}, ...), or executor=EventLoop()."
            )

    def pause(self, seconds: float) -> Any:
        import asyncio

        return asyncio.sleep(seconds)

    def __repr__(self) -> str:
        return "Awaited()"


Pending = list[Job | None]
"""The awaited handlers of one `publish_async`, and of what they fire, that have yet to run. A None
closes it."""

PENDING: ContextVar[Pending | None] = ContextVar("eventkit_pending", default=None)


def _add(pending: Pending, job: Job) -> bool:
    """Append a job and return True, unless the list is closed, perhaps by another thread."""
    if None in pending:
        return False
    pending.append(job)
    if None not in pending:
        return True
    try:
        pending.remove(job)
    except ValueError:  # `close` has turned it into a dead letter
        return True
    return False


def close(pending: Pending, outer: Pending | None = None) -> None:
    """Accept no more jobs. Those that have not run get a dead letter each. Can be called again.

    The closed list stays in the context, unless it was opened inside another that is still open.
    """
    if outer is not None and None not in outer:
        PENDING.set(outer)
    pending.append(None)
    while job := pending[0]:
        work, event = job
        work.give_up(event, RuntimeError("the caller ended before this event was handled."))
        with suppress(ValueError):
            pending.remove(job)


async def run_all(pending: Pending) -> BaseException | None:
    """Run all, also those that they add. Return an interrupt or the caller's cancellation."""
    while pending and (job := pending.pop(0)):
        work, event = job
        try:
            returned = work.run(event)
            if work.is_async:
                await returned
            elif returned is not None:
                check_returned(returned)
        except BaseException as error:
            work.failed(event, error)
            if ends_caller(error):
                return error
    return None


def stops(problem: BaseException) -> bool:
    """Return True if the remaining handlers do not get the event. A full queue changes nothing."""
    return not isinstance(problem, QueueFull)


def ends_caller(error: BaseException) -> bool:
    """Return True unless this is a failure of the handler alone."""
    if isinstance(error, Exception):
        return False
    import asyncio

    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)
