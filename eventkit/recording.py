"""Recording: each delivery writes its times into a journey while a timeline is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from .delivery import deliver_to
from .errors import QueueFull
from .event import Event
from .handlers import check_returned
from .timeline import Journey, Outcome, Timeline

if TYPE_CHECKING:
    from .flow import LeftOut
    from .outcomes import Outcomes
    from .subscription import Route, Subscription


def recorded(
    subscriptions: Sequence[Subscription], timeline: Timeline, outcomes: Outcomes
) -> Route:
    """Return a route that records each journey. It has one entry for all subscribers, so that
    their journeys share one `fired`. It raises only what the caller must raise.
    """
    if not subscriptions:
        return ()
    return ((_Recorded(subscriptions, timeline, outcomes), None),)


def one_by_one(route: Route) -> Route:
    """Return a route with an entry for each subscriber, also if it records."""
    for deliver, _ in route:
        if isinstance(deliver, _Recorded):
            return deliver.one_by_one()
    return route


class _Recorded:
    """Delivers an event to several subscriptions and records the journeys."""

    def __init__(
        self, subscriptions: Sequence[Subscription], timeline: Timeline, outcomes: Outcomes
    ) -> None:
        self._subscriptions = subscriptions
        self._timeline = timeline
        self._outcomes = outcomes

    def one_by_one(self) -> Route:
        fired = perf_counter_ns()
        return tuple(
            (partial(_deliver, subscription, fired, self._timeline), subscription)
            for subscription in self._subscriptions
        )

    def __call__(self, event: Event) -> None:
        problem = deliver_to(self.one_by_one(), event, self._outcomes)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None  # or the error and this frame would keep each other alive


def _deliver(subscription: Subscription, fired: int, timeline: Timeline, event: Event) -> None:
    if not subscription.claim() or (subscription.stage and not subscription.admits(event)):
        return
    journey = Journey(event, subscription.name, fired, emits=subscription.emits)
    timeline.add(journey)
    work = RecordedWork(subscription, journey)
    try:
        if subscription.stage is not None:
            subscription.enter_flow(event, work)
        else:
            journey.queued = perf_counter_ns()
            subscription.executor.submit(work, event)
    except BaseException as error:
        if journey.outcome is None:
            _leave(journey, "dropped" if isinstance(error, QueueFull) else "abandoned")
        raise


class RecordedWork:
    """A subscription's work for one event, which writes times into the journey."""

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

    def left_flow(self, event: Event) -> None:
        """Note that the event left the flow, perhaps merged with others into `event`."""
        self._journey.event = event
        self._journey.queued = perf_counter_ns()

    def left_out(self, how: LeftOut) -> None:
        """Note that the flow merged or dropped the event."""
        _leave(self._journey, how)

    def _run(self, event: Event) -> Any:
        self._start()
        try:
            returned = self._subscription.run(event)
            check_returned(returned)
        except BaseException:
            _finish(self._journey, "failed")
            raise
        _finish(self._journey, "ok")
        return returned

    async def _run_async(self, event: Event) -> Any:
        self._start()
        try:
            returned = await self._subscription.run(event)
        except BaseException:
            _finish(self._journey, "failed")
            raise
        _finish(self._journey, "ok")
        return returned

    def _start(self) -> None:
        self._journey.worker = self._subscription.executor.worker()
        self._journey.started = perf_counter_ns()


def _finish(journey: Journey, outcome: Outcome) -> None:
    journey.finished = perf_counter_ns()
    journey.outcome = outcome


def _leave(journey: Journey, outcome: Outcome) -> None:
    """Note that the event will not be handled."""
    journey.outcome = outcome
    journey.left = perf_counter_ns()
