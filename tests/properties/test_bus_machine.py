"""The bus against a model: subscribe, cancel, fire, fail, drain and close, in any order and from
inside handlers.

The model is a list of subscribers and a recursive function. Delivery is depth-first; who gets an
event is settled when it is fired, so a cancel or a subscribe takes effect from the next event; a
failure is a dead letter and an `error.` event, there and then; a closed bus refuses.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import eventkit as ek

LONG = 20
DEEPEST = 3  # events fired by handlers nest no deeper than this
MOST = 6  # subscribers

topics = st.sampled_from(["a", "b", "a.b", "error.a"])
patterns = st.sampled_from(["a", "b", "*", "a.*", ">", "error.>", "error.a"])
actions = st.sampled_from(
    ["note", "note", "fail", "fire", "emit", "cancel", "cancel self", "subscribe", "close"]
)


class Spec(NamedTuple):
    """A subscriber, and what its handler does with an event."""

    pattern: str
    action: str
    topic: str  # for "fire" and "emit"
    whom: int  # for "cancel"
    priority: int
    once: bool
    on_worker: bool

    @property
    def emits(self) -> str | None:
        return self.topic if self.action == "emit" else None


specs = st.builds(
    Spec,
    patterns,
    actions,
    topics,
    st.integers(0, 5),
    st.integers(-1, 1),
    st.booleans(),
    st.just(False),
) | st.builds(
    Spec, patterns, st.just("note"), topics, st.just(0), st.just(0), st.booleans(), st.just(True)
)
NOTE = Spec("a", "note", "a", 0, 0, False, False)
Entry = tuple[int, str, int]  # subscriber, topic, depth


class Refused(Exception):
    """The model's bus is closed."""


class Broken(Exception):
    """A handler failed because it was asked to."""


class Model:
    def __init__(self) -> None:
        self.specs: list[Spec] = []
        self.active: set[int] = set()
        self.spent: set[int] = set()
        self.closed = False
        self.inline: list[Entry] = []
        self.worker: list[Entry] = []
        self.letters: deque[tuple[str, str]] = deque(maxlen=ek.EventBus().dead_letters.maxlen)

    def subscribe(self, spec: Spec) -> None:
        if self.closed:
            raise Refused
        self.active.add(len(self.specs))
        self.specs.append(spec)

    def cancel(self, whom: int) -> None:
        self.active.discard(whom % len(self.specs))

    def fire(self, topic: str, depth: int = 0) -> None:
        if self.closed:
            raise Refused
        route = [n for n in self.active if fits(self.specs[n].pattern, topic)]
        for n in sorted(route, key=lambda n: (-self.specs[n].priority, n)):
            if n not in self.spent:
                self.deliver(n, topic, depth)

    def deliver(self, n: int, topic: str, depth: int) -> None:
        spec = self.specs[n]
        if spec.once:
            self.spent.add(n)
            self.active.discard(n)
        try:
            if spec.on_worker and self.closed:
                raise Refused  # closed by a subscriber who got the event before this one
            (self.worker if spec.on_worker else self.inline).append((n, topic, depth))
            self.act(n, spec, depth)
        except (Broken, Refused) as error:
            self.letters.append((topic, type(error).__name__))
            if not topic.startswith("error.") and not self.closed:
                self.fire(f"error.{topic}", DEEPEST)

    def act(self, n: int, spec: Spec, depth: int) -> None:
        if spec.action == "fail":
            raise Broken
        if spec.action in ("fire", "emit") and depth < DEEPEST:
            self.fire(spec.topic, depth + 1)
        if spec.action == "cancel":
            self.cancel(spec.whom)
        if spec.action == "cancel self":
            self.cancel(n)
        if spec.action == "subscribe" and len(self.specs) < MOST:
            self.subscribe(NOTE)
        if spec.action == "close":
            self.closed = True


