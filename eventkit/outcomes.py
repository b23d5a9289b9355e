"""Outcomes: how each delivery ended, and the reports of failures.

A failure is recorded first, as a dead letter, and then reported: a log line, the event
`error.<topic>`, and an error for the caller that waits for an answer. A report that fails does not
prevent the next ones. A failure on a topic that begins with `error.` fires no further event.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .errors import BusClosed, HandlersFailed, NoReply, QueueFull
from .event import Event
from .handlers import check_returned
from .replies import Replies
from .topics import plain

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from .executors.base import Executor
    from .flow import Flow, LeftOut, Stage

_DEAD_LETTERS = 1_000


class DeadLetter(NamedTuple):
    """An event on which a handler failed, or that was accepted and then given up because of
    `close`, an interrupt or a cancelled caller. Events that an overflow policy or a flow drops are
    only counted.
    """

    event: Event
    error: BaseException
    handler: str


class ErrorEvent(Event, frozen=True, gc=True):
    """An event on `error.`, whose data is a dead letter. Unlike other events it is tracked by the
    garbage collector, because the error's traceback can refer back to this event.
    """


class Subscriber(Protocol):
    """The subscription whose delivery ended."""

    name: str
    emits: str | None
    executor: Executor
    stage: Stage | None


class Outcomes:
    """The dead letters of a bus, and the ways in which a delivery can end. `publish` is the bus's
    method, for results and error events.
    """

    def __init__(self, publish: Callable[[Event], None], replies: Replies) -> None:
        self.dead_letters: deque[DeadLetter] = deque(maxlen=_DEAD_LETTERS)
        self._publish = publish
        self._replies = replies
        self._dropping: list[weakref.ref[Executor | Flow]] = []

    def emitted(self, subscription: Subscriber, event: Event, result: Any) -> None:
        """Publish a processor's result, and answer with it if its event was a request."""
        assert subscription.emits is not None
        reply = None
        if result is not None:
            check_returned(result)
            reply = Event(subscription.emits, result, key=plain(event.key), cause=event.id)
            self._publish(reply)
        if self._replies and event.id in self._replies:
            if reply is None:
                self._replies.refuse(event.id, NoReply(f"{subscription.name} answered None."))
            else:
                self._replies.answer(event.id, reply)

    def raised(
        self, subscription: Subscriber | None, event: Event, error: BaseException
    ) -> BaseException | None:
        """Record what a delivery raised in the caller's thread. Return what the caller must raise:
        an executor refused this very event, the caller was interrupted, or handlers recurse.
        """
        if subscription is None:
            return error
        if isinstance(error, QueueFull) and error.event is event:
            return error
        if isinstance(error, RecursionError) and self._is_nested():
            return error  # or each level of a recursion would call all handlers once more
        is_interrupt = isinstance(error, KeyboardInterrupt)
        try:
            if not (is_interrupt and self._has_recorded(subscription, event, error)):
                self.failed(subscription, event, error)
        except KeyboardInterrupt as interrupt:
            return interrupt
        return error if is_interrupt else None

    def interrupted(
        self, subscription: Subscriber | None, event: Event, interrupt: BaseException
    ) -> None:
        """Record that an interrupt kept the event from a subscriber. A RecursionError is recorded
        once, by the outermost delivery.
        """
        if subscription is not None and not isinstance(interrupt, RecursionError):
            with suppress(KeyboardInterrupt):
                self.failed(subscription, event, interrupt)

    def failed(self, subscription: Subscriber, event: Event, error: BaseException) -> None:
        """Record that a handler failed, after all retries."""
        try:
            self._record(subscription.name, event, error)
        finally:
            self.refuse_request(subscription, event, error)

    def given_up(self, subscription: Subscriber, event: Event, error: BaseException | None) -> None:
        """Report that an accepted event will not be handled: the overflow policy dropped it (no
        error), or `close` came first.
        """
        try:
            if error is not None:
                self._record(subscription.name, event, error)
            else:
                self._warn_of_drop(subscription, event)
        finally:
            dropped = QueueFull(event, f"{subscription.executor!r} was full and dropped")
            self.refuse_request(subscription, event, error or dropped)

    def left_out(self, subscription: Subscriber, event: Event, how: LeftOut) -> None:
        """Note that a flow merged or dropped an event, as it should. Only the first event that a
        quota refuses is logged as a warning.
        """
        assert subscription.stage is not None
        flow = subscription.stage.flow
        if how == "dropped" and flow.is_quota:
            text = (
                "%r begins to refuse events: event %d (%r) for %s was the first. "
                "Its `refused` counts them."
            )
            self._warn_once(flow, text, event, subscription)
        self.refuse_request(
            subscription, event, NoReply(f"{flow!r} has {how} event {event.id} ({event.topic!r}).")
        )

    def refuse_request(self, subscription: Subscriber, event: Event, error: BaseException) -> None:
        """Raise `error` in the caller that waits for this processor's answer, if there is one."""
        if subscription.emits and self._replies:
            self._replies.refuse(event.id, error)

    def refuse_unanswerable(self, subscription: Subscriber, event: Event) -> None:
        """Refuse a request whose flow makes one event of several: a reply would be to that one."""
        if subscription.emits and event.id in self._replies:
            assert subscription.stage is not None
            said = f"{subscription.stage.flow!r} makes one event of several"
            self._replies.refuse(
                event.id, NoReply(f"{said}, so none of them is answered by itself.")
            )

    def assert_clean(self) -> None:
        """Raise HandlersFailed if there are dead letters. It holds every error and names the
        handlers of the first ten.
        """
        letters = list(self.dead_letters)
        if letters:
            lines = [
                f"{one.handler} on event {one.event.id} ({one.event.topic!r}): {_text(one.error)}"
                for one in letters[:10]
            ]
            if len(letters) > 10:
                lines.append(f"and {len(letters) - 10} more")
            raise HandlersFailed(
                f"{len(letters)} dead letter(s); they are in bus.dead_letters.\n  "
                + "\n  ".join(lines),
                [_as_exception(one.error) for one in letters],
            )

    def warn(self, text: str, *arguments: object) -> None:
        """Log a warning. A logging handler that raises changes nothing."""
        with _quietly():
            _log().warning(text, *arguments)

    def _has_recorded(self, subscription: Subscriber, event: Event, error: BaseException) -> bool:
        """Return True if this failure was recorded already, by a stage of a flow."""
        return any(
            letter.error is error and (letter.event is event or letter.handler == subscription.name)
            for letter in list(self.dead_letters)
        )

    def _is_nested(self) -> bool:
        """Return True if this thread is delivering inside another delivery."""
        code = getattr(self._publish, "__code__", None)
        frame, deliveries = inspect.currentframe(), 0
        while frame is not None and deliveries < 2:
            deliveries += frame.f_code is code
            frame = frame.f_back
        return deliveries == 2

    def _record(self, handler: str, event: Event, error: BaseException) -> None:
        letter = DeadLetter(event, error, handler)
        self.dead_letters.append(letter)
        try:
            with _quietly():
                _log().error(
                    "%s failed on event %d (%r)", handler, event.id, event.topic, exc_info=error
                )
        finally:
            if not event.topic.startswith("error."):
                with _quietly():
                    self._publish_error(letter)

    def _publish_error(self, letter: DeadLetter) -> None:
        event = letter.event
        try:
            topic = f"error.{plain(event.topic)}"
            self._publish(ErrorEvent(topic, letter, key=plain(event.key), cause=event.id))
        except BusClosed:
            pass
        except QueueFull as refusal:
            self.warn("could not publish the error event: %s", refusal)

    def _warn_of_drop(self, subscription: Subscriber, event: Event) -> None:
        """Log the first event that the overflow policy dropped. `dropped` counts them all."""
        executor = subscription.executor
        text = (
            "%r is full and begins to drop events: event %d (%r) for %s was the first. "
            "Its `dropped` counts them."
        )
        self._warn_once(executor, text, event, subscription)

    def _warn_once(
        self, what: Executor | Flow, text: str, event: Event, subscription: Subscriber
    ) -> None:
        if all(one() is not what for one in list(self._dropping)):
            self._dropping.append(weakref.ref(what, self._dropping.remove))
            self.warn(text, what, event.id, event.topic, subscription.name)


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress all exceptions but KeyboardInterrupt: a report may fail without consequences."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        pass


def worse(first: BaseException | None, second: BaseException | None) -> Any:
    """Return the more serious of two problems: an interrupt, then a recursion, then the first."""
    return max(first, second, key=_gravity)


def _gravity(problem: BaseException | None) -> int:
    if problem is None:
        return 0
    return 1 + isinstance(problem, RecursionError) + 2 * isinstance(problem, KeyboardInterrupt)


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as problem:
        return f"{type(error).__name__} (whose text cannot be had: {type(problem).__name__})"


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(_text(error))


@functools.cache  # an interrupt in getLogger can leave logging's own lock held
def _log() -> logging.Logger:
    import logging  # late: it would double the import time

    return logging.getLogger("eventkit")
