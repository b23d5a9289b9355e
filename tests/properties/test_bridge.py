"""Whatever is fired on one bus in `outgoing` arrives once on the others that have it in `incoming`,
in order per publisher, and nothing else does.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import eventkit as ek
from eventkit.topics import matches
from tests import arbitrary
from tests.tiers import rounds

LONG = 30.0
WORDS = ["a", "b", "c"]
TOPICS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(".".join)
PATTERNS = st.lists(
    st.builds(
        lambda words, tail: ".".join([*words, *tail]),
        st.lists(st.sampled_from([*WORDS, "*"]), min_size=1, max_size=2),
        st.sampled_from([[], [">"]]),
    )
    | st.just(">"),
    max_size=3,
)
_prefixes = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ek.NatsServer]:
    with ek.NatsServer() as server:
        yield server


class Side:
    """A bus with publishers of its own, its patterns, and what has arrived on it."""

    def __init__(self, outgoing: list[str], incoming: list[str]) -> None:
        self.outgoing, self.incoming = outgoing, incoming
        self.bus = ek.EventBus()
        self.fired: list[list[tuple[str, str]]] = [[], []]
        self.arrived: list[tuple[str, str]] = []
        self.ends = threading.Semaphore(0)
        self.bus.subscribe(">", self._note)

    def _note(self, event: ek.Event) -> None:
        if not isinstance(event, ek.Arrived):
            return
        if event.topic == "end":
            self.ends.release()
        else:
            self.arrived.append((event.topic, event.data))

    def fire(self, publisher: int) -> None:
        for topic, name in self.fired[publisher]:
            self.bus.fire(topic, name)

    def expects_of(self, other: Side, publisher: int) -> list[tuple[str, str]]:
        return [
            (topic, name)
            for topic, name in other.fired[publisher]
            if any(matches(pattern, topic) for pattern in other.outgoing)
            and any(matches(pattern, topic) for pattern in self.incoming)
        ]


@settings(
    max_examples=rounds("EVENTKIT_BRIDGED", quick=20, long=60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    patterns=st.lists(st.tuples(PATTERNS, PATTERNS), min_size=2, max_size=3),
    topics=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), TOPICS), max_size=30),
)
def test_what_is_fired_arrives_once_and_in_order_and_nothing_else_does(
    server: ek.NatsServer,
    patterns: list[tuple[list[str], list[str]]],
    topics: list[tuple[int, int, str]],
) -> None:
    sides = [Side(["end", *outgoing], ["end", *incoming]) for outgoing, incoming in patterns]
    for number, (place, publisher, topic) in enumerate(topics):
        place %= len(sides)
        sides[place].fired[publisher].append((topic, f"{place}-{publisher}-{number}"))
    prefix = f"run{next(_prefixes)}"
    bridges = [
        ek.Bridge(side.bus, server.url, side.outgoing, side.incoming, prefix=prefix)
        for side in sides
    ]
    try:
        _fire_all(sides)
        for receiver in sides:
            for _ in range(len(sides) - 1):
                assert receiver.ends.acquire(timeout=LONG)
            _check(receiver, sides)
    finally:
        for bridge, side in zip(bridges, sides, strict=True):
            bridge.close()
            side.bus.close()


@pytest.mark.thorough
def test_arbitrary_events_that_the_sender_accepts_arrive_and_are_equal(
    server: ek.NatsServer,
) -> None:
    random = Random(16)
    number = rounds("EVENTKIT_ARBITRARY", quick=500, long=100_000)
    expected: list[ek.Event] = []
    arrived: list[ek.Event] = []
    last = threading.Event()
    with ek.EventBus() as here, ek.EventBus() as there:
        there.subscribe("a.b", arrived.append)
        there.subscribe("last", lambda _: last.set())
        with (
            ek.Bridge(here, server.url, [">"], prefix="arbitrary") as out,
            ek.Bridge(there, server.url, [], [">"], prefix="arbitrary", capacity=number) as into,
        ):
            for _ in range(number):
                event = arbitrary.event(random)
                if isinstance(event, ek.Event) and _is_accepted(here, event):
                    expected.append(event)
            here.fire("last")
            assert last.wait(LONG)
            out.flush(LONG)
            assert (out.refused, into.dropped, into.missed) == (0, 0, 0)
    assert len(arrived) == len(expected) > number // 10
    for came, sent in zip(arrived, expected, strict=True):
        assert isinstance(came, ek.Arrived)
        assert (came.original.id, came.key) == (str(sent.id), sent.key)
        assert came.data == arbitrary.as_read(sent.data)


def _is_accepted(bus: ek.EventBus, event: ek.Event) -> bool:
    try:
        bus.publish(event)
    except (TypeError, ValueError):
        return False
    is_refused = bool(bus.dead_letters)
    bus.dead_letters.clear()
    return not is_refused


def _fire_all(sides: list[Side]) -> None:
    publishers = [
        threading.Thread(target=side.fire, args=(place,)) for side in sides for place in (0, 1)
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    for side in sides:
        side.bus.fire("end")


def _check(receiver: Side, sides: list[Side]) -> None:
    expected: list[tuple[str, str]] = []
    for place, sender in enumerate(sides):
        for publisher in (0, 1):
            if sender is not receiver:
                of_this_one = receiver.expects_of(sender, publisher)
                mine = f"{place}-{publisher}-"
                assert [one for one in receiver.arrived if one[1].startswith(mine)] == of_this_one
                expected += of_this_one
    assert sorted(receiver.arrived) == sorted(expected)
