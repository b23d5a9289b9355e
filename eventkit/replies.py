"""Replies: the callers that wait for an answer, and how it reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import BusClosed, NoReply
from .event import Event

if TYPE_CHECKING:
    from concurrent.futures import Future  # imported late: it is slow

    from .executors.base import Executor

Unfinished = Callable[[], list[str]]


class Replies:
    """The futures that callers wait for. A request's key is its event's id; the key of a wait for
    the next event is the future itself.
    """

    def __init__(self) -> None:
        self._awaited: dict[object, Future[Event]] = {}

    def __bool__(self) -> bool:
        return bool(self._awaited)

    def __contains__(self, key: object) -> bool:
        return key in self._awaited

    @contextmanager
    def expect(self, key: object = None) -> Iterator[Future[Event]]:
        """Accept an answer under `key` in this block."""
        from concurrent.futures import Future

        future: Future[Event] = Future()
        key = future if key is None else key
        try:
            self._awaited[key] = future
            yield future
        finally:
            self._awaited.pop(key, None)

    def answer(self, key: object, event: Event) -> None:
        """Answer the caller that waits under `key`, if there is one. The first answer counts."""
        future = self._awaited.get(key)
        if future is not None:
            settle(future, event)

    def refuse(self, key: object, error: BaseException) -> None:
        """Raise `error` in the caller that waits under `key`, if there is one."""
        future = self._awaited.get(key)
        if future is not None:
            settle(future, error=error)

    def close(self) -> None:
        """Raise BusClosed in every waiting caller."""
        for future in list(self._awaited.values()):
            settle(future, error=BusClosed("the bus was closed while this was waited for."))


def check_answerable(event: Event, answering: Sequence[Executor], blocks: bool) -> None:
    """Raise NoReply if no processor takes a request, and RuntimeError if all of them can answer
    only after the calling handler has ended. `blocks` says that the caller's thread will wait.
    """
    if not answering:
        raise NoReply(f"no processor answers {event.topic!r}: subscribe one with emits=.")
    if all(_waits_for_caller(one, event, blocks) for one in answering):
        raise RuntimeError(
            f"a request for {event.topic!r} here would wait for itself: {answering[0]!r} can "
            "answer only after the handler that asks has ended. Give the processor an executor "
            "of its own, or, if the two events have different keys, use await "
            "bus.request_async()."
        )


def _waits_for_caller(executor: Executor, event: Event, blocks: bool) -> bool:
    is_queued_after = event.key is not None and executor.is_at(event.key)
    return is_queued_after or (blocks and executor.is_only_worker())


def settle(
    future: Future[Event], event: Event | None = None, error: BaseException | None = None
) -> None:
    """Set a future's result or error, unless it has one."""
    from concurrent.futures import InvalidStateError

    try:
        if event is not None:
            future.set_result(event)
        else:
            future.set_exception(_raisable(error))
    except InvalidStateError:
        pass


def _raisable(error: BaseException | None) -> Exception:
    """Return an error that a waiting caller can raise. A handler's SystemExit must not end the
    caller, and no future can carry a StopIteration.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = RuntimeError(f"the handler ended with {type(error).__name__}, not with an answer.")
    failure.__cause__ = error
    return failure


def result(
    future: Future[Event], timeout: float | None, missing: str, unfinished: Unfinished = list
) -> Event:
    """Return the answer, or raise TimeoutError after `timeout` seconds."""
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the handler's own, or an answer at the last moment
            return future.result()
        raise TimeoutError(_too_late(missing, timeout, unfinished())) from None


async def result_async(
    future: Future[Event], timeout: float | None, missing: str, unfinished: Unfinished = list
) -> Event:
    """As `result`, without holding up the running event loop."""
    import asyncio

    wrapped = asyncio.wrap_future(future)
    done, _ = await asyncio.wait([wrapped], timeout=timeout)
    if not done:
        raise TimeoutError(_too_late(missing, timeout, unfinished()))
    return wrapped.result()


def _too_late(missing: str, timeout: float | None, unfinished: list[str]) -> str:
    return f"{missing} within {timeout} s." + (
        f" Still there: {'; '.join(unfinished)}" if unfinished else ""
    )
