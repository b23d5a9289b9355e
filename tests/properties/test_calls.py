"""How calls are nested and whether they queue: as the handlers of a real bus see it themselves."""

from __future__ import annotations

import threading
from typing import Any

from hypothesis import given, strategies as st

import eventkit as ek
from eventkit import Event, Journey
from eventkit.lab.replay_view import calls
from eventkit.lab.replay_view.positions import Place, Whereabouts

programs: st.SearchStrategy[list[Any]] = st.lists(
    st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=4
)


class Watched:
    """A bus whose handlers fire what an event's data says, and note how deep they are."""

    def __init__(self, executor: ek.Threads | None = None):
        self.bus = ek.EventBus()
        self.depths: dict[tuple[int, str], int] = {}
        self._here = threading.local()
        self.bus.subscribe("root", self.enter("root", self.fire), executor=executor)
        self.bus.subscribe("call", self.enter("call", self.fire), emits="result")
        self.bus.subscribe("call", self.enter("other", lambda event: None))
        self.bus.subscribe("result", self.enter("result", lambda event: None))

    def fire(self, event: Event) -> int:
        for inner in event.data:
            self.bus.fire("call", inner)
        return 1

    def enter(self, name: str, then: Any) -> Any:
        def handler(event: Event) -> Any:
            depth = getattr(self._here, "depth", 0)
            self._here.depth, self.depths[event.id, name] = depth + 1, depth
            try:
                return then(event)
            finally:
                self._here.depth = depth

        handler.__qualname__ = name
        return handler

    def run(self, program: list[Any]) -> list[Journey]:
        with self.bus, self.bus.record() as timeline:
            for one in program:
                self.bus.fire("root", one)
            self.bus.drain(20)
        return timeline.journeys()

    def seen(self, journeys: list[Journey]) -> list[int]:
        """How deep each call was. The bus fires a result before the call is over that returned it,
        and after its handler has noted its end.
        """
        return [
            self.depths[one.event.id, one.subscriber] + (one.subscriber == "result")
            for one in journeys
        ]


@given(programs)
def test_calls_are_as_deep_as_their_handlers_say_and_inline_nothing_queues(
    program: list[Any],
) -> None:
    watched = Watched()
    journeys = watched.run(program)

    assert calls.levels(journeys) == watched.seen(journeys)
    assert not calls.queues(journeys)
    where = Whereabouts(journeys)
    for now in range(0, where.span + 1, max(1, where.span // 50)):
        assert Place.QUEUE not in where.at(now)


@given(programs)
def test_on_threads_too(program: list[Any]) -> None:
    watched = Watched(ek.Threads(2))
    journeys = watched.run(program)

    assert calls.levels(journeys) == watched.seen(journeys)


@given(programs)
def test_at_the_trigger_an_event_is_one_dot_and_what_a_call_fires_is_none(
    program: list[Any],
) -> None:
    where = Whereabouts(Watched().run(program))
    for now in sorted({stamp for one in where.stamps for stamp in one[:6] if stamp is not None}):
        numbers = [n for n, at in zip(where.numbers, where.at(now), strict=True) if at == 1]
        assert len(numbers) <= 1


def journey(started: int, finished: int, event: Event) -> Journey:
    return Journey(event, "h", started, started, started, finished, "loop", "ok")


def test_on_a_loop_only_what_an_event_caused_is_inside_its_call() -> None:
    outer, result = Event("a", time=0), Event("b", time=1)
    late = Event("a", time=2)
    record = [journey(0, 10, outer), journey(1, 9, result), journey(2, 12, late)]
    assert calls.levels(record) == [0, 0, 0]

    record[1].event = Event("b", time=1, cause=outer.id)
    assert calls.levels(record) == [0, 1, 0]


def test_an_event_queues_if_its_worker_does_something_else_first() -> None:
    record = [journey(0, 5, Event("a", time=0)), journey(6, 9, Event("a", time=1))]
    assert not calls.queues(record)
    record[1].queued = 4
    assert calls.queues(record)
    record[1] = Journey(Event("a", time=1), "h", 1, 2)
    assert calls.queues(record)


def test_names_are_short_and_a_lambda_has_that_of_its_topic() -> None:
    named = [("Counter._count", "a"), ("<lambda>", "b"), ("One.show", "c"), ("Two.show", "c")]
    record = [Journey(Event(topic), name, 0) for name, topic in named]
    assert calls.names(record) == ["count", "lambda on b", "One.show", "Two.show"]
