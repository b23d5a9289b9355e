"""Subscription: one handler's place on the bus, and how an event reaches it."""

from __future__ import annotations

import functools
import time
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .checks import is_number, seconds, whole_number
from .event import Event
from .executors.awaited import Awaited
from .executors.base import Executor
from .executors.inline import Inline
from .executors.queue import QueueFull, Work
from .handlers import Handler, check_handler, check_returned, name_of

if TYPE_CHECKING:
    from .flow import Flow, LeftOut, Stage
    from .outcomes import Outcomes

_LONGEST_PAUSE = 1e6  # seconds between two attempts: eleven days


class Retry(NamedTuple):
    """Call a handler that raised again, up to `times` more: first after `backoff` seconds, then
    after twice as long each time, at most a million seconds. The worker waits in between, so an
    executor that keeps the order still does. A RecursionError, and what is no Exception, is not
    retried.
    """

    times: int
    backoff: float = 0.1


class Options(NamedTuple):
    """The options of `EventBus.subscribe`, which describes them."""

    executor: Executor | None = None
    emits: str | None = None
    flow: Flow | None = None
    priority: float = 0
    once: bool = False
    retry: Retry | None = None

    def check(self) -> None:
        """Raise TypeError or ValueError if one of these cannot work."""
        if self.flow is not None:
            from .flow import Flow

            if not isinstance(self.flow, Flow):
                raise TypeError(
                    f"flow is an instance such as Debounce(0.2), or None; got {self.flow!r}."
                )
            if isinstance(self.executor, Awaited):
                raise TypeError(
                    f"an event leaves {self.flow!r} later, when no caller awaits it: use "
                    "executor=EventLoop() with a flow."
                )
        if not is_number(self.priority) or self.priority != self.priority:
            raise TypeError(f"priority is a number, the higher the sooner; got {self.priority!r}.")
        if not isinstance(self.once, bool):
            raise TypeError(f"once is True or False; got {self.once!r}.")
        if self.retry is not None:
            _check_retry(self.retry)


def _check_retry(retry: object) -> None:
    try:
        if not isinstance(retry, Retry):
            raise ValueError("that is not a Retry.")
        whole_number("times", retry.times, "how often to try again", least=0)
        seconds("backoff", retry.backoff)
    except ValueError as problem:
        raise TypeError(
            f"retry is Retry(times, backoff) with numbers of 0 or more, or None; got {retry!r}: "
            f"{problem}"
        ) from None


