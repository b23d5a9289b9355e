"""Delivery: how an event reaches the subscribers of its route, and what its caller must raise."""

from __future__ import annotations

from .event import Event
from .executors.awaited import PENDING, Pending, close, ends_caller, run_all, stops
from .handlers import check_returned
from .outcomes import Outcomes, worse
from .subscription import Route, Subscription


def deliver_to(
    route: Route, event: Event, outcomes: Outcomes, problem: BaseException | None = None
) -> BaseException | None:
    """Deliver an event to each subscriber. An interrupt is a failure for each of those behind it.

    Return what the caller must raise: the given problem or a more serious one.
    """
    try:
        for deliver, subscription in route:
            if isinstance(problem, KeyboardInterrupt):
                outcomes.interrupted(subscription, event, problem)
                continue
            try:
                check_returned(deliver(event))
            except BaseException as error:
                problem = worse(problem, outcomes.raised(subscription, event, error))
                if isinstance(problem, RecursionError):
                    break
        return problem
    finally:
        del problem  # or the error and this frame would keep each other alive


def must_tell_caller(
    route: Route,
    subscription: Subscription | None,
    event: Event,
    error: BaseException,
    outcomes: Outcomes,
) -> bool:
    """Record what a delivery raised. Return True if the caller must raise it. By then the remaining
    subscribers have had the event, unless handlers recurse. Raises a KeyboardInterrupt that came
    meanwhile.
    """
    problem = outcomes.raised(subscription, event, error)
    try:
        if problem is not None and not isinstance(problem, RecursionError):
            place = [one for _, one in route].index(subscription)
            problem = deliver_to(route[place + 1 :], event, outcomes, problem)
        if problem is None or problem is error:
            return problem is error
        raise problem
    finally:
        del problem  # or the error and this frame would keep each other alive


async def deliver_in_place(
    route: Route, event: Event, outcomes: Outcomes, pending: Pending
) -> None:
    """Deliver an event, and await handlers on `Awaited()` in their turn, with what they fire.

    The caller closes `pending`, an empty list, if this raises: Python 3.12 and 3.13 leave some
    jumps behind an `await` outside of its `try`, and an interrupt there would leave it open.
    """
    problem: BaseException | None = None
    outer = PENDING.get()
    try:
        PENDING.set(pending)
        for deliver, subscription in route:
            if problem and stops(problem):
                outcomes.interrupted(subscription, event, problem)
                continue
            try:
                if subscription is not None and deliver is subscription.awaited:
                    await subscription.run(event)
                else:
                    check_returned(deliver(event))
            except BaseException as error:
                raised = outcomes.raised(subscription, event, error)
                problem = worse(problem, error if ends_caller(error) else raised)
            has_more = pending and not (problem and stops(problem))
            problem = (await run_all(pending) if has_more else None) or problem
        close(pending, outer)
        if problem is not None:
            raise problem
    except BaseException:
        close(pending, outer)  # perhaps once more, should an interrupt have come in the first
        raise
    finally:
        problem = None  # or the error and this frame would keep each other alive
