"""What it costs to make an event and to call those who listen, beside peers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter, perf_counter_ns
from typing import Any

import eventkit as ek

from . import peers
from .comparing import Row, Timed, compare, statement

_SHARES = {0: 1.05, 1: 0.8, 10: 0.98, 100: 1.0}
_BARE = "for f in handlers: f(event)"
_PATTERNS = 1_000


def measure(quick: bool) -> list[Row]:
    rounds = 5 if quick else 61
    number = 200 if quick else 5_000
    rows = []
    for listeners in _SHARES:
        rows += _publish(listeners, rounds, max(number // max(listeners, 1), 50))
    rows += _fire_and_record(rounds, number)
    rows += _make_an_event(rounds, number)
    rows += _topics(rounds, number // 100, 10_000 if quick else 100_000)
    rows += _patterns(rounds, number)
    rows += _new_topics(rounds, 20 if quick else 100)
    return rows


def _publish(listeners: int, rounds: int, number: int) -> list[Row]:
    event = ek.Event("bench.topic")
    candidates: dict[str, Timed | str] = {
        "bare loop": _bare_loop(listeners, number),
        "eventkit": statement("bus.publish(event)", number, bus=_bus(listeners), event=event),
    }
    for name, publisher in peers.publishers(listeners).items():
        if isinstance(publisher, str):
            candidates[name] = publisher
        else:
            code, names = publisher
            candidates[name] = statement(code, number, event=event, **names)
    named = {0: "nobody", 1: "1 listener"}.get(listeners, f"{listeners} listeners")
    return compare(f"publish to {named}", candidates, rounds=rounds, of_best=_SHARES[listeners])


def _fire_and_record(rounds: int, number: int) -> list[Row]:
    """Event made, numbered, stamped, delivered; and a ready event with every stage recorded."""
    bare = _bare_loop(1, number)
    fire = statement("bus.fire('bench.topic', 1)", number, bus=_bus(1))
    event = ek.Event("bench.topic")
    with _bus(1) as bus, bus.record():
        candidates: dict[str, Timed | str] = {
            "bare loop": bare,
            "eventkit": statement("bus.publish(event)", number, bus=bus, event=event),
        }
        return [
            *compare("fire", {"bare loop": bare, "eventkit": fire}, rounds=rounds, goal=5.0),
            *compare("publish, all recorded", candidates, rounds=rounds, goal=16.0),
        ]


def _make_an_event(rounds: int, number: int) -> list[Row]:
    """All of them hold the same six things, the number and the time made anew for each."""
    names: dict[str, Any] = {
        "Event": ek.Event,
        "Dataclass": FrozenDataclass,
        "next_id": itertools.count(1).__next__,
        "perf_counter_ns": perf_counter_ns,
    }
    return compare(
        "make an event",
        {
            "bare tuple": statement(
                "('bench.topic', 1, next_id(), perf_counter_ns(), None, None)", number, **names
            ),
            "eventkit": statement("Event('bench.topic', 1)", number, **names),
            "slotted dataclass": statement("Dataclass('bench.topic', 1)", number, **names),
        },
        rounds=rounds,
    )


def _topics(rounds: int, number: int, most: int) -> list[Row]:
    """As many different topics are published in each case, spread over all there are."""

    def spread_over(topics: int) -> Timed:
        bus = ek.EventBus()
        for topic in range(topics):
            bus.subscribe(f"bench.{topic}", lambda event: None)
        some = [ek.Event(f"bench.{topic}") for topic in range(0, topics, topics // 100)]
        names = {"publish": bus.publish, "some": some}
        return statement("for event in some: publish(event)", number, events=len(some), **names)

    return compare(
        f"publish to 100 of {most:,} topics",
        {"eventkit, of 100 topics": spread_over(100), "eventkit": spread_over(most)},
        rounds=rounds,
        goal=1.05,
    )


def _patterns(rounds: int, number: int) -> list[Row]:
    with ExitStack() as stack:
        bus = stack.enter_context(_bus_with_patterns())
        candidates: dict[str, Timed | str] = {
            "bare loop": _bare_loop(1, number),
            "eventkit": statement(
                "bus.publish(event)", number, bus=bus, event=ek.Event("bench.500.known")
            ),
        }
        hub = _hub_with_patterns()
        if isinstance(hub, str):
            candidates["aiopubsub"] = hub
        else:
            publish, key = hub
            candidates["aiopubsub"] = statement(
                "publish(key, 1)", number, publish=publish, key=key("known")
            )
        return compare(
            f"publish to {_PATTERNS:,} patterns", candidates, rounds=rounds, of_best=0.75
        )


def _new_topics(rounds: int, number: int) -> list[Row]:
    """No topic is ever published twice."""
    bus = _bus_with_patterns()
    serial = itertools.count()

    def eventkit() -> float:
        events = [ek.Event(f"bench.500.new{next(serial)}") for _ in range(number)]
        return _seconds_each(bus.publish, [(event,) for event in events])

    candidates: dict[str, Timed | str] = {"bare loop": _bare_loop(1, 1_000), "eventkit": eventkit}
    hub = _hub_with_patterns()
    if isinstance(hub, str):
        candidates["aiopubsub"] = hub
    else:
        publish, key = hub
        few = max(number // 20, 1)
        candidates["aiopubsub"] = lambda: _seconds_each(
            publish, [(key(f"new{next(serial)}"), 1) for _ in range(few)]
        )
    return compare("the same, topics never seen before", candidates, rounds=rounds, of_best=0.01)


def _bare_loop(listeners: int, number: int) -> Timed:
    return statement(_BARE, number, handlers=peers.handlers(listeners), event=ek.Event("bench"))


def _bus(listeners: int) -> ek.EventBus:
    bus = ek.EventBus()
    for handler in peers.handlers(listeners):
        bus.subscribe("bench.topic", handler)
    return bus


def _bus_with_patterns() -> ek.EventBus:
    bus = ek.EventBus()
    for number in range(_PATTERNS):
        bus.subscribe(f"bench.{number}.*", lambda event: None)
    return bus


def _hub_with_patterns() -> tuple[Callable[..., None], Callable[[str], Any]] | str:
    """How aiopubsub publishes and makes a key; or why it cannot."""
    try:
        from aiopubsub import Hub, Key, Subscriber
    except ImportError as problem:
        return str(problem)
    hub = Hub()
    subscriber = Subscriber(hub, "subscriber")
    for number in range(_PATTERNS):
        subscriber.add_sync_listener(Key("bench", str(number), "*"), lambda key, message: None)
    return hub.publish, lambda word: Key("bench", "500", word)


def _seconds_each(call: Callable[..., None], arguments: list[tuple[Any, ...]]) -> float:
    start = perf_counter()
    for each in arguments:
        call(*each)
    return (perf_counter() - start) / len(arguments)


@dataclass(frozen=True, slots=True)
class FrozenDataclass:
    topic: str
    data: Any = None
    id: int = field(default_factory=itertools.count(1).__next__)
    time: int = field(default_factory=perf_counter_ns)
    key: str | None = None
    cause: int | None = None
