"""Lesson 06: repair a benchmark that hides a stall."""

# mypy: disable-error-code="no-untyped-def"
# What learners start from has no annotations: their notebook does not know these names.

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import eventkit as ek

from ...timeline import percentile
from ..course.exercise import Exercise, Wrong, attempted

SERVICE = 0.010


class Server:
    """A server with its own clock, `now` in seconds, which only its methods move.

    A request takes 10 ms. At `stall` seconds the server stops for `length` seconds.
    """

    def __init__(self, stall: float = math.inf, length: float = 0.0):
        self.now = 0.0
        self.sent = 0
        self._stall = stall
        self._length = length

    def wait_until(self, moment: float) -> None:
        """Move the clock to `moment`; do nothing if that has passed."""
        self.now = max(self.now, moment)

    def call(self) -> None:
        """Send a request and wait for its answer."""
        self.sent += 1
        self.now += SERVICE
        if self.now > self._stall:
            self.now += self._length
            self._stall = math.inf


Benchmark = Callable[[Server, Sequence[float], float], float]


def hides(server: Server, due: Sequence[float], rank: float) -> float:
    """The benchmark to repair. It looks sound."""
    times = []
    for _ in due:
        sent = server.now
        server.call()
        times.append(server.now - sent)
    return statistics.mean(times)


def benchmark(server, due, rank):
    """The response time that `rank` per cent of the users' requests did not exceed, in seconds.

    `due` are the moments, ascending, at which users want an answer. `server.wait_until(moment)`
    waits for one, `server.call()` sends a request and waits for its answer, and `server.now` is
    the clock. `ek.percentile(times, rank)` is the percentile.
    """
    # solution begins
    times = []
    for moment in due:
        server.wait_until(moment)
        server.call()
        times.append(server.now - moment)
    return ek.percentile(times, rank)
    # solution ends


class Case(NamedTuple):
    """A load to try a benchmark on, in words and in numbers."""

    words: str
    gap: float
    requests: int
    stall: float
    length: float
    rank: float

    def due(self) -> list[float]:
        return [round(number * self.gap, 6) for number in range(self.requests)]

    def ask(self, measure: Any) -> tuple[Any, int]:
        """Return a benchmark's result and the number of requests that it sent."""
        server = Server(self.stall, self.length)
        return attempted(measure(server, self.due(), self.rank)), server.sent


CASES = [
    Case("10 requests, 100 ms apart, no stall, 100th percentile", 0.1, 10, math.inf, 0.0, 100),
    Case("20 requests, 100 ms apart, 500 ms of stall, 100th percentile", 0.1, 20, 1.0, 0.5, 100),
    Case("200 requests, 20 ms apart, 2 s of stall, 99th percentile", 0.02, 200, 1.0, 2.0, 99),
    Case("200 requests, 20 ms apart, 2 s of stall, 50th percentile", 0.02, 200, 1.0, 2.0, 50),
    Case("200 requests, 20 ms apart, stalled for the first second, 99th percentile",
         0.02, 200, 0.0, 1.0, 99),
]  # fmt: skip


def _times(server: Server, due: Sequence[float]) -> list[float]:
    times = []
    for moment in due:
        server.wait_until(moment)
        server.call()
        times.append(server.now - moment)
    return times


def _from_sending(server: Server, due: Sequence[float], rank: float) -> float:
    times = []
    for moment in due:
        server.wait_until(moment)
        sent = server.now
        server.call()
        times.append(server.now - sent)
    return percentile(times, rank)


def _closed_loop(server: Server, due: Sequence[float], rank: float) -> float:
    times = []
    for _ in due:
        sent = server.now
        server.call()
        times.append(server.now - sent)
    return percentile(times, rank)


def _never_waits(server: Server, due: Sequence[float], rank: float) -> float:
    times = []
    for moment in due:
        server.call()
        times.append(server.now - moment)
    return percentile(times, rank)


def _mean(server: Server, due: Sequence[float], rank: float) -> float:
    return statistics.mean(_times(server, due))


def _skips_the_late(server: Server, due: Sequence[float], rank: float) -> float:
    times = []
    for moment in due:
        if server.now > moment:
            continue
        server.wait_until(moment)
        server.call()
        times.append(server.now - moment)
    return percentile(times, rank)


