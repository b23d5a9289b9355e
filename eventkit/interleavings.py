"""Small concurrent programs run in a chosen order, step by step, or in every possible order.

Real threads and coroutines lose updates by bad luck, once in a million runs. Here luck is taken
out: a scheduler lets one task at a time make one step. For a plain function, run in a thread of
its own, a step is one line of its code; for a coroutine function it ends at an await.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

_LONGEST_RUN = 10_000


@dataclass(frozen=True)
class Program:
    """Tasks that share something, by name, and what must hold when all have finished.

    A task is a plain function or a coroutine function without arguments. `state` says in words
    what they share, for the record of each step.
    """

    tasks: dict[str, Callable[[], Any]]
    holds: Callable[[], bool]
    state: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Step:
    """One step of one task: the line that it ran, and the shared state after it."""

    task: str
    line: str
    state: str


@dataclass
class Run:
    """What happened in one order. `schedule` names the task of each step and reproduces the run.

    `problem` is None if everything finished and what must hold did.
    """

    schedule: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    problem: str | None = None
    choices: list[list[str]] = field(default_factory=list)  # who could have gone, at each step


@dataclass(frozen=True)
class Exploration:
    """All runs of a program, one for each possible order."""

    runs: list[Run]

    @property
    def failures(self) -> list[Run]:
        """The runs that went wrong, the shortest first."""
        return sorted((run for run in self.runs if run.problem), key=lambda run: len(run.schedule))


class Lock:
    """A lock whose waiting the scheduler can see. For `with` in functions, `async with` in
    coroutines. `permits` above 1 make it a semaphore.
    """

    def __init__(self, name: str = "lock", permits: int = 1) -> None:
        if permits < 1:
            raise ValueError(f"permits is a whole number, 1 or more; got {permits!r}.")
        self.name = name
        self.permits = permits
        self.holders: list[str] = []

    @property
    def free(self) -> bool:
        return len(self.holders) < self.permits

    def __enter__(self) -> Lock:
        task = _current()
        while not self.free:
            task.pause(waits_for=self)
        self.holders.append(task.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.holders.remove(_current().name)

    async def __aenter__(self) -> Lock:
        while not self.free:
            await _Pause(self)
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()


def Semaphore(permits: int, name: str = "semaphore") -> Lock:  # noqa: N802 - a kind of Lock
    """A lock that `permits` tasks may hold at once."""
    return Lock(name, permits)


def run(make: Callable[[], Program], schedule: Sequence[str] = ()) -> Run:
    """Run a fresh program in the order that `schedule` gives, one task name for each step; when
    it is used up, or names a task that cannot go, the first task that can go goes.
    """
    program = make()
    tasks = [_task(name, target) for name, target in program.tasks.items()]
    result = Run()
    try:
        _run_steps(program, tasks, list(schedule), result)
    finally:
        for task in tasks:
            task.abandon()
    return result


def explore(make: Callable[[], Program], limit: int = 20_000) -> Exploration:
    """Run a program in every possible order. Raises ValueError if there are more than `limit`."""
    runs: list[Run] = []
    schedule: list[str] | None = []
    while schedule is not None:
        if len(runs) >= limit:
            raise ValueError(
                f"this program has more than {limit} orders. Make it smaller (fewer tasks, fewer "
                "lines), or raise limit=."
            )
        runs.append(run(make, schedule))
        schedule = _next_schedule(runs[-1])
    return Exploration(runs)


def _next_schedule(last: Run) -> list[str] | None:
    """Depth first: the latest step at which another task, not tried yet, could have gone."""
    for place in reversed(range(len(last.schedule))):
        options = last.choices[place]
        untried = options[options.index(last.schedule[place]) + 1 :]
        if untried:
            return [*last.schedule[:place], untried[0]]
    return None


def _run_steps(program: Program, tasks: list[_Task], wanted: list[str], result: Run) -> None:
    for number in range(_LONGEST_RUN):
        able = [task for task in tasks if task.able]
        if not able:
            break
        named = wanted[number] if number < len(wanted) else ""
        task = next((one for one in able if one.name == named), able[0])
        result.choices.append([one.name for one in able])
        result.schedule.append(task.name)
        line = task.line
        task.step()
        result.steps.append(Step(task.name, line, program.state()))
        if task.error is not None:
            result.problem = f"{task.name} raised {type(task.error).__name__}: {task.error}"
            return
    result.problem = _problem(program, tasks)


def _problem(program: Program, tasks: list[_Task]) -> str | None:
    stuck = [task for task in tasks if not task.finished]
    if stuck:
        waits = (
            f"{task.name} waits for {task.waits_for.name}, held by {task.waits_for.holders[0]}"
            for task in stuck
            if task.waits_for
        )
        return "deadlock: " + "; ".join(waits)
    return None if program.holds() else f"what must hold does not: {program.state()}"


class _Task:
    """A task that makes one step at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.line = ""
        self.finished = False
        self.error: BaseException | None = None
        self.waits_for: Lock | None = None

    @property
    def able(self) -> bool:
        return not self.finished and (self.waits_for is None or self.waits_for.free)

    def step(self) -> None:
        _here.task, self.waits_for = self, None
        self._advance()

    def _advance(self) -> None:
        raise NotImplementedError

    def pause(self, waits_for: Lock | None = None) -> None:
        raise NotImplementedError

    def abandon(self) -> None:
        raise NotImplementedError


