"""EventBus: fire, route, isolate failures, drain, close."""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .event import Event
from .executors import Executor, name_of
from .queues import BusClosed, QueueFull
from .subscription import Group, Handler, Retry, Subscription, check_options
from .timeline import Timeline
from .topics import TopicTree, check_pattern, check_topic

if TYPE_CHECKING:
    import logging
    from concurrent.futures import Future

    from .flow import Flow, LeftOut, Stage
    from .log import EventLog
    from .security.access import AccessPolicy
    from .security.identity import Identity

H = TypeVar("H", bound=Handler)
Route = tuple[Callable[[Event], Any], ...]

_CACHED_TOPICS = 250_000
_FEW_STAGES = 8
_DEAD_LETTERS = 1_000
_numbers = itertools.count(1)
_process = os.urandom(6).hex()


class DeadLetter(NamedTuple):
    """An event that a handler failed on, or that was accepted and could not be handled."""

    event: Event
    error: BaseException
    handler: str


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


class NoReply(LookupError):
    """A request that nobody will answer: no processor takes it, or the processor gave None."""


class EventBus:
    """Carries events from whoever fires them to whoever subscribed to their topic.

    The bus itself runs nothing and waits for nothing: a handler runs at once in the caller's
    thread, unless its `executor` takes it elsewhere. Subscribers get an event in the order of
    their priority (higher first), then of their registration. An event fired inside an inline
    handler is delivered there and then, like any nested call.

    All methods may be called from any thread. Publishing takes no lock and copies nothing: each
    topic's route is an immutable tuple in a dict, and the dict is replaced when subscriptions
    change.

    `policy` says what others may do on this bus, each through an identity of their own; see
    `as_`. Whoever holds the bus itself may do everything.
    """

    def __init__(self, policy: AccessPolicy | None = None) -> None:
        self.policy = policy
        self.source = f"/eventkit/{_process}/{next(_numbers)}"
        self.dead_letters: deque[DeadLetter] = deque(maxlen=_DEAD_LETTERS)
        self._routes: dict[str, Route] = {}
        self._tree: TopicTree[Subscription] = TopicTree()
        self._order: dict[Subscription, int] = {}
        self._next_place = itertools.count().__next__
        self._turns: dict[str | None, Iterator[int]] = {}
        self._executors: list[Executor] = []
        self._stages: list[tuple[Subscription, Stage]] = []
        self._stages_allowed = _FEW_STAGES  # with more of them, look for those no longer needed
        self._dropping: list[Executor | Flow] = []
        self._recorder: Timeline | None = None
        self._awaited: dict[object, Future[Event]] = {}
        self._closed = False
        self._lock = threading.RLock()

    # Firing

    def fire(self, topic: str, data: Any = None, *, key: str | None = None) -> Event:
        """Make an event, due now, and publish it. Returns the event."""
        event = Event(topic, data, key=key)
        # `publish`, written out: to call it would take a tenth of the whole
        try:
            route = self._routes[topic]
        except (KeyError, TypeError):
            route = self._find_route(topic)
        for deliver in route:
            try:
                deliver(event)
            except Exception as error:
                if self._refused_in(route, deliver, event, error):
                    raise
        return event

    def publish(self, event: Event) -> None:
        """Deliver an event: inline handlers have run when this returns, all others have it in
        their queue.

        What handlers raise stays with the bus. Raises InvalidTopic; BusClosed; and QueueFull
        when an executor with overflow="raise" refused the event, after everybody else got it.
        """
        try:
            route = self._routes[event.topic]
        except (KeyError, TypeError):  # not seen yet, or no topic at all
            route = self._find_route(event.topic)
        for deliver in route:
            try:
                deliver(event)
            except Exception as error:
                if self._refused_in(route, deliver, event, error):
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
        priority: int = 0,
        once: bool = False,
        group: str | None = None,
        retry: Retry | None = None,
    ) -> Subscription:
        """Have `handler(event)` called for every event whose topic fits the pattern.

        `executor` says how it runs (None: inline), and belongs to this bus from then on. What it
        returns is fired on the topic `emits`, with the event as its cause; None is not fired.
        `flow` lets fewer events through, such as Debounce(0.2); what waits in it is a consequence
        still to come, for `drain` too. `once` ends the subscription with its first event (the
        first to leave the flow). Of the subscribers that share a `group`, each event goes to one.
        `retry` calls a handler that raises again.

        Raises InvalidTopic, TypeError or ValueError if any of this cannot work, and BusClosed.
        """
        check_pattern(pattern)
        if emits is not None:
            check_topic(emits)
        check_options(flow, priority, once, group, retry)
        subscription = Subscription(
            self, pattern, handler, executor, emits, flow, priority, once, group, retry
        )
        with self._lock:
            if self._closed:
                raise BusClosed(f"this bus is closed, so {subscription.name} cannot subscribe.")
            self._order[subscription] = self._next_place()
            self._tree.add(pattern, subscription)
            if executor is not None and executor not in self._executors:
                self._executors.append(executor)
            if subscription.stage is not None:
                self._add_stage(subscription, subscription.stage)
            self._routes = {}
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

    def persist(self, log: EventLog, pattern: str, **options: Any) -> Subscription:
        """Append every event that fits the pattern to a log. Options as for `subscribe`: inline,
        an event is on disk when `fire` returns, and `executor=Threads(n)` has n wait together.
        What cannot be stored becomes a dead letter, like any handler's failure. Events on `error.`
        are such, since they carry exceptions.
        """
        return self.subscribe(pattern, log.append, **options)

    def as_(self, principal: str) -> Identity:
        """This bus as somebody who may do what the policy allows, such as `bus.as_("ann").fire`.

        Raises ValueError if this bus has no policy.
        """
        from .security.identity import Identity

        if self.policy is None:
            raise ValueError(
                f"{principal!r} can be given no identity: this bus has no policy to decide by. "
                "Make it with EventBus(AccessPolicy())."
            )
        return Identity(self, self.policy, principal)

    # Waiting

    def drain(self, timeout: float | None = None) -> None:
        """Wait until every consequence of what was fired has happened. Events that wait in a flow
        are waited for as well, until their time has come.

        `timeout` is in seconds, None for no limit; DrainTimeout names what is still running. On
        a thread that the waiting events need, RuntimeError is raised at once: there use
        `await drain_async()`, and inside a handler do not wait at all.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        turns = -1
        while (
            not self._idle() or turns != self._turns_begun()
        ):  # a handler may have fired on meanwhile
            turns = self._turns_begun()
            for executor in self._busy_ones():
                if executor.is_own_thread() and not executor.wait_idle(0):
                    raise RuntimeError(
                        f"drain() here would wait for itself: {executor!r} needs "
                        "this very thread. Use await bus.drain_async(), outside "
                        "of handlers."
                    )
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not executor.wait_idle(left):
                    raise DrainTimeout(timeout, self._unfinished())

    async def drain_async(self, timeout: float | None = None) -> None:
        """As `drain`, without holding up the running event loop."""
        import asyncio

        await asyncio.to_thread(self.drain, timeout)

    def wait_for(self, pattern: str, timeout: float | None = None) -> Event:
        """The next event that fits the pattern. Raises TimeoutError after `timeout` seconds."""
        with self._next_event(pattern) as future:
            return _result(future, timeout, f"no event on {pattern!r}")

    async def wait_for_async(self, pattern: str, timeout: float | None = None) -> Event:
        """As `wait_for`, without holding up the running event loop."""
        with self._next_event(pattern) as future:
            return await _result_async(future, timeout, f"no event on {pattern!r}")

    def request(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event:
        """Fire an event and return the event that the first processor answers it with.

        If that processor raises, so does this. Raises NoReply if there is no processor (with
        `emits=`) for the topic or its answer was None, TimeoutError after `timeout` seconds.
        """
        with self._request(Event(topic, data, key=key)) as future:
            return _result(future, timeout, f"no reply to {topic!r}", self._unfinished)

    async def request_async(
        self, topic: str, data: Any = None, timeout: float | None = None, *, key: str | None = None
    ) -> Event:
        """As `request`, without holding up the running event loop while it waits."""
        with self._request(Event(topic, data, key=key)) as future:
            return await _result_async(future, timeout, f"no reply to {topic!r}", self._unfinished)

    # Watching

    @contextmanager
    def record(self, capacity: int = 100_000) -> Iterator[Timeline]:
        """Record the journeys of the events fired in this block, the last `capacity` of them."""
        timeline = Timeline(capacity)
        with self._lock:
            if self._recorder is not None:
                raise RuntimeError("this bus is being recorded already; use that timeline.")
            self._recorder, self._routes = timeline, {}
        try:
            yield timeline
        finally:
            with self._lock:
                self._recorder, self._routes = None, {}

    def assert_clean(self) -> None:
        """Raise HandlersFailed if there are dead letters, naming each handler and its error."""
        letters = list(self.dead_letters)
        if letters:
            lines = [
                f"{one.handler} on event {one.event.id} ({one.event.topic!r}): "
                f"{type(one.error).__name__}: {one.error}"
                for one in letters[:10]
            ]
            raise HandlersFailed(
                f"{len(letters)} dead letter(s); they are in bus.dead_letters.\n  "
                + "\n  ".join(lines),
                [_as_exception(one.error) for one in letters],
            )

    # Ending

    def close(self, timeout: float = 5.0) -> None:
        """Wait up to `timeout` seconds for what was fired, then end every executor. Nothing can
        be fired or subscribed afterwards. Can be called twice.

        What waits in a flow is let out at once, unless a quota holds it back. An event that nobody
        began in time becomes a dead letter; a handler that is still running is named in a warning.
        """
        if self._closed:
            return
        deadline = time.monotonic() + timeout
        for _, stage in list(self._stages):
            stage.flush()
        try:
            self.drain(timeout)
        except (DrainTimeout, RuntimeError) as problem:
            _log().warning("closing a bus that is still busy: %s", problem)
        with self._lock:
            self._closed, self._routes = True, {}
        for executor in self._busy_ones():
            for work, event in executor.close(max(0.0, deadline - time.monotonic())) or ():
                work.give_up(event, BusClosed("the bus was closed before this event was handled."))
        for awaited in list(self._awaited.values()):
            _settle(awaited, error=BusClosed("the bus was closed while this was waited for."))

    async def aclose(self, timeout: float = 5.0) -> None:
        """As `close`, without holding up the running event loop."""
        import asyncio

        await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> EventBus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> EventBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Routes

    def _find_route(self, topic: str) -> Route:
        """The slow way, taken once for each topic and change of subscriptions. A change replaces
        the routes when it is made: one found before that is stored where nobody looks any more.
        """
        routes, recorder = self._routes, self._recorder  # in this order, before all else
        check_topic(topic)
        if self._closed:
            raise BusClosed(f"this bus is closed, so {topic!r} cannot be fired on it.")
        targets = self._targets(topic)
        if recorder is not None:
            route = self._recording(targets, recorder)
        elif len(targets) == 1:
            route = targets[0].route
        else:
            route = tuple(_each_once([target.deliver for target in targets]))
        if len(routes) >= _CACHED_TOPICS:
            routes.clear()
        routes[topic] = route
        return route

    def _targets(self, topic: str) -> Sequence[Subscription | Group]:
        found = self._tree.match(topic)
        if len(found) < 2:
            return found
        found.sort(key=lambda s: (-s.priority, self._order.get(s, 0)))
        shared: dict[object, list[Subscription]] = {}
        for subscription in found:
            shared.setdefault(subscription.group or subscription, []).append(subscription)
        return [
            members[0]
            if len(members) == 1
            else Group(members, self._turns.setdefault(members[0].group, itertools.count()))
            for members in shared.values()
        ]

    def _recording(self, targets: Sequence[Subscription | Group], timeline: Timeline) -> Route:
        """Of several, one entry stands for all, so that their journeys share one `fired`."""
        recorded = [(target.recorded(timeline), target) for target in targets]
        if len(recorded) < 2:
            return tuple(deliver for deliver, _ in recorded)

        def deliver_recorded(event: Event) -> None:
            fired = perf_counter_ns()
            raised: list[QueueFull | None] = []
            for deliver, target in recorded:
                try:
                    deliver(event, fired)
                except Exception as error:
                    raised.append(self._raised(target.deliver, event, error))
            if any(raised):
                try:
                    raise next(filter(None, raised))
                finally:
                    raised.clear()  # or the error and this very frame would keep each other

        return (deliver_recorded,)

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            if self._order.pop(subscription, None) is not None:
                self._tree.remove(subscription.pattern, subscription)
                self._routes = {}

    # Results and failures

    def _emit(self, subscription: Subscription, event: Event, result: Any) -> None:
        """A processor's result is the next event, and the reply if its event was a request."""
        assert subscription.emits is not None
        reply = None
        if result is not None:
            reply = Event(subscription.emits, result, key=event.key, cause=event.id)
            self.publish(reply)
        if self._awaited and (future := self._awaited.get(event.id)):
            _settle(future, reply, NoReply(f"{subscription.name} answered None."))

    def _refuse_request(
        self, subscription: Subscription, event: Event, error: BaseException
    ) -> None:
        if subscription.emits and (future := self._awaited.get(event.id)):
            _settle(future, error=error)

    def _raised(
        self, deliver: Callable[[Event], Any], event: Event, error: Exception
    ) -> QueueFull | None:
        """A handler failed in the caller's thread. An executor that had no room for this very
        event is no failure of its handler: that is the caller's to know, and returned.
        """
        if isinstance(error, QueueFull) and error.event is event:
            return error
        owner = _owner(deliver)
        if owner is not None:
            self._failed(owner, event, error)
        else:
            self._report(name_of(deliver), event, error)
        return None

    def _refused_in(
        self, route: Route, deliver: Callable[[Event], Any], event: Event, error: Exception
    ) -> bool:
        """As `_raised`, for one of a route: whether it refused the event. Those behind it have got
        it all the same, then.
        """
        if not self._raised(deliver, event, error):
            return False
        place = [one is deliver for one in route].index(True)
        for behind in route[place + 1 :]:
            try:
                behind(event)
            except Exception as failure:
                self._raised(behind, event, failure)
        return True

    def _failed(self, subscription: Subscription, event: Event, error: BaseException) -> None:
        """Failed for certain, retries and all: who requested it must hear of it, too."""
        self._report(subscription.name, event, error)
        self._refuse_request(subscription, event, error)

    def _given_up(self, subscription: Subscription, event: Event, error: Exception | None) -> None:
        if error is not None:
            self._report(subscription.name, event, error)
        else:
            self._report_drop(subscription, event)
        self._refuse_request(
            subscription,
            event,
            error or QueueFull(event, f"{subscription.executor!r} was full and dropped"),
        )

    def _left_out(self, subscription: Subscription, event: Event, how: LeftOut) -> None:
        """By a flow. That is what it is for; but a quota's first refusal is worth a warning."""
        assert subscription.stage is not None
        flow = subscription.stage.flow
        if how == "dropped" and flow.is_quota and flow not in self._dropping:
            self._dropping.append(flow)
            _log().warning(
                "%r begins to refuse events: event %d (%r) for %s was the first. "
                "Its `refused` counts them.",
                flow, event.id, event.topic, subscription.name,
            )  # fmt: skip
        self._refuse_request(
            subscription, event, NoReply(f"{flow!r} has {how} event {event.id} ({event.topic!r}).")
        )

    def _refuse_unanswerable(self, subscription: Subscription, event: Event) -> None:
        """What comes out of its flow is another event, and a reply would be to that one."""
        if subscription.emits and event.id in self._awaited:
            assert subscription.stage is not None
            self._refuse_request(
                subscription,
                event,
                NoReply(f"{subscription.stage.flow!r} makes one event of several, so none of them "
                        "is answered by itself."),
            )  # fmt: skip

    def _report_drop(self, subscription: Subscription, event: Event) -> None:
        """The overflow policy did what it was asked to: the first time is worth a warning, every
        time is counted in the executor's `dropped`.
        """
        executor = subscription.executor
        if executor not in self._dropping:
            self._dropping.append(executor)
            _log().warning(
                "%r is full and begins to drop events: event %d (%r) for %s was the first. "
                "Its `dropped` counts them.",
                executor, event.id, event.topic, subscription.name,
            )  # fmt: skip

    def _report(self, handler: str, event: Event, error: BaseException) -> None:
        """Never silent: into the log, the dead letters, and to those who listen for errors."""
        _log().error("%s failed on event %d (%r)", handler, event.id, event.topic, exc_info=error)
        letter = DeadLetter(event, error, handler)
        self.dead_letters.append(letter)
        if not event.topic.startswith("error.") and not self._closed:
            try:
                self.publish(Event(f"error.{event.topic}", letter, key=event.key, cause=event.id))
            except (QueueFull, BusClosed) as refusal:
                _log().warning("who listens for errors will not hear of it: %s", refusal)

    def _idle(self) -> bool:
        return all(executor.wait_idle(0) for executor in self._busy_ones())

    def _turns_begun(self) -> int:
        return sum(executor.turns for executor in self._busy_ones())

    def _unfinished(self) -> list[str]:
        return [line for executor in self._busy_ones() for line in executor.unfinished()]

    def _busy_ones(self) -> list[Stage | Executor]:
        """Wherever events may be: in flows first, since they go from there to executors."""
        return [*(stage for _, stage in list(self._stages)), *self._executors]

    def _add_stage(self, subscription: Subscription, stage: Stage) -> None:
        """Each time their number has doubled, forget those of cancelled subscriptions that have
        run empty.
        """
        self._stages.append((subscription, stage))
        if len(self._stages) >= self._stages_allowed:
            self._stages = [
                (one, its)
                for one, its in self._stages
                if one in self._order or not its.wait_idle(0)
            ]
            self._stages_allowed = 2 * len(self._stages) + _FEW_STAGES

    @contextmanager
    def _next_event(self, pattern: str) -> Iterator[Future[Event]]:
        from concurrent.futures import Future

        future: Future[Event] = Future()
        self._awaited[future] = future
        try:
            with self.subscribe(
                pattern, lambda event: _settle(future, event), priority=-1, once=True
            ):
                yield future
        finally:
            del self._awaited[future]

    @contextmanager
    def _request(self, event: Event) -> Iterator[Future[Event]]:
        from concurrent.futures import Future

        check_topic(event.topic)
        answering = any(one.emits for one in self._tree.match(event.topic))
        if not answering and not self._closed:
            raise NoReply(f"no processor answers {event.topic!r}: subscribe one with emits=.")
        future: Future[Event] = Future()
        self._awaited[event.id] = future
        try:
            self.publish(event)
            yield future
        finally:
            del self._awaited[event.id]


