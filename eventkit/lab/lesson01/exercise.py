"""Lesson 01: build a bus of your own and compare it with eventkit's."""

# Learners write this class, and need no annotations for it.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,var-annotated"

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import eventkit as ek

from ..course.exercise import Exercise, Wrong, attempted


class OwnBus:
    """Delivers each event to the handlers of its topic, one after another."""

    def __init__(self):
        self.handlers = {}  # topic -> its handlers
        self.failures = []  # what handlers raised

    def subscribe(self, topic, handler):
        """Have `handler(event)` called for each event on this topic. Returns a
        function that ends it, and that does nothing when called again. Both
        count from the next event on, also when called inside a handler.
        """
        # solution begins
        known = self.handlers.get(topic, ())

        def mine(event):  # of this subscription alone: a handler may have two
            handler(event)

        def cancel():
            self.handlers[topic] = tuple(one for one in self.handlers[topic] if one is not mine)

        self.handlers[topic] = (*known, mine)
        return cancel
        # solution ends

    def fire(self, topic, data=None):
        """Make an `ek.Event(topic, data)`, give this one event to each handler
        of the topic, in the order of subscribing, and return it. A handler
        that raises stops nobody; what it raised is kept in `failures`.
        """
        # solution begins
        event = ek.Event(topic, data)
        for handler in self.handlers.get(topic, ()):
            try:
                handler(event)
            except Exception as error:
                self.failures.append(error)
        return event
        # solution ends


class _Eventkit:
    """eventkit's bus with the learner's few methods, as the standard of comparison."""

    def __init__(self) -> None:
        self._bus = ek.EventBus()
        self.fire = self._bus.fire

    def subscribe(self, topic: str, handler: Callable[[ek.Event], Any]) -> Callable[[], None]:
        return self._bus.subscribe(topic, handler).cancel

    @property
    def failures(self) -> list[BaseException]:
        return [letter.error for letter in self._bus.dead_letters]


# Each scenario returns what happened on a bus. What happens on eventkit's bus is right.


def _unheard(bus: Any) -> list[str]:
    bus.fire("door.opened")
    return ["fire returned"]


def _one_each(bus: Any) -> list[str]:
    heard: list[str] = []
    bus.subscribe("click", lambda event: heard.append(f"{event.topic} {event.data}"))
    event = bus.fire("click", 1)
    return [*heard, f"fire returned the event on {event.topic!r}"]


def _two_topics(bus: Any) -> list[str]:
    heard: list[str] = []
    bus.subscribe("click", lambda event: heard.append("click's handler"))
    bus.subscribe("door.opened", lambda event: heard.append("door's handler"))
    bus.fire("click")
    return heard


def _two_handlers(bus: Any) -> list[str]:
    heard: list[str] = []
    for name in ("first", "second", "third"):
        bus.subscribe("click", lambda event, name=name: heard.append(name))
    bus.fire("click")
    return heard


def _all_there(bus: Any) -> list[str]:
    return sorted(_two_handlers(bus))


def _same_event(bus: Any) -> list[str]:
    got: list[object] = []
    bus.subscribe("click", got.append)
    bus.subscribe("click", got.append)
    fired = bus.fire("click", 1)
    return [f"the same event: {one is fired}" for one in got]


def _one_raises(bus: Any) -> list[str]:
    heard: list[str] = []
    bus.subscribe("click", partial(_raise, "broken"))
    bus.subscribe("click", lambda event: heard.append("second"))
    try:
        bus.fire("click")
    except Exception as error:
        heard.append(f"fire raised {error!r}")
    return heard


def _failures(bus: Any) -> list[str]:
    bus.subscribe("click", partial(_raise, "broken"))
    bus.fire("click")
    bus.fire("click")
    return [repr(error) for error in bus.failures]


def _subscribes_in_handler(bus: Any) -> list[str]:
    heard: list[str] = []
    bus.subscribe(
        "click", lambda event: bus.subscribe("click", lambda event: heard.append("newcomer"))
    )
    bus.fire("click")
    return heard


def _cancels_in_handler(bus: Any) -> list[str]:
    heard: list[str] = []
    cancel: Callable[[], None]
    bus.subscribe("click", lambda event: cancel())
    cancel = bus.subscribe("click", lambda event: heard.append("cancelled one"))
    bus.subscribe("click", lambda event: heard.append("neighbour"))
    bus.fire("click")
    bus.fire("click")
    return heard


def _cancels_itself(bus: Any) -> list[str]:
    heard: list[str] = []
    cancel: Callable[[], None]
    cancel = bus.subscribe("click", lambda event: cancel())
    bus.subscribe("click", lambda event: heard.append("neighbour"))
    bus.fire("click")
    return heard


