"""EventBus: subscribe handlers, fire events, wait until they are handled, close."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .checks import optional_seconds
from .delivery import deliver_in_place, must_tell_caller
from .errors import (
    BusClosed as BusClosed,
    DrainTimeout as DrainTimeout,
    HandlersFailed as HandlersFailed,
    NoReply as NoReply,
    QueueFull as QueueFull,
)
from .event import Event
from .executors.awaited import Pending, close as close_pending
from .executors.base import Executor
from .forks import process_id, renew_in_child
from .handlers import Handler, check_returned
from .outcomes import DeadLetter as DeadLetter, Outcomes
from .places import Places
from .replies import Replies, check_answerable, result, result_async, settle
from .routing import Routing
from .subscription import Options, Retry, Subscription
from .timeline import Timeline
from .topics import check_pattern, check_topic, plain

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .flow import Flow, Stage

H = TypeVar("H", bound=Handler)

_numbers = itertools.count(1)


class Policy(Protocol):
    """Decides what others may do on a bus, as AccessPolicy does."""

    def identity(self, bus: Any, principal: str, /) -> Any:
        """Return the bus as this principal may use it."""


class Log(Protocol):
    """Keeps events, as every EventLog does."""

    def append(self, event: Event, /) -> Any:
        """Store an event."""


class EventBus:
    """Deliver events to the handlers that subscribed to their topics.

    A handler runs at once in the caller's thread, unless its `executor` runs it elsewhere or its
    `flow` delays it. Subscribers get an event in the order of their priority (higher first), then
    of their registration. An event that an inline handler fires is delivered at once, like a nested
    call.

    All methods may be called from any thread. Publishing takes no lock of the bus. Bounded queues
    and flows have locks of their own.

    Whatever a handler raises, SystemExit included, is recorded in `dead_letters`, and the caller
    continues. A KeyboardInterrupt is recorded and reaches the caller as well. The subscribers that
    it keeps the event from get a dead letter each.

    Handlers that fire each other's topics without end are stopped by a RecursionError, which is
    recorded as one failure of the outermost handler.

    `policy` decides what each principal may do on this bus; see `as_`. Code that holds the bus
    itself may do everything.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy
        self._number = next(_numbers)
        self._replies = Replies()
        self._outcomes = Outcomes(self.publish, self._replies)
        self._places = Places()
        self._routing = Routing(self._outcomes, self._places)
        self._is_parents = False  # a copy, in a forked child, of a bus that was used
        self._ended = False  # `close` has finished
        renew_in_child(self)

    @property
    def source(self) -> str:
        """The name of this bus on any wire. No other bus, in any process, has the same."""
        return f"/eventkit/{process_id()}/{self._number}"

    @property
    def dead_letters(self) -> deque[DeadLetter]:
        """The last 1,000 events on which a handler failed, or that were given up (DeadLetter)."""
        return self._outcomes.dead_letters

    # Firing

    def fire(self, topic: str, data: Any = None, *, key: str | None = None) -> Event:
        """Make an event that is due now, publish it and return it."""
        if type(topic) is not str or not (key is None or type(key) is str):
            topic, key = plain(topic), plain(key)
        event = Event(topic, data, key=key)
        self.publish(event)
        return event

    def publish(self, event: Event) -> None:
        """Deliver an event. When this returns, inline handlers have run, and every other executor
        has got the event, unless a flow delays it.

        What handlers raise stays with the bus. Raises InvalidTopic and BusClosed. Raises QueueFull,
        after all others got the event, if an executor with overflow="raise" refused it.
        """
        try:
            route = self._routing.routes[event.topic]
        except (KeyError, TypeError, AttributeError):  # not seen yet, or no topic or event at all
            event = _plain(event)
            route = self._routing.find(event.topic)
        for deliver, subscription in route:
            try:
                returned = deliver(event)
                if returned is not None:
                    check_returned(returned)
            except BaseException as error:
                if must_tell_caller(route, subscription, event, error, self._outcomes):
                    raise

    async def fire_async(self, topic: str, data: Any = None, *, key: str | None = None) -> Event:
        """Make an event that is due now, await its delivery by `publish_async` and return it."""
        if type(topic) is not str or not (key is None or type(key) is str):
            topic, key = plain(topic), plain(key)
        event = Event(topic, data, key=key)
        await self.publish_async(event)
        return event

    async def publish_async(self, event: Event) -> None:
        """Deliver an event as `publish` does, and await its handlers on `Awaited()` in their turn.

        An event that one of these handlers fires, or emits, is awaited as well. Raises what
        `publish` raises, and CancelledError if the caller is cancelled.
        """
        event = _plain(event)
        route = self._routing.find_in_place(event.topic)
        pending: Pending = []
        try:
            await deliver_in_place(route, event, self._outcomes, pending)
        except BaseException:
            close_pending(pending)
            raise

    # Subscribing

    def subscribe(
        self,
        pattern: str,
        handler: Handler,
        *,
        executor: Executor | None = None,
        emits: str | None = None,
        flow: Flow | None = None,
        priority: float = 0,
        once: bool = False,
        retry: Retry | None = None,
    ) -> Subscription:
        """Call `handler(event)` for every event whose topic matches the pattern.

        `executor` decides how the handler runs (None: inline), and belongs to this bus from then
        on. The handler's result is fired on the topic `emits`, with the event as its cause. A
        result of None is not fired. `flow`, such as Debounce(0.2), lets fewer events through, and
        `drain` waits for the events in it. `once` cancels the subscription after its first event
        (the first to leave the flow). `retry` calls a handler again that raised.

        Raises InvalidTopic, TypeError or ValueError if any of this cannot work, and BusClosed.
        """
        pattern = plain(pattern)
        check_pattern(pattern)
        if emits is not None:
            emits = plain(emits)
            check_topic(emits)
        options = Options(executor, emits, flow, priority, once, retry)
        options.check()
        subscription = Subscription(pattern, handler, options, self._outcomes, self._routing.remove)
        self._routing.add(subscription)
        return subscription

    def processor(self, pattern: str, **options: Any) -> Callable[[H], H]:
        """Decorator: subscribe a function whose results are events. Options as for `subscribe`."""

        def register(handler: H) -> H:
            self.subscribe(pattern, handler, **options)
            return handler

        return register

    def listener(self, pattern: str, **options: Any) -> Callable[[H], H]:
        """Decorator: subscribe a function that emits nothing. Options as for `subscribe`."""
        if options.get("emits") is not None:
            raise ValueError("a listener emits nothing; use processor(..., emits=...) instead.")
        return self.processor(pattern, **options)

    def persist(self, log: Log, pattern: str, **options: Any) -> Subscription:
        """Append every event that matches the pattern to a log. Options as for `subscribe`.

        Inline, an event is on disk when `fire` returns. With `executor=Threads(n)`, n events share
        one wait for the disk. An event that cannot be stored becomes a dead letter. That includes
        events on `error.`, because they carry exceptions.
        """
        append = getattr(log, "append", None)
        if append is None:
            raise TypeError(f"log is an open log, such as open_log('a.db') returns; got {log!r}.")
        return self.subscribe(pattern, append, **options)

    def as_(self, principal: str) -> Any:
        """Return the Identity of a principal: this bus as the policy lets them use it.

        Raises ValueError if this bus has no policy.
        """
        if self.policy is None:
            raise ValueError(
                f"{principal!r} can be given no identity: this bus has no policy to decide by. "
                "Make it with EventBus(AccessPolicy())."
            )
        return self.policy.identity(self, principal)

    def refuse_request(self, event: Event, error: Exception) -> None:
        """Have the caller that waits for the answer to this event raise `error`, if one does."""
        self._replies.refuse(event.id, error)

    # Waiting

    def drain(self, timeout: float | None = None) -> None:
        """Wait until every fired event and its consequences have been handled, those that wait in
        a flow included.

        `timeout` is in seconds, None for no limit. Raises DrainTimeout, which names what is still
        running. Raises RuntimeError on a thread that the waiting events need: use `await
        drain_async()` there, and do not wait inside a handler. Raises BusClosed in the child of a
        fork if the parent used the bus.
        """
        for place, left in self._busy_places(timeout):
            if place.is_own_thread() and not place.wait_idle(0):
                raise RuntimeError(
                    f"drain() here would wait for itself: {place!r} needs this very thread. "
                    "Use await bus.drain_async(), outside of handlers."
                )
            place.wait_idle(left)

    async def drain_async(self, timeout: float | None = None) -> None:
        """As `drain`, without holding up the running event loop."""
        for place, left in self._busy_places(timeout):
            await place.wait_idle_async(left)

    def _busy_places(
        self, timeout: float | None
    ) -> Iterator[tuple[Stage | Executor, float | None]]:
        timeout = optional_seconds("timeout", timeout)
        if self._is_parents:
            raise BusClosed(f"{self._routing.closed}, so there is nothing here to wait for.")
        return self._places.busy(timeout)

    def wait_for(self, pattern: str, timeout: float | None = None) -> Event:
        """Return the next event that matches. Raises TimeoutError after `timeout` seconds,
        InvalidTopic, and BusClosed if the bus is closed meanwhile.
        """
        timeout = optional_seconds("timeout", timeout)
        with self._next_event(pattern) as future:
            return result(future, timeout, f"no event on {pattern!r}")

    async def wait_for_async(self, pattern: str, timeout: float | None = None) -> Event:
        """As `wait_for`, without holding up the running event loop."""
        timeout = optional_seconds("timeout", timeout)
        with self._next_event(pattern) as future:
            return await result_async(future, timeout, f"no event on {pattern!r}")

    def request(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event:
        """Fire an event and return the first processor's answer, which is an event.

        Raises what that processor raises. Raises NoReply if no processor (with `emits=`) takes the
        topic, its answer was None, or its flow left the event out; TimeoutError after `timeout`
        seconds; RuntimeError where the answer would have to wait for the handler that asks;
        InvalidTopic, BusClosed and QueueFull as `publish` does.
        """
        timeout = optional_seconds("timeout", timeout)
        with self._request(Event(topic, data, key=key), blocks=True) as future:
            return result(future, timeout, f"no reply to {topic!r}", self._places.unfinished)

    async def request_async(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event:
        """As `request`, without holding up the running event loop while it waits."""
        timeout = optional_seconds("timeout", timeout)
        with self._request(Event(topic, data, key=key), blocks=False) as future:
            return await result_async(
                future, timeout, f"no reply to {topic!r}", self._places.unfinished
            )

    # Watching

    def record(self, capacity: int = 100_000) -> AbstractContextManager[Timeline]:
        """Record the journeys of the events fired in this block, the last `capacity` of them.

        Raises RuntimeError if the bus is being recorded already.
        """
        return self._routing.record(capacity)

    def assert_clean(self) -> None:
        """Raise HandlersFailed, which holds every error, if there are dead letters."""
        self._outcomes.assert_clean()

    # Ending

    def close(self, timeout: float | None = 5.0) -> None:
        """Wait up to `timeout` seconds (None: no limit) for what was fired, then stop every
        executor. Afterwards firing and subscribing raise BusClosed. Can be called again, after an
        interrupt too.

        Events that wait in a flow leave it at once, unless a quota holds them back. An event that
        no worker began in time becomes a dead letter. A warning names a handler that still runs.
        Inside a handler, it does not wait for the handler's own executor.
        """
        timeout = optional_seconds("timeout", timeout)
        if self._ended:
            return
        deadline = time.monotonic() + (_FOR_EVER if timeout is None else timeout)
        for stage in self._places.stages.copy():
            stage.flush()
        try:
            if not self._is_parents:
                self.drain(timeout)
        except (DrainTimeout, RuntimeError) as problem:
            self._outcomes.warn("closing a bus that is still busy: %s", problem)
        self._routing.close("this bus is closed")
        for executor in self._places.all():
            for work, event in executor.close(max(0.0, deadline - time.monotonic())) or ():
                work.give_up(event, BusClosed("the bus was closed before this event was handled."))
        self._replies.close()
        self._ended = True

    async def aclose(self, timeout: float | None = 5.0) -> None:
        """As `close`, without holding up the running event loop."""
        from .asyncio_waits import in_daemon_thread

        await in_daemon_thread(lambda: self.close(timeout))

    def __enter__(self) -> EventBus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> EventBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # For waiting

    @contextmanager
    def _next_event(self, pattern: str) -> Iterator[Future[Event]]:
        with self._replies.expect() as future:
            come = lambda event: settle(future, event)  # noqa: E731
            with self.subscribe(pattern, come, priority=-1, once=True):
                yield future

    @contextmanager
    def _request(self, event: Event, blocks: bool) -> Iterator[Future[Event]]:
        event = _plain(event)
        check_topic(event.topic)
        answering = [one.executor for one in self._routing.matching(event.topic) if one.emits]
        if not self._routing.closed:
            check_answerable(event, answering, blocks)
        with self._replies.expect(event.id) as future:
            self.publish(event)
            yield future

    def renew(self) -> None:
        """Refuse further use in a forked child if the bus was used: its threads are not here."""
        self._routing.renew()
        if any(place.activations for place in self._places.all()):
            self._is_parents = True
            self._routing.close(
                "this bus was used before the process was forked, and its threads live in the "
                "parent only (make the bus in the child, or fork first)"
            )


def _plain(event: Event) -> Event:
    """Return the event with a topic and key that are plain strings. Raises TypeError for what is
    no event.
    """
    if not isinstance(event, Event):
        raise TypeError(f"an Event is published; got {event!r}. To make one, use fire(topic).")
    topic, key = plain(event.topic), plain(event.key)
    if topic is event.topic and key is event.key:
        return event
    return Event(topic, event.data, event.id, event.time, key, event.cause)


_FOR_EVER = 1e8  # seconds: three years