def _each_once(route: list[Callable[[Event], Any]]) -> list[Callable[[Event], Any]]:
    """No two entries are one object, as a handler is that was subscribed twice: so there is no
    doubt which of them it was that raised.
    """
    if len(route) < 2:
        return route
    seen: set[int] = set()
    once = []
    for deliver in route:
        once.append(functools.partial(deliver) if id(deliver) in seen else deliver)
        seen.add(id(deliver))
    return once


def _owner(deliver: Callable[[Event], Any]) -> Subscription | None:
    """The subscription behind an entry of a route; None for a bare handler."""
    method = getattr(deliver, "func", deliver)  # a partial's
    behind = getattr(method, "__self__", None)
    return behind if isinstance(behind, Subscription) else None


def _settle(
    future: Future[Event], event: Event | None = None, error: BaseException | None = None
) -> None:
    """Give a future its outcome, unless it has one: the first answer counts."""
    from concurrent.futures import InvalidStateError

    try:
        if event is not None:
            future.set_result(event)
        else:
            future.set_exception(error)
    except InvalidStateError:
        pass


def _result(
    future: Future[Event],
    timeout: float | None,
    missing: str,
    unfinished: Callable[[], list[str]] = list,
) -> Event:
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the handler's own, or an answer at the last moment
            return future.result()
        raise TimeoutError(_too_late(missing, timeout, unfinished())) from None


async def _result_async(
    future: Future[Event],
    timeout: float | None,
    missing: str,
    unfinished: Callable[[], list[str]] = list,
) -> Event:
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


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _log() -> logging.Logger:
    import logging  # only when there is something to say: it would double our import time

    return logging.getLogger("eventkit")