def _subscribes_twice(bus: Any) -> list[str]:
    heard: list[str] = []

    def twice(event: ek.Event) -> None:
        heard.append("subscribed twice")

    bus.subscribe("click", twice)
    bus.subscribe("click", lambda event: heard.append("neighbour"))
    cancel = bus.subscribe("click", twice)
    cancel()
    cancel()
    bus.fire("click")
    return heard


def _nested(bus: Any) -> list[str]:
    heard: list[str] = []
    bus.subscribe("click", lambda event: bus.fire("changed"))
    bus.subscribe("click", lambda event: heard.append("click"))
    bus.subscribe("changed", lambda event: heard.append("changed"))
    bus.fire("click")
    return heard


def _raise(text: str, event: ek.Event) -> None:
    raise RuntimeError(text)


CASES: list[tuple[Callable[[Any], list[str]], str, str]] = [
    (
        _unheard,
        "fire on a topic without subscribers",
        "an event without a listener is no error. The code that fires need not know who listens",
    ),
    (
        _one_each,
        "one handler, one event",
        "a handler is called with the event, and fire returns it",
    ),
    (
        _two_topics,
        "two topics with a handler each; fire on click",
        "an event goes to the handlers of exactly its topic. A handler that gets everything has to "
        "sort out what it never asked for",
    ),
    (
        _all_there,
        "three handlers on one topic; fire once",
        "a topic has any number of handlers, and each gets the event. If the last one to "
        "subscribe replaces those before it, a listener goes deaf without a warning",
    ),
    (
        _two_handlers,
        "three handlers on one topic; fire once",
        "handlers are called in the order in which they subscribed",
    ),
    (
        _same_event,
        "two handlers on one topic; fire once",
        "each fire makes one event, and all handlers get that very object. Each copy would have "
        "its own id and time, as if the event had happened twice",
    ),
    (
        _one_raises,
        "the first of two handlers raises",
        "one handler that raises stops no other handler, and its exception does not reach the code "
        "that fired. A bus does not isolate failures by itself: a try around each single call does",
    ),
    (
        _failures,
        "a handler raises on two events",
        "`failures` must hold every exception that a handler raised, in order. A failure that is "
        "caught and dropped is worse than a crash: you will never know of it",
    ),
    (
        _nested,
        "the first handler of click fires changed; then fire click",
        "fire is a call, and returns when its handlers have run, also inside a handler: first "
        "everything about changed, then the rest of click. A bus that puts events aside for "
        "later is a queue, which is something else",
    ),
    (
        _subscribes_in_handler,
        "a handler subscribes another one to the same topic; fire once",
        "a handler that subscribes during an event gets the next event, not this one. Your loop "
        "walks the very list that is being added to",
    ),
    (
        _cancels_itself,
        "the first of two handlers cancels itself; fire once",
        "the neighbour missed its event. Your loop walks the very list that is being taken from: "
        "the remaining handlers move up one place, and the loop skips the next one",
    ),
    (
        _cancels_in_handler,
        "the first of three handlers cancels the second; fire twice",
        "a handler that is cancelled during an event still gets that one, and none after it",
    ),
    (
        _subscribes_twice,
        "the first of three handlers is the third as well; cancel the third, twice; fire once",
        "cancelling ends one subscription, its own, and doing it again does nothing. A handler can "
        "have two, so looking for the handler may find the other one",
    ),
]


def diagnose(bus_class: Callable[[], Any]) -> str | None:
    probe = bus_class()
    attempted(probe.subscribe("click", lambda event: None))
    attempted(probe.fire("click"))
    for scenario, given, meaning in CASES:
        try:
            got = scenario(bus_class())
        except Exception as error:
            got = [f"{type(error).__name__}: {error}"]
        with _quietly():
            expected = scenario(_Eventkit())
        if got != expected:
            return (
                f"{meaning}.\n  {given}.\n  Your bus: {_list(got)}\n  eventkit: {_list(expected)}"
            )
    return None


