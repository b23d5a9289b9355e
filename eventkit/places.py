"""Places: the executors and flows of a bus, where events may wait."""

from __future__ import annotations

import functools
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import DrainTimeout
from .executors.base import Executor
from .executors.inline import Unqueued
from .subscription import Subscription

if TYPE_CHECKING:
    from .flow import Stage

_FEW_STAGES = 8


class Places:
    """Knows every place where events of a bus may wait.

    It does not keep executors alive: their subscriptions and events do that. The caller of
    `add` and `discard` holds the lock of the routing.
    """

    def __init__(self) -> None:
        self.executors: dict[int, weakref.ref[Executor]] = {}  # by id; all that may have work
        self.users: dict[int, set[Subscription]] = {}  # of each executor in use, by its id
        self.stages: dict[Stage, bool] = {}  # False: its subscription was cancelled
        self._stages_allowed = _FEW_STAGES  # above this, stages no longer needed are removed

    def add(self, subscription: Subscription) -> None:
        """Know where the events of a subscription may wait."""
        if not isinstance(subscription.executor, Unqueued):
            self._add_executor(subscription)
        if subscription.stage is not None:
            self._add_stage(subscription.stage)

    def discard(self, subscription: Subscription) -> None:
        """Forget a cancelled subscription. If its executor has no other, its threads may end. Can
        be repeated, after an interrupt for example.
        """
        place = id(subscription.executor)
        if subscription.stage in self.stages:
            self.stages[subscription.stage] = False
        self.users.get(place, set()).discard(subscription)
        if not self.users.get(place):
            self.users.pop(place, None)
            subscription.executor.rest()

    def all(self) -> list[Stage | Executor]:
        """Return every place where events may wait: flows first, which feed the executors."""
        executors = [reference() for reference in list(self.executors.values())]
        return [*self.stages.copy(), *(one for one in executors if one is not None)]

    def unfinished(self) -> list[str]:
        """Describe what is running, and what waits."""
        return [line for place in self.all() for line in place.unfinished()]

    def busy(self, timeout: float | None) -> Iterator[tuple[Stage | Executor, float | None]]:
        """Yield what to wait for next, and for how many seconds, until nothing waits or runs.

        Then have the threads end that no subscription needs: a late event from a flow may have
        started them again. Raises DrainTimeout when `timeout` seconds have passed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        activations: list[int] = []
        # A handler that ran since the last look may have fired more events.
        while not self._is_idle() or activations != self._activations():
            activations = self._activations()
            for place in self.all():
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                yield place, left
                is_late = deadline is not None and time.monotonic() >= deadline
                if is_late and not place.wait_idle(0):
                    raise DrainTimeout(timeout, self.unfinished())
        for number, executor in self.executors.copy().items():
            if number not in self.users and (unused := executor()) is not None:
                unused.rest()

    def _is_idle(self) -> bool:
        return all(place.wait_idle(0) for place in self.all())

    def _activations(self) -> list[int]:
        return [place.activations for place in self.all()]

    def _add_executor(self, subscription: Subscription) -> None:
        executor, found = subscription.executor, self.executors
        place = id(executor)
        self.users.setdefault(place, set()).add(subscription)
        if place not in found or found[place]() is not executor:
            # no Python code in the callback: an interrupt there would be swallowed
            found[place] = weakref.ref(executor, functools.partial(found.pop, place))

    def _add_stage(self, stage: Stage) -> None:
        """Keep a stage. When their number has doubled, remove empty ones that are not in use."""
        self.stages[stage] = True
        if len(self.stages) >= self._stages_allowed:
            in_use = self.stages.items()
            self.stages = {one: used for one, used in in_use if used or not one.wait_idle(0)}
            self._stages_allowed = 2 * len(self.stages) + _FEW_STAGES
