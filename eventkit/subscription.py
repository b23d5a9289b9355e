"""Subscription: one handler's place on the bus, and how an event reaches it."""

from __future__ import annotations

import functools
import inspect
import time
import types
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .event import Event
from .executors import Executor, WaitsBy, name_of
from .executors.inline import Inline, this_thread
from .queues import QueueFull, Work
from .timeline import Journey, Outcome, Timeline

if TYPE_CHECKING:
    from .bus import EventBus
    from .flow import Flow, LeftOut, Stage

Handler = Callable[[Event], Any]
_KINDS = {"await": ("coroutine", "EventLoop()"), "yield": ("generator", "Selector()")}


class Recorded(Protocol):
    """What is called with an event and, if several get that, with when it was fired."""

    def __call__(self, event: Event, /, fired: int | None = None) -> None: ...


class Retry(NamedTuple):
    """Call a handler that raises again, up to `times` more: first after `backoff` seconds, then
    after twice as long each time. The worker waits meanwhile, so order is kept.
    """

    times: int
    backoff: float = 0.1


class Subscription:
    """What `EventBus.subscribe` returns. `cancel()` it, or use it as a context manager.

    `deliver` is what the bus calls for each event. For a plain inline listener that is the
    handler itself, with nothing in between. With a flow it is the way into the flow's stage.
    `route` is that alone, for all topics that nobody else wants.
    """

    def __init__(
        self,
        bus: EventBus,
        pattern: str,
        handler: Handler,
        executor: Executor | None,
        emits: str | None,
        flow: Flow | None,
        priority: int,
        once: bool,
        group: str | None,
        retry: Retry | None,
    ):
        self.pattern = pattern
        self.handler = handler
        self.name = name_of(handler)
        self.executor = Inline() if executor is None else executor
        self.emits = emits
        self.priority = priority
        self.group = group
        self._bus = bus
        self._admits = getattr(handler, "admits", None)  # of a handler that may not see all
        self.is_async = check_handler(handler, self.executor)
        self._call = self._choose_call(retry)
        self._unused = [None] if once else None
        self.run = self._choose_run()
        self.stage = self._make_stage(flow)
        self.deliver = self._choose_deliver()
        self.route = (self.deliver,)

    def cancel(self) -> None:
        """Get no further events. What was fired before is still handled: inside a handler, this
        takes effect from the next event, also for the other subscribers of the present one. Can
        be called twice.
        """
        self._bus._forget(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Subscription of {self.name} to {self.pattern!r} on {self.executor!r}>"

    def recorded(self, timeline: Timeline) -> Recorded:
        """What the bus calls instead of `deliver` while somebody records: it stamps every stage
        into a journey.
        """
        if self.stage is not None:
            return functools.partial(self._enter_flow_recorded, timeline)
        if isinstance(self.executor, Inline):
            return self._recorded_inline(timeline)
        return functools.partial(self._submit_recorded, timeline)

    def _recorded_inline(self, timeline: Timeline) -> Recorded:
        """Most of what a lesson records: made of as few steps as there can be. A method, which
        tells the bus whose failure it is.
        """
        name, emits, add, thread = self.name, self.emits, timeline.add, this_thread
        is_once = self._unused is not None
        call = self._deliver_inline if is_once else self.deliver

        def deliver(owner: Subscription, event: Event, fired: int | None = None) -> None:
            if is_once and not owner._claim():
                return
            now = perf_counter_ns()
            journey = Journey(
                event, name, fired or now, now, now, None, thread.name, None, None, emits
            )
            add(journey)
            outcome: Outcome = "failed"
            try:
                call(event)
                outcome = "ok"
            finally:
                journey.finished = perf_counter_ns()
                journey.outcome = outcome

        return types.MethodType(deliver, self)

    def _submit_recorded(self, timeline: Timeline, event: Event, fired: int | None = None) -> None:
        if self._unused is not None and not self._claim():
            return
        now = perf_counter_ns()
        journey = Journey(event, self.name, fired or now, now, emits=self.emits)
        timeline.add(journey)
        try:
            self.executor.submit(_RecordedWork(self, journey), event)
        except BaseException as refusal:
            _leave(journey, "dropped" if isinstance(refusal, QueueFull) else "abandoned")
            raise

    def failed(self, event: Event, error: BaseException) -> None:
        """`run` raised on a worker, where nobody is left to raise to: the bus is told."""
        self._bus._failed(self, event, error)

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        """An accepted event will not be handled: dropped by its executor's overflow policy, or
        cut off by `close`, which is an error.
        """
        self._bus._given_up(self, event, error)

    def refused(self, event: Event, error: Exception) -> bool:
        """Whether what `deliver` raised, when a group had chosen this subscription, is a refusal,
        which is to be raised on. If not, it has been dealt with.
        """
        return self._bus._raised(self.deliver, event, error) is not None

    def _choose_call(self, retry: Retry | None) -> Handler:
        call = self.handler
        if self.executor.waits_by == "yield" and self.is_async:
            call = types.coroutine(call)  # what it yields reaches the reactor through our awaits
        if retry is None:
            return call
        retrying = _with_retry_async if self.is_async else _with_retry
        return retrying(call, retry, self.executor)

    def _choose_run(self) -> Callable[[Event], Any]:
        """What a worker calls: the handler itself, if there is nothing to emit."""
        if self.emits is None:
            return self._call
        return self._run_async if self.is_async else self._deliver_inline

    def _make_stage(self, flow: Flow | None) -> Stage | None:
        if flow is None:
            return None
        from .flow import Stage  # whoever has a flow has it imported already

        return Stage(flow, self._leave_flow, self._left_out, self._fell_out)

    def _choose_deliver(self) -> Callable[[Event], Any]:
        if self.stage is not None:
            return self._enter_flow
        if self._unused is not None:
            return self._deliver_once
        if not isinstance(self.executor, Inline):
            return types.MethodType(self.executor.submit, self)
        is_plain = self._call is self.handler and not self.emits
        return self.handler if is_plain else self._deliver_inline

    def _deliver_once(self, event: Event) -> None:
        if not self._claim():
            return
        if isinstance(self.executor, Inline):
            self._deliver_inline(event)
        else:
            self.executor.submit(self, event)

    def _claim(self) -> bool:
        """Whether this is the one event that a `once` subscription takes. `pop` is atomic."""
        try:
            assert self._unused is not None
            self._unused.pop()
        except IndexError:
            return False
        self.cancel()
        return True

    def _enter_flow(self, event: Event) -> None:
        if self._admits is None or self._admits(event) is not None:
            self._put(event, self)

    def _put(self, event: Event, work: Work) -> None:
        assert self.stage is not None
        if self.stage.flow.makes_events:
            self._bus._refuse_unanswerable(self, event)
        self.stage.put(event, work)

    def _enter_flow_recorded(
        self, timeline: Timeline, event: Event, fired: int | None = None
    ) -> None:
        if self._admits is not None and self._admits(event) is None:
            return
        journey = Journey(event, self.name, fired or perf_counter_ns(), emits=self.emits)
        timeline.add(journey)
        try:
            self._put(event, _RecordedWork(self, journey))
        except BaseException:
            _leave(journey, "abandoned")
            raise

    def _leave_flow(self, event: Event, work: Work) -> None:
        """Hand an event that comes out of the flow to the executor."""
        if self._unused is not None and not self._claim():
            return
        if isinstance(work, _RecordedWork):
            work.stamp_queued(event)
        self.executor.submit(work, event)

    def _fell_out(self, event: Event, work: Work, error: BaseException) -> None:
        """Account for an event that came out of the flow and was refused or failed."""
        if isinstance(error, QueueFull) and error.event is event:
            work.give_up(event, error)
        else:
            self._bus._failed(self, event, error)

    def _left_out(self, event: Event, work: Work, how: LeftOut) -> None:
        """The flow has merged an event into a newer one, or given it up."""
        if isinstance(work, _RecordedWork):
            work.stamp_left_out(how)
        self._bus._left_out(self, event, how)

    def _deliver_inline(self, event: Event) -> None:
        result = self._call(event)
        if self.emits is not None:
            self._bus._emit(self, event, result)

    async def _run_async(self, event: Event) -> None:
        self._bus._emit(self, event, await self._call(event))


class Group:
    """Subscriptions that share a group: each event goes to one of them, in turn. Events with one
    key all go to the same one.
    """

    def __init__(self, members: Sequence[Subscription], turns: Iterator[int]):
        self._members = members
        self._turn = turns.__next__

    @property
    def route(self) -> tuple[Handler]:
        """Made anew, or else a group that is needed no more would keep itself alive."""
        return (self.deliver,)

    def deliver(self, event: Event) -> None:
        member = self._members[self._place(event)]
        try:
            member.deliver(event)
        except Exception as error:
            if member.refused(event, error):
                raise

    def recorded(self, timeline: Timeline) -> Recorded:
        """As a subscription's: each event is recorded as its member's."""
        ways = [member.recorded(timeline) for member in self._members]

        def deliver(event: Event, fired: int | None = None) -> None:
            place = self._place(event)
            try:
                ways[place](event, fired)
            except Exception as error:
                if self._members[place].refused(event, error):
                    raise

        deliver.__qualname__ = name_of(self.deliver)
        return deliver

    def _place(self, event: Event) -> int:
        """Which member's turn it is."""
        turn = self._turn() if event.key is None else hash(event.key)
        return turn % len(self._members)


class _RecordedWork:
    """A subscription's work for one event, stamping the journey as it goes."""

    def __init__(self, subscription: Subscription, journey: Journey):
        self.name = subscription.name
        self._subscription = subscription
        self._journey = journey
        self.is_async = subscription.is_async
        self.failed = subscription.failed

    def run(self, event: Event) -> Any:
        return self._run_async(event) if self.is_async else self._run(event)

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        refused = error is None or isinstance(error, QueueFull)
        _leave(self._journey, "dropped" if refused else "abandoned")
        self._subscription.give_up(event, error)

    def stamp_queued(self, event: Event) -> None:
        """Out of a flow, perhaps as part of an event that stands for several."""
        self._journey.event = event
        self._journey.queued = perf_counter_ns()

    def stamp_left_out(self, how: LeftOut) -> None:
        _leave(self._journey, how)

    def _run(self, event: Event) -> None:
        self._start()
        try:
            self._subscription.run(event)
        except BaseException:
            _finish(self._journey, "failed")
            raise
        _finish(self._journey, "ok")

    async def _run_async(self, event: Event) -> None:
        self._start()
        try:
            await self._subscription.run(event)
        except BaseException:
            _finish(self._journey, "failed")
            raise
        _finish(self._journey, "ok")

    def _start(self) -> None:
        self._journey.worker = self._subscription.executor.worker()
        self._journey.started = perf_counter_ns()


def _finish(journey: Journey, outcome: Outcome) -> None:
    journey.finished = perf_counter_ns()
    journey.outcome = outcome


def _leave(journey: Journey, outcome: Outcome) -> None:
    """It will not be handled."""
    journey.outcome = outcome
    journey.left = perf_counter_ns()


def check_options(flow: object, priority: object, once: bool, group: object, retry: object) -> None:
    """Raise TypeError or ValueError, which say what to do, if one of these cannot work."""
    if flow is not None:
        from .flow import Flow

        if not isinstance(flow, Flow):
            raise TypeError(f"flow is an instance such as Debounce(0.2), or None; got {flow!r}.")
    if not isinstance(priority, int | float):
        raise TypeError(f"priority is a number, the higher the sooner; got {priority!r}.")
    if group is not None and not (isinstance(group, str) and group):
        raise TypeError(f"group is a name such as 'workers', or None; got {group!r}.")
    if once and group is not None:
        raise ValueError(
            "once= and group= do not go together: a member that has left could "
            "still be its group's choice, and the event would be lost."
        )
    if retry is not None and not (isinstance(retry, Retry) and retry.times >= 0 <= retry.backoff):
        raise TypeError(
            f"retry is Retry(times, backoff) with numbers of 0 or more, or None; got {retry!r}."
        )


def check_handler(handler: Handler, executor: Executor) -> bool:
    """Whether the handler gives way while it waits: a coroutine or generator function. Raises
    TypeError, which says what to do, if it cannot be called with an event or this executor cannot
    run it.
    """
    if not callable(handler):
        raise TypeError(f"a handler is a function of one argument, the event; got {handler!r}.")
    if isinstance(executor, type) or not hasattr(executor, "waits_by"):
        raise TypeError(
            f"executor is an instance such as Threads(4), or None for inline; got {executor!r}."
        )
    name = name_of(handler)
    try:
        inspect.signature(handler).bind(None)
    except TypeError as problem:
        raise TypeError(f"handler {name} must take one argument, the event: {problem}.") from None
    except (ValueError, SystemError):
        # a built-in without a signature, or one that two threads asked for at once, which some
        # Pythons bear badly (github.com/python/cpython/issues/106905): it may well take one
        pass
    waits_by = _waits_by(handler)
    if waits_by and waits_by != executor.waits_by:
        kind, other = _KINDS[waits_by]
        raise TypeError(
            f"{name} is a {kind} function and {executor!r} would never {waits_by} it. "
            f"Use executor={other}, or make it a plain function."
        )
    return waits_by is not None


def _waits_by(handler: Handler) -> WaitsBy:
    # an object's own `__call__` may be the coroutine function, hence the look at its class
    calls = (handler, type(handler).__call__)
    if any(inspect.iscoroutinefunction(call) for call in calls):
        return "await"
    return "yield" if any(inspect.isgeneratorfunction(call) for call in calls) else None


def _with_retry(handler: Handler, retry: Retry, executor: Executor) -> Handler:
    # where handlers await or yield, a plain one has nobody to hand a pause to: it blocks
    pause = time.sleep if executor.waits_by else executor.pause

    @functools.wraps(handler, updated=())
    def call(event: Event) -> Any:
        for attempt in range(retry.times):
            try:
                return handler(event)
            except Exception:
                pause(retry.backoff * 2**attempt)
        return handler(event)

    return call


def _with_retry_async(handler: Handler, retry: Retry, executor: Executor) -> Handler:
    @functools.wraps(handler, updated=())
    async def call(event: Event) -> Any:
        for attempt in range(retry.times):
            try:
                return await handler(event)
            except Exception:
                await executor.pause(retry.backoff * 2**attempt)
        return await handler(event)

    return call