class Real:
    """The same on a bus."""

    def __init__(self) -> None:
        self.bus = ek.EventBus()
        self.executor = ek.Threads(1)
        self.subscriptions: list[ek.Subscription] = []
        self.inline: list[Entry] = []
        self.worker: list[Entry] = []

    @property
    def letters(self) -> list[tuple[str, str]]:
        names = {"BusClosed": "Refused"}
        kinds = [(one.event.topic, type(one.error).__name__) for one in self.bus.dead_letters]
        return [(topic, names.get(kind, kind)) for topic, kind in kinds]

    def subscribe(self, spec: Spec) -> None:
        n = len(self.subscriptions)

        def handler(event: ek.Event) -> int | None:
            depth = event.data if isinstance(event.data, int) else DEEPEST
            (self.worker if spec.on_worker else self.inline).append((n, event.topic, depth))
            return self.act(n, spec, depth)

        subscription = self.bus.subscribe(
            spec.pattern,
            handler,
            emits=spec.emits,
            priority=spec.priority,
            once=spec.once,
            executor=self.executor if spec.on_worker else None,
        )
        self.subscriptions.append(subscription)

    def act(self, n: int, spec: Spec, depth: int) -> int | None:
        if spec.action == "fail":
            raise Broken
        if spec.action == "fire" and depth < DEEPEST:
            self.bus.fire(spec.topic, depth + 1)
        if spec.action == "cancel":
            self.subscriptions[spec.whom % len(self.subscriptions)].cancel()
        if spec.action == "cancel self":
            self.subscriptions[n].cancel()
        if spec.action == "subscribe" and len(self.subscriptions) < MOST:
            self.subscribe(NOTE)
        if spec.action == "close":
            self.bus.close(LONG)
        return depth + 1 if spec.action == "emit" and depth < DEEPEST else None


def fits(pattern: str, topic: str) -> bool:
    words, parts = pattern.split("."), topic.split(".")
    if words[-1] == ">":
        return len(parts) >= len(words) and words[:-1] == parts[: len(words) - 1]
    return len(words) == len(parts) and all(
        w in ("*", p) for w, p in zip(words, parts, strict=True)
    )


class BusMachine(RuleBasedStateMachine):
    """Whatever is done to the bus is done to the model, and both must tell the same story."""

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("eventkit").disabled = True
        self.model = Model()
        self.real = Real()

    def both(self, model: Callable[[], object], real: Callable[[], object]) -> None:
        try:
            model()
        except Refused:
            with pytest.raises(ek.BusClosed):
                real()
        else:
            real()

    @rule(spec=specs)
    def subscribe(self, spec: Spec) -> None:
        if len(self.model.specs) < MOST:
            self.both(lambda: self.model.subscribe(spec), lambda: self.real.subscribe(spec))

    @precondition(lambda self: self.model.specs)
    @rule(whom=st.integers(0, 5))
    def cancel(self, whom: int) -> None:
        self.model.cancel(whom)
        self.real.subscriptions[whom % len(self.real.subscriptions)].cancel()

    @rule(topic=topics)
    def fire(self, topic: str) -> None:
        self.both(lambda: self.model.fire(topic), lambda: self.real.bus.fire(topic, 0))

    @rule()
    def drain(self) -> None:
        self.real.bus.drain(LONG)
        assert self.by_subscriber(self.real.worker) == self.by_subscriber(self.model.worker)

    @rule()
    def close(self) -> None:
        self.model.closed = True
        self.real.bus.close(LONG)

    @invariant()
    def they_tell_the_same_story(self) -> None:
        assert self.real.inline == self.model.inline
        assert self.real.letters == list(self.model.letters)
        assert len(self.real.bus._routing._order) == len(self.model.active)

    def teardown(self) -> None:
        self.real.bus.close(LONG)
        logging.getLogger("eventkit").disabled = False
        assert self.by_subscriber(self.real.worker) == self.by_subscriber(self.model.worker)

    def by_subscriber(self, entries: list[Entry]) -> list[Entry]:
        """Only each subscriber's own order is promised; sorting by number alone keeps it."""
        return sorted(entries, key=lambda entry: entry[0])


TestBus = BusMachine.TestCase
TestBus.settings = settings(stateful_step_count=25)
