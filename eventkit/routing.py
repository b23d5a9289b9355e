"""Routing: the subscriptions of a bus, and which of them an event reaches."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .errors import BusClosed
from .outcomes import Outcomes
from .places import Places
from .recording import one_by_one, recorded
from .subscription import Route, Subscription
from .timeline import Timeline
from .topics import TopicTree, check_topic

_CACHED_TOPICS = 250_000


class Routing:
    """Finds the route of each topic, once after each change of subscriptions, and keeps it.

    `routes` maps topics to their routes. Reading it needs no lock: a route is a tuple, and a change
    replaces the dict, so a route that was found before the change is stored in the old dict.
    """

    def __init__(self, outcomes: Outcomes, places: Places) -> None:
        self.routes: dict[str, Route] = {}
        self.closed = ""  # why events and subscriptions are refused
        self._outcomes = outcomes
        self._places = places
        self._tree: TopicTree[Subscription] = TopicTree()
        self._order: dict[Subscription, int] = {}
        self._next_place = itertools.count().__next__
        self._recorder: Timeline | None = None
        self._lock = threading.RLock()

    def add(self, subscription: Subscription) -> None:
        """Add a subscription, or raise BusClosed. An interrupt adds all of it or nothing."""
        with self._lock:
            if self.closed:
                raise BusClosed(f"{self.closed}, so {subscription.name} cannot subscribe.")
            try:
                self._order[subscription] = self._next_place()
                self._tree.add(subscription.pattern, subscription)
                self._places.add(subscription)
                self.routes = {}
            except BaseException:
                self.remove(subscription)
                raise

    def remove(self, subscription: Subscription) -> None:
        """Remove a subscription. Every step can be repeated, after an interrupt for example."""
        with self._lock:
            if subscription in self._order:
                with suppress(KeyError, ValueError):
                    self._tree.remove(subscription.pattern, subscription)
                self.routes = {}
                del self._order[subscription]
            self._places.discard(subscription)

    def find(self, topic: str) -> Route:
        """Return the route of a topic. Raises InvalidTopic and BusClosed."""
        routes, recorder = self.routes, self._recorder  # in this order, before anything else
        check_topic(topic)
        if self.closed:
            raise BusClosed(f"{self.closed}, so {topic!r} cannot be fired on it.")
        found = self.matching(topic)
        found.sort(key=lambda s: (-s.priority, self._order.get(s, 0)))
        route: Route
        if recorder is not None:
            route = recorded(found, recorder, self._outcomes)
        elif len(found) == 1:
            route = found[0].route  # one tuple for all topics with this sole subscriber
        else:
            route = tuple((subscription.deliver, subscription) for subscription in found)
        if len(routes) >= _CACHED_TOPICS:
            routes.clear()
        routes[topic] = route
        return route

    def find_in_place(self, topic: str) -> Route:
        """Return the route of a topic, with an entry for each subscriber, also if it records."""
        try:
            route = self.routes[topic]
        except (KeyError, TypeError):
            route = self.find(topic)
        return route if self._recorder is None else one_by_one(route)

    def matching(self, topic: str) -> list[Subscription]:
        """Return the subscriptions whose pattern matches a topic, in no order."""
        return self._tree.match(topic)

    @contextmanager
    def record(self, capacity: int) -> Iterator[Timeline]:
        """Record the journeys of the events fired in this block."""
        timeline = Timeline(capacity)
        try:
            try:
                with self._lock:
                    if self._recorder is not None:
                        raise RuntimeError("this bus is being recorded already; use that timeline.")
                    self._recorder, self.routes = timeline, {}
                yield timeline
            finally:
                self._end_recording(timeline)
        except BaseException:
            self._end_recording(timeline)  # again, in case an interrupt came in between
            raise

    def _end_recording(self, timeline: Timeline) -> None:
        with self._lock:
            if self._recorder is timeline:
                self._recorder = None
            self.routes = {}

    def close(self, reason: str) -> None:
        """Refuse further events and subscriptions. The first reason counts."""
        with self._lock:
            self.closed, self.routes = self.closed or reason, {}

    def renew(self) -> None:
        """Renew the lock in a forked child: a thread of the parent may have held it."""
        self._lock = threading.RLock()
