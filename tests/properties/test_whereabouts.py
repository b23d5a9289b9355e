"""Where each event is at any time: as if the record were played back, stamp by stamp."""

from __future__ import annotations

import math
from array import array

from hypothesis import given, strategies as st

from eventkit import Event, Journey
from eventkit.lab.replay_view.positions import Place, Whereabouts

times = st.integers(0, 30)  # few, so that stamps coincide
FIELDS = ("fired", "queued", "started", "finished")
REACHED = dict(zip(FIELDS, (Place.BUS, Place.QUEUE, Place.WORK, Place.HANDLED), strict=True))


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    """One that has come some part of its way: in order, and now and then left out before it
    was begun, or due later than it was fired, as an event from another machine can be.
    """
    due, *stamps = sorted(draw(st.lists(times, min_size=5, max_size=5)))
    reached = draw(st.integers(1, 4))
    if draw(st.integers(0, 9)) == 0:
        due = draw(times)
    journey = Journey(Event("a", time=due), draw(st.sampled_from(["count", "show"])), stamps[0])
    for field, stamp in list(zip(FIELDS, stamps, strict=True))[1:reached]:
        setattr(journey, field, stamp)
    if journey.started is not None:
        journey.worker = draw(st.sampled_from(["threads-1", "threads-2", "threads-10"]))
    if journey.finished is not None:
        journey.outcome = draw(st.sampled_from(["ok", "failed"]))
    elif journey.started is None and draw(st.booleans()):
        journey.outcome = draw(st.sampled_from(["merged", "dropped", "abandoned"]))
        journey.left = stamps[reached - 1] + draw(times)
    return journey


@st.composite
def linked(draw: st.DrawFn) -> list[Journey]:
    """Journeys of which some are of the same event, or of one that another event caused."""
    record = draw(st.lists(journeys(), max_size=12))
    for place, journey in enumerate(record[1:], 1):
        other = record[draw(st.integers(0, place - 1))]
        kind = draw(st.sampled_from(["apart", "apart", "same", "caused"]))
        if kind == "same":
            journey.event, journey.fired = other.event, other.fired
        elif kind == "caused":
            journey.event = Event("b", time=journey.event.time, cause=other.event.id)
    return record


records = linked()


def steps(where: Whereabouts, record: list[Journey], index: int) -> list[tuple[int, Place]]:
    """When a journey gets to each place, by the rules of what is drawn."""
    journey, event = record[index], record[index].event
    mates = [at for at, other in enumerate(record) if other.event.id == event.id]
    begins = journey.fired
    if where.direct and journey.started is not None:
        begins = journey.started
    if event.cause is not None or any(where.levels[at] for at in mates):
        found = [(begins if where.direct else min(begins, event.time), Place.BUS)]
    elif index == mates[0]:
        found = [(event.time, Place.TRIGGER), (begins, Place.BUS)]
    else:
        found = [(begins, Place.BUS)]
    for field, place in list(REACHED.items())[1:]:
        stamp = getattr(journey, field)
        if stamp is not None and (place is not Place.QUEUE or where.queues):
            found.append((stamp, place))
    return found if journey.left is None else [*found, (journey.left, Place.LEFT_OUT)]


def played_back(record: list[Journey], where: Whereabouts, now: int) -> list[Place]:
    """Take every stamp in the order of time, and move its journey on, never back."""
    happenings = [
        (stamp, index, place)
        for index in range(len(record))
        for stamp, place in steps(where, record, index)
    ]
    places = [Place.TO_COME] * len(record)
    for stamp, index, place in sorted(happenings):
        if stamp - where.start > now:
            break
        if place is Place.HANDLED and record[index].outcome == "failed":
            place = Place.FAILED
        places[index] = max(places[index], place)
    return places


@given(records, st.integers(-1, 70))
def test_the_state_at_any_time_is_that_of_a_plain_replay(record: list[Journey], now: int) -> None:
    where = Whereabouts(record)
    assert where.at(now) == played_back(record, where, now)


@given(records)
def test_before_the_first_stamp_nobody_has_come_and_after_the_last_nothing_changes(
    record: list[Journey],
) -> None:
    where = Whereabouts(record)
    assert set(where.at(-1)) <= {Place.TO_COME}
    assert where.at(where.span) == where.at(where.span + 1_000)
    assert not record or where.at(0) != where.at(-1)


@given(records, st.integers(0, 70))
def test_nobody_goes_back(record: list[Journey], now: int) -> None:
    where = Whereabouts(record)
    assert all(a <= b for a, b in zip(where.at(now), where.at(now + 1), strict=True))


@given(records, st.integers(0, 70))
def test_the_rows_count_everybody_who_has_come(record: list[Journey], now: int) -> None:
    where = Whereabouts(record)
    came = sum(place is not Place.TO_COME for place in where.at(now))
    assert sum(int(count) for _, count, _ in where.rows(now)) == came
    calls = " calls" if len(set(where.numbers)) < len(record) else ""
    assert f"{came} of {len(record)}{calls} came" in where.says(now)


@given(records)
def test_a_record_that_grows_says_no_length(record: list[Journey]) -> None:
    where = Whereabouts(record)
    assert " of " in where.says(where.span).partition(":")[0]
    assert " of " not in where.says(where.span + 1).partition(":")[0]


@given(records)
def test_the_buffers_hold_every_stamp(record: list[Journey]) -> None:
    where = Whereabouts(record)
    stamps, marks = array("d", where.buffers()[0]), array("I", where.buffers()[1])
    assert len(stamps) == 6 * len(record) and len(marks) == 5 * len(record)
    for index, journey in enumerate(record):
        kept = list(stamps[index :: len(record)])
        assert kept == [math.inf if at is None else at for at in where.stamps[index][:6]]
        last = [journey.started, journey.finished, journey.left]
        assert kept[3:] == [math.inf if at is None else at - where.start for at in last]
        assert marks[4 * len(record) + index] == where.levels[index]
