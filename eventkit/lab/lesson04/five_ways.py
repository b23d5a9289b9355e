"""Time trial: the same requests to one slow service, waited for in five ways."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from ...timeline import percentile
from ..course.session import Table
from ..panels.figures import Picture, picture
from ..panels.panel import BLOCKING, LISTENER, NON_BLOCKING
from ..processes.slow_service import SlowService
from ..theory.queueing import response_times
from . import asking
from .asking import WAYS

COLOURS = dict(zip(WAYS, (BLOCKING, NON_BLOCKING, LISTENER, "#CC79A7", "#E69F00"), strict=True))
DASHES = dict(zip(WAYS, ("-", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 2, 2)), ":"), strict=True))
MARKERS = dict(zip(WAYS, "osD^v", strict=True))


class Outcome(NamedTuple):
    """How one way did: `times` in seconds from the start until each connection had its answers,
    ascending; the `threads` it used, the `memory` in bytes by which its process grew, and the
    numbers of the requests in the `order` of their answers.
    """

    times: list[float]
    threads: int
    memory: int
    order: Sequence[int] = ()

    @property
    def finish(self) -> float:
        """Seconds from the start to the last answer."""
        return self.times[-1]


class Ways:
    """Opens `connections` to a slow service at once, in each of the `ways`, and asks `questions`
    over each, which are answered after `answer` seconds. The ways run one after another, each in
    a process of its own; threads are as many as connections.

    `run()` waits for the end; then `outcomes` has how each way did. A way that is not installed
    is left out, and named in `missing`. Raises RuntimeError if this system cannot open so many
    connections, or a way failed.
    """

    def __init__(
        self,
        connections: int = 100,
        answer: float = 0.1,
        questions: int = 1,
        ways: Iterable[str] = tuple(WAYS),
    ):
        unknown = set(ways := list(ways)) - set(WAYS)
        if unknown:
            raise ValueError(f"the ways are {', '.join(WAYS)}; got {sorted(unknown)}.")
        if connections < 1 or questions < 1:
            raise ValueError(
                f"connections and questions are 1 or more; got {connections!r} and {questions!r}."
            )
        self.connections = connections
        self.answer = answer
        self.questions = questions
        self.ways = [way for way in WAYS if way in ways and asking.is_here(way)]
        self.missing = [way for way in WAYS if way in ways and way not in self.ways]
        self.outcomes: dict[str, Outcome] = {}
        self.progress: dict[str, list[tuple[float, int]]] = {}  # (seconds, answered) as it runs
        self.answered: dict[str, list[int]] = {}  # requests in the order of their answers
        self.used: dict[str, tuple[int, int]] = {}  # threads, and bytes of memory
        self.stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    @property
    def ideal(self) -> float:
        """Seconds in which all could be answered, if waiting took nothing but time."""
        return self.answer * self.questions

    def predicted(self, way: str) -> list[float]:
        """What theory says these times are: blocking has one server, all others one for each
        connection.
        """
        servers = 1 if way == "blocking" else self.connections
        none, work = [0.0] * self.connections, [self.ideal] * self.connections
        return response_times(none, work, servers)

    def run(self) -> Ways:
        """Run all ways, blocking last. What goes wrong in one of them is raised here."""
        allow_connections(self.connections)
        with SlowService(self.answer) as service:
            for way in sorted(self.ways, key=lambda way: way == "blocking"):
                if not self.stopped.is_set():
                    self._run_way(way, service.address)
        return self

    def stop(self) -> None:
        """End the trial early; the ways that have answered everyone remain in `outcomes`."""
        with self._lock:
            self.stopped.set()
            if self._process is not None and not self._is_all_answered():
                self._process.kill()

    def _is_all_answered(self) -> bool:
        """Whether the way under way has only its outcome left to say."""
        *_, points = self.progress.values()
        return bool(points) and points[-1][1] == self.connections

    def table(self) -> Table:
        """A row for each way that has finished."""
        return ways_table([self])

    def _run_way(self, way: str, address: tuple[str, int]) -> None:
        settings = {
            "way": way,
            "address": address,
            "connections": self.connections,
            "questions": self.questions,
        }
        self.progress[way], self.answered[way] = [], []
        outcome: dict[str, Any] = {}
        for message in self._messages([sys.executable, "-P", asking.__file__], settings):
            if "at" in message:
                self._note(way, message)
            else:
                outcome = message
        if "times" in outcome:
            self._keep(way, Outcome(**outcome))
        elif not self.stopped.is_set():
            raise RuntimeError(
                f"{WAYS[way].title} with {self.connections} connections failed: "
                f"{outcome.get('error', 'its process ended early. What it said stands above.')}"
            )

    def _note(self, way: str, message: dict[str, Any]) -> None:
        """Keep what a look at the running process found."""
        self.used[way] = message["threads"], message["memory"]
        self.answered[way].extend(message["answered"])
        self.progress[way].append((message["at"], len(self.answered[way])))

    def _keep(self, way: str, outcome: Outcome) -> None:
        """Put what was measured in the place of the looks."""
        self.outcomes[way] = outcome
        self.used[way] = outcome.threads, outcome.memory
        self.answered[way] = list(outcome.order)
        self.progress[way] = [(seconds, number) for number, seconds in enumerate(outcome.times, 1)]

    def _messages(self, command: list[str], settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._lock:
            if self.stopped.is_set():
                return
            self._process = subprocess.Popen(
                [*command, json.dumps(settings)],
                stdin=subprocess.PIPE,  # its end is the sign that we are no more
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        with self._process as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.endswith("\n"):  # the last one may be cut off by `stop`
                    yield json.loads(line)


def allow_connections(number: int) -> None:
    """Make sure that this process and those that it starts may open so many connections: raise
    the soft limit on open files, if need be. Raises RuntimeError if the system does not allow it.
    """
    needed = number + 200  # with what Python and Jupyter have open
    hard: float = 512  # what select() takes on Windows
    try:
        import resource
    except ImportError:
        if number <= hard - 12:
            return
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return
        if hard == resource.RLIM_INFINITY or hard >= needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, int(hard)))
            return
    raise RuntimeError(
        f"{number} connections need about {needed} open files, and this system allows {hard}. "
        "Use fewer connections, or have the limit raised (`ulimit -Hn` shows it)."
    )


def ways_table(trials: Sequence[Ways]) -> Table:
    """What the trials measured, and where blocking was left out, what theory says it takes."""
    headings = ["way", "connections", "finished (s)", "of the ideal", "median (ms)", "p95 (ms)",
                "threads", "memory (MB)"]  # fmt: skip
    rows: list[list[Any]] = []
    for way in WAYS:
        for trial in trials:
            rows += _rows(trial, way)
    return Table(headings, rows, f"Each request is answered after {trials[0].answer * 1e3:g} ms")


def _rows(trial: Ways, way: str) -> Iterator[list[Any]]:
    title, number = WAYS[way].title, f"{trial.connections:,}"
    if way in trial.missing:
        yield [title, number, asking.INSTALL, *"–––––"]
    elif way in trial.outcomes:
        times, threads, memory, _ = trial.outcomes[way]
        yield [title, number, *_times(times, trial.ideal), f"{threads:,}", f"{memory / 1e6:.1f}"]
    elif way == "blocking" and not trial.stopped.is_set():
        times = trial.predicted(way)
        yield [f"{title}, by theory", number, *_times(times, trial.ideal), "1", "–"]


def _times(times: list[float], ideal: float) -> list[str]:
    return [
        f"{times[-1]:,.2f}",
        f"{times[-1] / ideal:,.1f} ×",
        f"{percentile(times, 50) * 1e3:,.0f}",
        f"{percentile(times, 95) * 1e3:,.0f}",
    ]


def ways_figure(trials: Sequence[Ways]) -> Picture:
    """Time to finish by number of connections, each way a line; blocking's theory dotted."""

    def draw(figure: Figure) -> str:
        axes = figure.subplots()
        said = []
        numbers = [trial.connections for trial in trials]
        theory = [trial.predicted("blocking")[-1] for trial in trials]
        axes.plot(numbers, theory, ":", color=COLOURS["blocking"], linewidth=1.5)
        axes.text(numbers[0] * 1.2, theory[0] * 2.5, "blocking, by theory", va="bottom")
        for way, (title, *_) in WAYS.items():
            points = [(t.connections, t.outcomes[way].finish) for t in trials if way in t.outcomes]
            if points:
                axes.plot(*zip(*points, strict=True), color=COLOURS[way], linestyle=DASHES[way],
                          marker=MARKERS[way], markersize=5, label=title)  # fmt: skip
                said.append(f"{title} {points[-1][1]:.2f} s with {points[-1][0]:,}")
        axes.axhline(trials[0].ideal, color="#000000", linewidth=0.8)
        axes.text(numbers[0], trials[0].ideal * 0.93, "ideal", va="top")
        axes.set(xscale="log", yscale="log", xlabel="connections", ylabel="time to finish (s)")
        axes.set_ylim(bottom=trials[0].ideal / 2)
        axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
        axes.yaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return (
            f"Time to finish by number of connections. {'; '.join(said)}. Blocking by theory "
            f"{theory[-1]:,.0f} s with {numbers[-1]:,}; the ideal is {trials[0].ideal:g} s."
        )

    return picture(draw)