def _list(heard: list[str]) -> str:
    return ", ".join(heard) or "nothing"


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence the log: failures are part of the scenario."""
    log = logging.getLogger("eventkit")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


# Wrong answers, each for one belief.


class _OneHandlerPerTopic(OwnBus):
    def subscribe(self, topic, handler):
        self.handlers[topic] = (handler,)
        return lambda: self.handlers.pop(topic, None)


class _EveryTopic(OwnBus):
    def subscribe(self, topic, handler):
        for known in ("click", "door.opened", "changed"):
            self.handlers[known] = (*self.handlers.get(known, ()), handler)
        return lambda: None


class _MustBeWanted(OwnBus):
    def fire(self, topic, data=None):
        self.handlers[topic]
        return super().fire(topic, data)


class _LastFirst(OwnBus):
    def subscribe(self, topic, handler):
        self.handlers[topic] = (handler, *self.handlers.get(topic, ()))
        return lambda: None


class _CopyForEach(OwnBus):
    def fire(self, topic, data=None):
        for handler in self.handlers.get(topic, ()):
            handler(ek.Event(topic, data))
        return ek.Event(topic, data)


class _FirstFailureStops(OwnBus):
    def fire(self, topic, data=None):
        event = ek.Event(topic, data)
        for handler in self.handlers.get(topic, ()):
            handler(event)
        return event


class _TryAroundTheLoop(OwnBus):
    def fire(self, topic, data=None):
        event = ek.Event(topic, data)
        try:
            for handler in self.handlers.get(topic, ()):
                handler(event)
        except Exception as error:
            self.failures.append(error)
        return event


class _Swallows(OwnBus):
    def fire(self, topic, data=None):
        event = super().fire(topic, data)
        self.failures.clear()
        return event


class _Queues(OwnBus):
    def __init__(self):
        super().__init__()
        self.waiting = []
        self.busy = False

    def fire(self, topic, data=None):
        event = ek.Event(topic, data)
        self.waiting.append(event)
        while self.waiting and not self.busy:
            self.busy = True
            self._deliver(self.waiting.pop(0))
            self.busy = False
        return event

    def _deliver(self, event):
        for handler in self.handlers.get(event.topic, ()):
            try:
                handler(event)
            except Exception as error:
                self.failures.append(error)


class _LiveList(OwnBus):
    def subscribe(self, topic, handler):
        handlers = self.handlers.setdefault(topic, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler)


class _LiveListOnCancel(OwnBus):
    """Copies the list on subscribe, but removes from the list that is being walked."""

    def subscribe(self, topic, handler):
        self.handlers[topic] = [*self.handlers.get(topic, ()), handler]
        return lambda: self.handlers[topic].remove(handler)


class _NeverCancels(OwnBus):
    def subscribe(self, topic, handler):
        super().subscribe(topic, handler)
        return lambda: None


class _RemovesByHandler(OwnBus):
    def subscribe(self, topic, handler):
        self.handlers[topic] = (*self.handlers.get(topic, ()), handler)

        def cancel():
            left = list(self.handlers[topic])
            if handler in left:
                left.remove(handler)
            self.handlers[topic] = tuple(left)

        return cancel


exercise = Exercise(
    name="own_bus",
    solution=OwnBus,
    diagnose=diagnose,
    hints=(
        "A dict from topic to its handlers is all the state that a bus needs. What should `fire` "
        "do when the topic is not in it?",
        "The try belongs inside the loop, around one call. And walk over something that nobody "
        "changes meanwhile: a tuple that is replaced rather than a list that is appended to.",
        "In subscribe: wrap the handler in a function of this subscription's own, `mine`. Then "
        "`self.handlers[topic] = (*self.handlers.get(topic, ()), mine)`, and "
        "return a function that puts a tuple without `mine` in its place. In fire: "
        "`for handler in self.handlers.get(topic, ()):` and inside it "
        "`try: handler(event)` and `except Exception as error: self.failures.append(error)`.",
    ),
    praise="In every case it does what eventkit's does. There is no magic in a bus: a "
    "dict, a loop, and a try in the right place.",
    wrong=[
        Wrong("every event needs a listener", _MustBeWanted, "no error"),
        Wrong("a topic has a handler", _OneHandlerPerTopic, "goes deaf"),
        Wrong("a bus tells everyone everything", _EveryTopic, "exactly its topic"),
        Wrong("the order does not matter", _LastFirst, "in the order in which"),
        Wrong("each listener gets an event", _CopyForEach, "that very object"),
        Wrong("a bus isolates by itself", _FirstFailureStops, "stops no other handler"),
        Wrong("one try is enough", _TryAroundTheLoop, "around each single call"),
        Wrong("caught is dealt with", _Swallows, "caught and dropped"),
        Wrong("a bus is asynchronous", _Queues, "a queue"),
        Wrong("a loop sees a list as it was", _LiveList, "being added to"),
        Wrong("removing one disturbs no other", _LiveListOnCancel, "being taken from"),
        Wrong("a handler never leaves", _NeverCancels, "none after it"),
        Wrong("a handler subscribes once", _RemovesByHandler, "ends one subscription, its own"),
    ],
)