def _warm_up(server: Server, due: Sequence[float], rank: float) -> float:
    times = _times(server, due)
    return percentile(times[len(times) // 2 :], rank)


def _no_outliers(server: Server, due: Sequence[float], rank: float) -> float:
    times = _times(server, due)
    usual = statistics.median(times)
    return percentile([time for time in times if time <= 3 * usual], rank)


def _gaps(server: Server, due: Sequence[float], rank: float) -> float:
    answered = []
    for moment in due:
        server.wait_until(moment)
        server.call()
        answered.append(server.now)
    return percentile([later - earlier for earlier, later in itertools.pairwise(answered)], rank)


def _unsorted(server: Server, due: Sequence[float], rank: float) -> float:
    times = _times(server, due)
    return times[max(0, math.ceil(rank * len(times) / 100) - 1)]


def _falling(server: Server, due: Sequence[float], rank: float) -> float:
    times = sorted(_times(server, due), reverse=True)
    return times[max(0, math.ceil(rank * len(times) / 100) - 1)]


class Belief(NamedTuple):
    """A wrong belief, a benchmark built on it, and the diagnosis."""

    name: str
    measure: Benchmark
    says: str


BELIEFS = [
    Belief(
        "the benchmark needs no repair", hides,
        "this is the benchmark that you must repair: it sends the next request only after an "
        "answer, starts its clock on sending, and returns a mean",
    ),
    Belief(
        "a request's clock starts when it is sent", _from_sending,
        "the clock starts when you got round to sending. A user who was due during the stall has "
        "been waiting since then, and that wait is missing: count from when the request was due",
    ),
    Belief(
        "send the next when the last is answered", _closed_loop,
        "the next request goes out when the last is answered, whenever users wanted it. That is a "
        "closed loop: it holds its breath during the stall, so only one request meets it",
    ),
    Belief(
        "users come as fast as the server can answer", _never_waits,
        "requests are sent before they are due: all are answered before the stall that the users "
        "would have met begins. Wait until each user wants the answer",
    ),
    Belief(
        "the average is fine", _mean,
        "this is the average, which is no user's response time. The question was which time "
        "a given share of users did not exceed: a percentile",
    ),
    Belief(
        "what is late already need not be sent", _skips_the_late,
        "requests whose moment had passed were skipped. Those are the users who wait longest: "
        "leaving them out is how a stall disappears from the record",
    ),
    Belief(
        "the slow start is warm-up", _warm_up,
        "the first half of the answers was thrown away as warm-up. If the stall comes then, users "
        "feel it all the same: you may leave out a start-up only if no user waits for it",
    ),
    Belief(
        "outliers are errors of measurement", _no_outliers,
        "the slow answers were thrown away as outliers. They are not errors of measurement, they "
        "are what you want to measure",
    ),
    Belief(
        "the time between two answers is the response time", _gaps,
        "this is a percentile of the time between two answers. That is throughput seen from the "
        "server; a response time belongs to one request, from due to answered",
    ),
    Belief(
        "a percentile is a place in the record", _unsorted,
        "the times were not sorted, so this is what one request happened to take, at that place "
        "in the record. A percentile is a place in the order of size",
    ),
    Belief(
        "percentiles count from the slowest", _falling,
        "the times were sorted from the slowest to the fastest, so the 99th percentile is one of "
        "the best answers. Sort the other way",
    ),
]  # fmt: skip


def diagnose(measure: Any) -> str | None:
    for case in CASES:
        got, sent = case.ask(measure)
        expected, _ = case.ask(benchmark)
        if not _same(got, expected):
            refuted = f"\n  {case.words}: got {_shown(got)}, expected {_shown(expected)}."
            return _misconception(measure, sent, case) + refuted
    return None


def _misconception(measure: Any, sent: int, case: Case) -> str:
    """Return the diagnosis of the belief that explains all results, or a general one."""
    for belief in BELIEFS:
        if all(_agree(case.ask(measure), case.ask(belief.measure)) for case in CASES):
            return f"{belief.says}."
    if sent != case.requests:
        return f"{sent} of {case.requests} requests were sent: send each user's request once."
    return (
        "this is not the percentile of the users' response times. A response time runs from when "
        "the request was due to when it is answered, and every request counts."
    )


def _agree(one: tuple[Any, int], other: tuple[Any, int]) -> bool:
    return one[1] == other[1] and _same(one[0], other[0])


def _same(one: Any, other: Any) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and math.isclose(one, other, abs_tol=1e-9)


def _shown(seconds: Any) -> str:
    return f"{seconds * 1e3:,.0f} ms" if isinstance(seconds, int | float) else repr(seconds)


exercise = Exercise(
    name="repair_the_benchmark",
    solution=benchmark,
    diagnose=diagnose,
    hints=(
        "Whose time is it? Ask for each request since when somebody has been waiting for its "
        "answer. During a stall, that is not since it was sent.",
        "Go through `due`. Wait until the moment has come (or has passed already), call, and "
        "subtract the moment, not the time of sending, from the clock.",
        "`times.append(server.now - moment)` after `server.wait_until(moment)` and "
        "`server.call()`; in the end `ek.percentile(times, rank)`, of all of them.",
    ),
    praise="The stall is in the record: everyone who was due during it is counted from then on.",
    wrong=[
        Wrong(belief.name, belief.measure, belief.says.split(":")[0][:60]) for belief in BELIEFS
    ] + [
        Wrong("an answer is good when it is a number", lambda server, due, rank: 0.0, "were sent"),
        Wrong("a maximum is safe", lambda server, due, rank: max(_times(server, due)),
              "not the percentile of"),
    ],
)  # fmt: skip