class Subscription:
    """A handler's place on the bus, made by `EventBus.subscribe`. Cancel it with `cancel()`, or use
    it as a context manager.

    The bus calls `deliver` for each event. For a plain inline listener that is the handler itself.
    With a flow, it puts the event into the flow's stage. `route` is the route of all topics that
    have no other subscriber.
    """

    def __init__(
        self,
        pattern: str,
        handler: Handler,
        options: Options,
        outcomes: Outcomes,
        forget: Callable[[Subscription], None],
    ):
        self.pattern = pattern
        self.handler = handler
        self.name = name_of(handler)
        self.executor = Inline() if options.executor is None else options.executor
        self.emits = options.emits
        self.priority = options.priority
        self._outcomes = outcomes
        self._forget = forget
        self._admits = getattr(handler, "admits", None)  # of a handler that may not see all
        self.is_async = check_handler(handler, self.executor)
        self._call = self._choose_call(options.retry)
        self._unused = [None] if options.once else None
        self.run = self._choose_run()
        self.stage = self._make_stage(options.flow)
        self.deliver = self._choose_deliver()
        self.route: Route = ((self.deliver, self),)
        is_awaited = self.is_async and isinstance(self.executor, Awaited) and not options.once
        self.awaited = self.deliver if is_awaited else None  # `publish_async` awaits `run` instead

    def cancel(self) -> None:
        """Stop getting events. Events fired before are still handled: when called inside a handler,
        this takes effect from the next event. Can be called twice.
        """
        self._forget(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Subscription of {self.name} to {self.pattern!r} on {self.executor!r}>"

    def claim(self) -> bool:
        """Return True if an event must be delivered: with `once=`, only the first. With a flow,
        the first to leave it counts.
        """
        return self._unused is None or self.stage is not None or self._claim()

    def admits(self, event: Event) -> bool:
        """Return True if the handler may see this event, so that it may enter the flow."""
        return self._admits is None or self._admits(event) is not None

    def enter_flow(self, event: Event, work: Work) -> None:
        """Put an event into the flow. `work` runs when it leaves."""
        assert self.stage is not None
        if self.stage.flow.makes_events:
            self._outcomes.refuse_unanswerable(self, event)
        self.stage.put(event, work)

    # As the work of an executor

    def failed(self, event: Event, error: BaseException) -> None:
        """Record that `run` raised on a worker."""
        self._outcomes.failed(self, event, error)

    def give_up(self, event: Event, error: Exception | None = None) -> None:
        """Record that an accepted event will not be handled: its executor's overflow policy dropped
        it (no error), or `close` came first.
        """
        self._outcomes.given_up(self, event, error)

    def left_flow(self, event: Event) -> None:
        """Do nothing: only recorded work notes that an event left the flow."""

    def left_out(self, how: LeftOut) -> None:
        """Do nothing: only recorded work notes that a flow merged or dropped an event."""

    # How it was built

    def _choose_call(self, retry: Retry | None) -> Handler:
        call = self.handler
        prepare = getattr(self.executor, "prepare", None)
        if prepare is not None:  # it calls handlers in other processes
            call = prepare(call)
        if self.executor.waits_by == "yield" and self.is_async:
            call = types.coroutine(call)  # what it yields reaches the reactor through our awaits
        if retry is None:
            return call
        retrying = _with_retry_async if self.is_async else _with_retry
        return retrying(call, retry, self.executor)

    def _choose_run(self) -> Callable[[Event], Any]:
        """Return what a worker calls: the handler itself, if it emits nothing."""
        if self.emits is None:
            return self._call
        return self._run_async if self.is_async else self._run

    def _make_stage(self, flow: Flow | None) -> Stage | None:
        if flow is None:
            return None
        from .flow import Stage  # its module has been imported with the flow

        return Stage(flow, self._leave_flow, self._left_out, self._fell_out)

    def _choose_deliver(self) -> Callable[[Event], Any]:
        if self.stage is not None:
            return self._enter_flow
        if self._unused is not None:
            return self._deliver_once
        if isinstance(self.executor, Inline):
            return self.run
        return functools.partial(self.executor.submit, self)

    # On the way

    def _run(self, event: Event) -> None:
        self._outcomes.emitted(self, event, self._call(event))

    async def _run_async(self, event: Event) -> None:
        self._outcomes.emitted(self, event, await self._call(event))

    def _deliver_once(self, event: Event) -> Any:
        if not self._claim():
            return None
        if isinstance(self.executor, Inline):
            return self.run(event)
        return self.executor.submit(self, event)

    def _claim(self) -> bool:
        """Return True for the one event that a `once` subscription takes. `pop` is atomic."""
        try:
            assert self._unused is not None
            self._unused.pop()
        except IndexError:
            return False
        self.cancel()
        return True

    def _enter_flow(self, event: Event) -> None:
        if self.admits(event):
            self.enter_flow(event, self)

    def _leave_flow(self, event: Event, work: Any) -> None:
        """Submit an event that leaves the flow to the executor."""
        if self._unused is not None and not self._claim():
            return
        work.left_flow(event)
        self.executor.submit(work, event)

    def _fell_out(self, event: Event, work: Work, error: BaseException) -> None:
        """Record an event that left the flow and was refused or failed."""
        if isinstance(error, QueueFull) and error.event is event:
            work.give_up(event, error)
        else:
            self._outcomes.failed(self, event, error)

    def _left_out(self, event: Event, work: Any, how: LeftOut) -> None:
        """Note that the flow merged an event into a newer one, or dropped it."""
        work.left_out(how)
        self._outcomes.left_out(self, event, how)


Route = tuple[tuple[Callable[[Event], Any], Subscription | None], ...]
"""For one topic: what to call for each subscriber, and the subscription that failed if it raises
(None: the failure has been recorded)."""


def _with_retry(handler: Handler, retry: Retry, executor: Executor) -> Handler:
    # on an executor whose handlers await or yield, a plain handler can only block
    pause = time.sleep if executor.waits_by else executor.pause

    @functools.wraps(handler, updated=())
    def call(event: Event) -> Any:
        for attempt in range(retry.times):
            try:
                return _checked(handler(event))
            except RecursionError:  # a retry would fail at the same depth, at each level
                raise
            except Exception:
                pause(_backoff(retry, attempt))
        return handler(event)

    return call


def _with_retry_async(handler: Handler, retry: Retry, executor: Executor) -> Handler:
    @functools.wraps(handler, updated=())
    async def call(event: Event) -> Any:
        for attempt in range(retry.times):
            try:
                return await handler(event)
            except RecursionError:
                raise
            except Exception:
                await executor.pause(_backoff(retry, attempt))
        return await handler(event)

    return call


def _checked(returned: Any) -> Any:
    check_returned(returned)
    return returned


def _backoff(retry: Retry, attempt: int) -> float:
    return float(min(retry.backoff * 2.0 ** min(attempt, 64), _LONGEST_PAUSE))
