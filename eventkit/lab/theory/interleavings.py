"""Small concurrent programs run in a chosen order, step by step, or in every possible order.

Real threads and coroutines lose updates by bad luck, once in a million runs. Here a scheduler
replaces luck: it lets one task at a time make one step. A plain function runs in its own thread,
and a step is one line of its code with all that the line calls; taking a second lock in the line
is another step. A coroutine function's step ends at its next await that waits.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import linecache
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

_LONGEST_RUN = 10_000  # steps
_PATIENCE = 5.0  # seconds for one line


@dataclass(frozen=True)
class Program:
    """Tasks that share something, by name, and what must hold when all have finished.

    A task is a plain function or a coroutine function without arguments, or a `functools.partial`
    of one. `state` describes what they share, for the record of each step.
    """

    tasks: Mapping[str, Callable[[], Any]]
    holds: Callable[[], bool]
    state: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Step:
    """One step of one task: what it ran, the shared state after it, and in `note` which locks it
    took, waits for or released.
    """

    task: str
    line: str
    state: str
    note: str = ""


@dataclass
class Run:
    """What happened in one order. `schedule` names the task of each step and reproduces the run.

    `problem` is None if all tasks finished and what must hold did. `choices` lists for each step
    the tasks that could have run. `places` has the line at which each unfinished task stood, at the
    start and after each step: the line before which a function stopped, or a coroutine's await.
    """

    schedule: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    problem: str | None = None
    choices: list[list[str]] = field(default_factory=list)
    places: list[dict[str, int]] = field(default_factory=list)

    @property
    def switches(self) -> int:
        """Number of steps made by another task than the step before."""
        return sum(one != other for one, other in itertools.pairwise(self.schedule))


@dataclass(frozen=True)
class Exploration:
    """All runs of a program, one for each possible order."""

    runs: list[Run]

    @property
    def failures(self) -> list[Run]:
        """The runs that went wrong, the shortest first, then those with the fewest switches."""
        bad = (run for run in self.runs if run.problem)
        return sorted(bad, key=lambda run: (len(run.schedule), run.switches))


class Lock:
    """A lock whose waiting tasks the scheduler can see.

    Use `with` in functions and `async with` in coroutines. With `permits` above 1 it is a
    semaphore.
    """

    def __init__(self, name: str = "lock", permits: int = 1) -> None:
        if not isinstance(permits, int) or permits < 1:
            raise ValueError(f"permits is a whole number, 1 or more; got {permits!r}.")
        self.name = name
        self.permits = permits
        self.holders: list[str] = []

    @property
    def free(self) -> bool:
        return len(self.holders) < self.permits

    def __enter__(self) -> Lock:
        task = _current()
        if task.notes:
            task.pause()  # two locks in one line are two steps: another may come in between
        while not self.free:
            task.wait(self)
        return self._taken_by(task)

    def __exit__(self, *_: object) -> None:
        task = _current()
        self.holders.remove(task.name)
        task.notes.append(f"releases {self.name}")

    async def __aenter__(self) -> Lock:
        task = _current()
        while not self.free:
            await _Waiting(self)
        return self._taken_by(task)

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def _taken_by(self, task: _Task) -> Lock:
        self.holders.append(task.name)
        task.notes.append(f"takes {self.name}")
        return self


def Semaphore(permits: int, name: str = "semaphore") -> Lock:  # noqa: N802 - a kind of Lock
    """Return a lock that `permits` tasks may hold at once."""
    return Lock(name, permits)


def pause(note: str = "") -> None:
    """End the calling task's step here, in the middle of a line.

    Use it where reading and writing a shared thing must be separate steps. A coroutine goes on, as
    it does without an await.
    """
    task = _current()
    task.notes += [note] if note else []
    task.pause()


def run(make: Callable[[], Program], schedule: Sequence[str] = ()) -> Run:
    """Run a fresh program in the order of `schedule`, one task name for each step.

    After its end, or where it names a task that cannot run, the first task that can run makes the
    step. Raises TypeError if a task is not a function, ValueError if `schedule` names an unknown
    task, and RuntimeError if a task never ends or waits for what the scheduler cannot see.
    """
    program = make()
    for name, target in program.tasks.items():
        _check(name, target)
    unknown = set(schedule) - set(program.tasks)
    if unknown:
        raise ValueError(f"the tasks are {list(program.tasks)}; the schedule has {unknown}.")
    tasks = [_task(name, target) for name, target in program.tasks.items()]
    result = Run()
    try:
        for task in tasks:
            task.start()
        _run_steps(program, tasks, schedule, result)
    finally:
        for task in tasks:
            task.abandon()
        for task in tasks:
            task.join()
    return result


def explore(make: Callable[[], Program], limit: int = 20_000) -> Exploration:
    """Run a program in every possible order. `make` builds a new one for each.

    Raises ValueError if there are more than `limit` orders, or if the first order, run twice, gives
    two different runs. Raises what `run` raises.
    """
    runs = [run(make)]
    if run(make, runs[0].schedule) != runs[0]:
        raise ValueError(
            "the same order gave two different runs. make() must rebuild everything that the tasks "
            "share each time, and must use no chance and no clock."
        )
    while schedule := _next_schedule(runs[-1]):
        if len(runs) >= limit:
            raise ValueError(
                f"this program has more than {limit} orders. Make it smaller (fewer tasks, fewer "
                "lines), or raise limit=."
            )
        runs.append(run(make, schedule))
    return Exploration(runs)


def _next_schedule(last: Run) -> list[str] | None:
    """Change the latest step at which an untried task could have run: depth first."""
    for place in reversed(range(len(last.schedule))):
        options = last.choices[place]
        untried = options[options.index(last.schedule[place]) + 1 :]
        if untried:
            return [*last.schedule[:place], untried[0]]
    return None


def _run_steps(program: Program, tasks: list[_Task], wanted: Sequence[str], result: Run) -> None:
    result.places.append(_places(tasks))
    for number in range(_LONGEST_RUN):
        able = [task for task in tasks if task.able]
        if not able:
            result.problem = _problem(program, tasks)
            return
        named = wanted[number] if number < len(wanted) else ""
        task = next((one for one in able if one.name == named), able[0])
        result.choices.append([one.name for one in able])
        result.schedule.append(task.name)
        line, note = task.step()
        result.steps.append(Step(task.name, line, program.state(), note))
        result.places.append(_places(tasks))
        if task.error is not None:
            result.problem = f"{task.name} raised {type(task.error).__name__}: {task.error}"
            return
    raise RuntimeError(
        f"{', '.join(_places(tasks))} had not ended after {_LONGEST_RUN} steps. A task must not "
        "loop until another has done something: let it wait for a Lock."
    )


def _places(tasks: list[_Task]) -> dict[str, int]:
    return {task.name: task.place for task in tasks if not task.finished}


def _problem(program: Program, tasks: list[_Task]) -> str | None:
    stuck = [(task.name, task.waits_for) for task in tasks if task.waits_for]
    if stuck:
        return "deadlock: " + "; ".join(
            f"{name} waits for {lock.name}, held by {' and '.join(lock.holders)}"
            for name, lock in stuck
        )
    return None if program.holds() else f"what must hold does not: {program.state()}"


class _Task:
    """A task that makes one step at a time."""

    def __init__(self, name: str, target: Callable[[], Any]) -> None:
        self.name = name
        self.target = target
        self.code = _code(target)
        self.place = self.code.co_firstlineno
        self.notes: list[str] = []
        self.lines: list[str] = []
        self.finished = False
        self.error: BaseException | None = None
        self.waits_for: Lock | None = None

    @property
    def able(self) -> bool:
        return not self.finished and (self.waits_for is None or self.waits_for.free)

    def step(self) -> tuple[str, str]:
        """Make one step. Return the code that it ran and what it did with locks."""
        self.lines, self.notes, self.waits_for = [], [], None
        self._advance()
        if self.waits_for:
            self.notes.append(f"waits for {self.waits_for.name}")
        return _joined(self.lines), ", ".join(self.notes)

    def start(self) -> None:
        """Stop before the first line."""

    def _advance(self) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        """End the step here, if the task runs in its own thread. Called by the task itself."""

    def wait(self, lock: Lock) -> None:
        """End the step here, and go on when the lock is free. Called by the task itself."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Unwind the task if it has not finished."""
        raise NotImplementedError

    def join(self) -> None:
        """Wait until the task has ended."""


