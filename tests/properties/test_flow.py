"""Each flow does what a slow and obvious model of it does, on a clock that is moved by hand; and no
stretch of time sees more pass than a token bucket promises.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

from hypothesis import given, strategies as st

import eventkit as ek
from eventkit.flow import Flow

Came = list[tuple[int, int]]  # (time, number), in the order in which they came
Out = list[tuple[int, Any]]

gaps = st.lists(st.integers(0, 5), max_size=30)
lengths = st.integers(1, 6)


def arrivals(gaps: list[int]) -> Came:
    return [(time, number) for number, time in enumerate(itertools.accumulate(gaps))]


def let_out(flow: Flow, came: Came, key: Callable[[int], str | None] = lambda number: None) -> Out:
    """What comes out of a flow, and when. A time unit is a second."""
    clock, out = flow.clock, Out()
    assert isinstance(clock, ek.ManualClock)
    stage = flow.start(lambda event: out.append((round(clock.now), event.data)))
    for time, number in came:
        clock.advance_to(time)
        stage.put(ek.Event("t", number, key=key(number)))
    clock.advance(1000)
    assert stage.waiting == 0
    assert stage.wait_idle(0)
    assert not stage._lines
    return out


def moments(came: Came) -> range:
    return range(max((time for time, _ in came), default=0) + 100)


def at(came: Came, now: int) -> list[int]:
    return [number for time, number in came if time == now]


# The models go through every moment there is: first what is due, then what comes.


def coalesced(came: Came, interval: int) -> Out:
    out, begun, seen = Out(), None, list[int]()
    for now in moments(came):
        if begun is not None and now == begun + interval:
            out.append((now, seen[-1]))
            begun, seen = None, []
        for number in at(came, now):
            begun = now if begun is None else begun
            seen.append(number)
    return out


def debounced(came: Came, wait: int, leading: bool, trailing: bool, max_wait: int | None) -> Out:
    out, last, waiting = Out(), None, Came()
    for now in moments(came):
        is_quiet = last is not None and now == last + wait
        is_late = bool(waiting) and max_wait is not None and now == waiting[0][0] + max_wait
        if waiting and (is_quiet or is_late):
            out.append((now, waiting[-1][1]))
            waiting = []
        if is_quiet:
            last = None
        for number in at(came, now):
            if last is None and leading:
                out.append((now, number))
            elif trailing:
                waiting.append((now, number))
            last = now
    return out


def throttled(came: Came, interval: int, leading: bool, trailing: bool) -> Out:
    out, begun, newest = Out(), None, None
    for now in moments(came):
        if begun is not None and now == begun + interval:
            begun = None
            if newest is not None:
                out.append((now, newest))
                begun, newest = now, None
        for number in at(came, now):
            if begun is None:
                begun = now
                if leading:
                    out.append((now, number))
                else:
                    newest = number
            elif trailing:
                newest = number
    return out


def batched(came: Came, size: int, within: int) -> Out:
    out, waiting = Out(), Came()
    for now in moments(came):
        if waiting and now == waiting[0][0] + within:
            out.append((now, [number for _, number in waiting]))
            waiting = []
        for number in at(came, now):
            waiting.append((now, number))
            if len(waiting) == size:
                out.append((now, [number for _, number in waiting]))
                waiting = []
    return out


def metered(came: Came, gap: int, burst: int, wait: float) -> Out:
    """A bucket of real tokens: one more every `gap` moments after the first is taken from it."""
    out, line = Out(), list[int]()
    tokens, since = burst, 0  # `since`: when the token that is being made was begun
    for now in moments(came):
        if tokens < burst and now == since + gap:
            tokens, since = tokens + 1, now
        while line and tokens:
            out.append((now, line.pop(0)))
            since = now if tokens == burst else since
            tokens -= 1
        for number in at(came, now):
            if not line and tokens:
                out.append((now, number))
                since = now if tokens == burst else since
                tokens -= 1
            elif since + gap - now + len(line) * gap <= wait:
                line.append(number)
    return out


@given(gaps, lengths)
def test_coalesce(gaps: list[int], interval: int) -> None:
    came = arrivals(gaps)
    flow = ek.Coalesce(interval, clock=ek.ManualClock())
    assert let_out(flow, came) == coalesced(came, interval)


@given(gaps, lengths)
def test_coalesce_with_merge_loses_nothing(gaps: list[int], interval: int) -> None:
    came = arrivals(gaps)
    events = [ek.Event("t", [number]) for _, number in came]
    clock = ek.ManualClock()
    out: list[ek.Event] = []
    stage = ek.Coalesce(interval, merge=operator.add, clock=clock).start(out.append)
    for (time, _), event in zip(came, events, strict=True):
        clock.advance_to(time)
        stage.put(event)
    stage.close()
    assert [number for event in out for number in event.data] == [number for _, number in came]
    assert [event.time for event in out] == [events[event.data[0]].time for event in out]


@given(gaps, lengths, st.sampled_from([(False, True), (True, True), (True, False)]),
       st.none() | st.integers(0, 6))  # fmt: skip
def test_debounce(gaps: list[int], wait: int, edges: tuple[bool, bool], more: int | None) -> None:
    came, (leading, trailing) = arrivals(gaps), edges
    max_wait = None if more is None or not trailing else wait + more
    flow = ek.Debounce(
        wait, leading=leading, trailing=trailing, max_wait=max_wait, clock=ek.ManualClock()
    )
    assert let_out(flow, came) == debounced(came, wait, leading, trailing, max_wait)


@given(gaps, lengths, st.sampled_from([(False, True), (True, True), (True, False)]))
def test_throttle(gaps: list[int], interval: int, edges: tuple[bool, bool]) -> None:
    came, (leading, trailing) = arrivals(gaps), edges
    flow = ek.Throttle(interval, leading=leading, trailing=trailing, clock=ek.ManualClock())
    out = let_out(flow, came)
    assert out == throttled(came, interval, leading, trailing)
    assert all(later - sooner >= interval for (sooner, _), (later, _) in itertools.pairwise(out))


@given(gaps, lengths, lengths)
def test_batch(gaps: list[int], size: int, within: int) -> None:
    came = arrivals(gaps)
    out = let_out(ek.Batch(size, within, clock=ek.ManualClock()), came)
    assert [(time, [e.data for e in events]) for time, events in out] == batched(came, size, within)


@given(gaps, st.sampled_from([1, 2, 4, 5]), lengths, st.sampled_from([0, 1, 3, 10, math.inf]))
def test_token_bucket(gaps: list[int], gap: int, burst: int, wait: float) -> None:
    came = arrivals(gaps)
    flow = ek.TokenBucket(1 / gap, burst, wait=wait, clock=ek.ManualClock())
    out = let_out(flow, came)
    assert out == metered(came, gap, burst, wait)
    assert flow.refused == len(came) - len(out)


@given(gaps, st.sampled_from("CDT"), st.lists(st.sampled_from("ab"), min_size=31, max_size=31))
def test_a_key_knows_nothing_of_another(gaps: list[int], kind: str, keys: list[str]) -> None:
    came = arrivals(gaps)
    makers: dict[str, Callable[[], Flow]] = {
        "C": lambda: ek.Coalesce(3, clock=ek.ManualClock()),
        "D": lambda: ek.Debounce(3, leading=True, max_wait=5, clock=ek.ManualClock()),
        "T": lambda: ek.Throttle(3, clock=ek.ManualClock()),
    }
    together = let_out(makers[kind](), came, lambda number: keys[number])
    for key in "ab":
        alone = [one for one in came if keys[one[1]] == key]
        mine = [one for one in together if keys[one[1]] == key]
        assert mine == let_out(makers[kind](), alone)


@given(gaps, st.sampled_from("CDTB"))
def test_nothing_is_lost_at_the_end(gaps: list[int], kind: str) -> None:
    """What waits when a stage is closed comes out, and what does not come out was counted."""
    clock = ek.ManualClock()
    makers: dict[str, Callable[[], Flow]] = {
        "C": lambda: ek.Coalesce(4, clock=clock),
        "D": lambda: ek.Debounce(4, leading=True, clock=clock),
        "T": lambda: ek.Throttle(4, trailing=False, clock=clock),
        "B": lambda: ek.Batch(4, 4, clock=clock),
    }
    flow = makers[kind]()
    out: list[ek.Event] = []
    stage = flow.start(out.append)
    for time, number in arrivals(gaps):
        clock.advance_to(time)
        stage.put(ek.Event("t", number))
    assert stage.close() == []
    assert len(out) + stage.merged + stage.dropped == len(gaps)


# Quotas: the moments at which events passed, against the promise for every stretch of time

nanoseconds = st.lists(st.integers(0, 3_000_000_000) | st.integers(0, 3), max_size=60)
rates = st.floats(0.01, 1e9) | st.integers(1, 1000)


def keeps_promise(passed: list[int], rate: float, burst: int) -> bool:
    """Whether in every stretch, from one event to another, at most rate·t + burst passed."""
    return all(
        later - sooner + 1 <= rate * ((passed[later] - passed[sooner]) / 1e9) + burst + 1e-6
        for sooner in range(len(passed))
        for later in range(sooner, len(passed))
    )


@given(nanoseconds, rates, st.integers(1, 8))
def test_no_stretch_sees_more_than_the_rate_and_one_burst(
    gaps: list[int], rate: float, burst: int
) -> None:
    clock = ek.ManualClock()
    bucket = ek.TokenBucket(rate, burst, clock=clock)
    passed = []
    for gap in gaps:
        clock._now += gap
        if bucket.try_take():
            passed.append(clock.now_ns())
    assert keeps_promise(passed, rate, burst)
    assert not gaps or passed


@given(nanoseconds, st.integers(1, 1000), st.integers(1, 8))
def test_whoever_waits_as_told_keeps_to_the_quota(gaps: list[int], rate: int, burst: int) -> None:
    clock = ek.ManualClock()
    bucket = ek.TokenBucket(rate, burst, clock=clock)
    passed = []
    for gap in gaps:
        clock._now += gap
        passed.append(clock.now_ns() + round(bucket.take() * 1e9))
    assert passed == sorted(passed)
    assert keeps_promise(passed, rate, burst)


@given(
    st.lists(st.tuples(st.integers(0, 3_000_000_000), st.booleans()), max_size=60),
    st.integers(1, 10), st.integers(1, 5),
)  # fmt: skip
def test_a_clock_that_calls_late_makes_no_burst(
    steps: list[tuple[int, bool]], rate: int, burst: int
) -> None:
    clock, passed = ek.ManualClock(), list[int]()
    bucket = ek.TokenBucket(rate, burst, wait=math.inf, clock=clock)
    stage = bucket.start(lambda event: passed.append(clock.now_ns()))
    for gap, is_late in steps:
        if is_late:
            clock._now += gap  # time goes by, and nobody is called
        else:
            clock._move(clock._now + gap)
        stage.put(ek.Event("t"))
    clock.advance(1000)
    assert len(passed) == len(steps)
    assert keeps_promise(passed, rate, burst)


def test_the_promise_is_broken_by_a_fixed_window() -> None:
    """Ten a second, counted afresh each second: twenty pass within a fifth of one."""
    passed = [900_000_000 + n for n in range(10)] + [1_100_000_000 + n for n in range(10)]
    assert not keeps_promise(passed, rate=10, burst=10)