class _ThreadTask(_Task):
    """A plain function in a thread of its own, stopped before each of its lines."""

    def __init__(self, name: str, target: Callable[[], Any]) -> None:
        super().__init__(name)
        self._target = target
        self._code = target.__code__
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._abandoned = False
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()
        self._stopped.acquire()  # it stands before its first line

    def pause(self, waits_for: Lock | None = None) -> None:
        self.waits_for = waits_for
        self._stopped.release()
        self._go.acquire()
        if self._abandoned:
            raise _Abandoned

    def abandon(self) -> None:
        self._abandoned = True
        self._go.release()
        self._thread.join()

    def _advance(self) -> None:
        self._go.release()
        self._stopped.acquire()

    def _live(self) -> None:
        _here.task = self
        sys.settrace(self._trace_call)
        try:
            self._target()
        except _Abandoned:
            pass
        except BaseException as error:
            self.error = error
        sys.settrace(None)
        self.finished = True
        self._stopped.release()

    def _trace_call(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._trace_line if frame.f_code is self._code else None

    def _trace_line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and not self._abandoned:
            self.line = _source(frame.f_code, frame.f_lineno)
            _here.task = self
            self.pause()
        return self._trace_line


class _CoroutineTask(_Task):
    """A coroutine, stopped at each await."""

    def __init__(self, name: str, target: Callable[[], Any]) -> None:
        super().__init__(name)
        self._coroutine = target()
        self.line = _source(target.__code__, target.__code__.co_firstlineno)

    def _advance(self) -> None:
        try:
            wish = self._coroutine.send(None)
        except StopIteration:
            self.finished = True
        except Exception as error:
            self.error, self.finished = error, True
        else:
            self.waits_for = wish if isinstance(wish, Lock) else None
            frame = self._coroutine.cr_frame
            self.line = _source(frame.f_code, frame.f_lineno)

    def abandon(self) -> None:
        self._coroutine.close()


class _Pause:
    """Awaited by a coroutine that waits for a lock."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def __await__(self) -> Generator[Lock, None, None]:
        yield self._lock


class _Abandoned(BaseException):
    """Unwinds the thread of a task that will never go on."""


class _Here(threading.local):
    task: _Task | None = None


_here = _Here()


def _current() -> _Task:
    if _here.task is None:
        raise RuntimeError(
            "this lock belongs to interleavings: use it inside a Program's tasks, and "
            "threading.Lock elsewhere."
        )
    return _here.task


def _task(name: str, target: Callable[[], Any]) -> _Task:
    return (_CoroutineTask if inspect.iscoroutinefunction(target) else _ThreadTask)(name, target)


def _source(code: CodeType, line: int) -> str:
    return linecache.getline(code.co_filename, line).strip()