class _ThreadTask(_Task):
    """A plain function in its own thread, stopped before each of its lines."""

    def __init__(self, name: str, target: Callable[[], Any]) -> None:
        super().__init__(name, target)
        self._go: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stopped: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._abandoned = False
        self._lost = False
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._until_it_stands()

    def pause(self) -> None:
        if not self._abandoned:
            self._stopped.put(None)
            self._go.get()
        if self._abandoned:
            raise _Abandoned

    def wait(self, lock: Lock) -> None:
        self.waits_for = lock
        self.pause()

    def abandon(self) -> None:
        self._abandoned = True
        self._go.put(None)

    def join(self) -> None:
        if self._thread.ident and not self._lost:
            self._thread.join(_PATIENCE)

    def _advance(self) -> None:
        self.lines = [_source(self.code, self.place)]
        self._go.put(None)
        self._until_it_stands()

    def _until_it_stands(self) -> None:
        try:
            self._stopped.get(timeout=_PATIENCE)
        except queue.Empty:
            self._lost = True
            raise RuntimeError(
                f"{self.name} has not come back from {_source(self.code, self.place)!r} for "
                f"{_PATIENCE:g} s. It waits for what the scheduler cannot see: in a Program, use "
                "the Lock and Semaphore of eventkit.lab.theory.interleavings."
            ) from None

    def _live(self) -> None:
        _here.task = self
        sys.settrace(self._trace_call)
        try:
            _refuse_coroutine(self.target())
        except _Abandoned:
            pass
        except BaseException as error:
            self.error = error
        sys.settrace(None)
        self.finished = True
        self._stopped.put(None)

    def _trace_call(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._trace_line if frame.f_code is self.code else None

    def _trace_line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and not self._abandoned:  # then it may clean up
            self.place = frame.f_lineno
            self.pause()
        return self._trace_line


class _CoroutineTask(_Task):
    """A coroutine, stopped at each await that waits."""

    def __init__(self, name: str, target: Callable[[], Any]) -> None:
        super().__init__(name, target)
        self._coroutine = target()

    def wait(self, lock: Lock) -> None:
        raise RuntimeError(
            f"{self.name} is a coroutine and must write `async with` to wait for {lock.name}: a "
            "plain `with` would stop the one thread that all coroutines share."
        )

    def abandon(self) -> None:
        with _running(self), suppress(Exception):  # the run is over, even if cleaning up fails
            self._coroutine.close()

    def _advance(self) -> None:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            with _running(self):
                wish = self._coroutine.send(None)
        except StopIteration:
            self.finished = True
        except Exception as error:
            self.error, self.finished = error, True
        else:
            self._stopped_by(wish)
        finally:
            sys.settrace(before)

    def _stopped_by(self, wish: object) -> None:
        if wish is not None and not isinstance(wish, Lock):
            raise RuntimeError(
                f"{self.name} awaits {type(wish).__name__}, which needs a running event loop. In "
                "a Program, await asyncio.sleep(0), or a Lock of eventkit.lab.theory.interleavings."
            )
        self.waits_for = wish
        self.place = self._coroutine.cr_frame.f_lineno

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not self.code:
            return None
        if event == "line":
            self.lines.append(_source(self.code, frame.f_lineno))
        return self._trace


class _Waiting:
    """What a coroutine awaits while it waits for a lock."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def __await__(self) -> Generator[Lock, None, None]:
        yield self._lock


class _Abandoned(BaseException):
    """Raised in the thread of a task that will never go on, to unwind it."""


class _Here(threading.local):
    task: _Task | None = None


_here = _Here()


@contextmanager
def _running(task: _Task) -> Iterator[None]:
    _here.task = task
    try:
        yield
    finally:
        _here.task = None


def _current() -> _Task:
    if _here.task is None:
        raise RuntimeError(
            "pause() and the locks of interleavings work only inside a Program's tasks: use "
            "threading.Lock or asyncio.Lock elsewhere."
        )
    return _here.task


def _task(name: str, target: Callable[[], Any]) -> _Task:
    return (_CoroutineTask if inspect.iscoroutinefunction(target) else _ThreadTask)(name, target)


def _check(name: str, target: Any) -> None:
    generates = inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target)
    if generates or not isinstance(_code(target), CodeType):
        raise TypeError(
            f"task {name} is a plain function or a coroutine function without arguments, or a "
            f"functools.partial of one; got {target!r}."
        )
    try:
        inspect.signature(target).bind()
    except TypeError as problem:
        raise TypeError(
            f"task {name} is called without arguments: {problem}. "
            "Give them with functools.partial(function, ...)."
        ) from None


def _refuse_coroutine(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(
            "it returned a coroutine, which is never awaited. Let the task be the coroutine "
            "function itself; arguments go with functools.partial(function, ...)"
        )


def _code(target: Any) -> Any:
    while isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__code__", None)


def _source(code: CodeType, line: int) -> str:
    return linecache.getline(code.co_filename, line).strip() or f"line {line}"


def _joined(lines: list[str]) -> str:
    """Join lines as Python would: with a space after a colon, else with a semicolon."""
    text = ""
    for line in lines:
        text += f"{'' if not text else ' ' if text.endswith(':') else '; '}{line}"
    return text
