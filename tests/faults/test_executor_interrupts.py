"""An interrupt at any place of an executor's calls: none gets stuck, no event is lost."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import eventkit as ek
from eventkit.executors.queue import Overflow
from eventkit.testing import LONG

from ..contracts.test_executors import MAKERS, given_loop  # noqa: F401  a fixture
from .interrupting import sweep

every_queue = pytest.mark.parametrize("kind", MAKERS)
QUICK_TO_CLOSE = [  # a process takes a while to end
    pytest.param(kind, marks=pytest.mark.long if kind.startswith("Processes") else ())
    for kind in MAKERS
]
thoroughly = pytest.mark.parametrize(
    "instructions", [False, pytest.param(True, marks=pytest.mark.long)]
)


class Noting:
    """Work that notes what became of each event."""

    name = "noting"
    is_async = False

    def __init__(self) -> None:
        self.runs: Counter[int] = Counter()
        self.given_up: Counter[int] = Counter()
        self.open = threading.Event()
        self.open.set()

    def run(self, event: ek.Event, /) -> None:
        self.open.wait(LONG)
        self.runs[event.id] += 1

    def failed(self, event: ek.Event, error: BaseException) -> None:
        self.given_up[event.id] += 1

    def give_up(self, event: ek.Event, error: Exception | None = None) -> None:
        self.given_up[event.id] += 1


def open_soon(work: Noting) -> None:
    timer = threading.Timer(0.01, work.open.set)
    timer.daemon = True  # one that an interrupt kept from starting is waited for at exit
    timer.start()


class Interrupted:
    """An executor one of whose calls is interrupted."""

    def __init__(
        self,
        make: Callable[[], Any],
        call: Callable[["Interrupted"], object],
        *,
        full: bool = False,
    ) -> None:
        self.executor, self.work = make(), Noting()
        self.accepted: list[ek.Event] = []
        self._call = call
        if full:
            self.work.open.clear()
            while self.executor.waiting < 2:
                self.submit()

    def call(self) -> object:
        return self._call(self)

    def submit(self) -> None:
        event = ek.Event("a")
        self.executor.submit(self.work, event)
        self.accepted.append(event)

    def check(self) -> None:
        """From another thread, which a lock that is held here would keep out."""
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._check, args=(failures,), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive(), f"stuck: {self.executor.unfinished()}"
        for failure in failures:
            raise failure

    def _check(self, failures: list[BaseException]) -> None:
        try:
            self.work.open.set()
            assert self.executor.wait_idle(4), f"never idle: {self.executor.unfinished()}"
            for _ in range(3):
                self._submit_again()
                assert self.executor.wait_idle(4), f"never idle: {self.executor.unfinished()}"
            self.executor.close(4)
            self._count()
        except BaseException as failure:
            failures.append(failure)

    def _count(self) -> None:
        runs, given_up = self.work.runs, self.work.given_up
        assert all(count == 1 for count in runs.values()), "run twice"
        assert not runs.keys() & given_up.keys(), "run and given up"
        lost = {event.id for event in self.accepted} - runs.keys() - given_up.keys()
        dropped = self.executor.dropped  # counted first, and then told: an interrupt in between
        assert not lost or len(lost) <= dropped - len(given_up), f"lost: {lost}"

    def _submit_again(self) -> None:
        try:
            self.submit()
        except ek.BusClosed:
            assert self.executor._queue.closed, "refused without having been closed"

    def close(self) -> None:
        """Leave nothing to be collected, and reported, in the middle of a later test."""
        self.work.open.set()
        self.executor.close(LONG)


@every_queue
@thoroughly
def test_the_first_event(kind: str, instructions: bool) -> None:
    def make() -> Interrupted:
        return Interrupted(MAKERS[kind], Interrupted.submit)

    assert sweep(make, instructions=instructions) > 5


@every_queue
@thoroughly
def test_an_event_at_sleeping_workers(kind: str, instructions: bool) -> None:
    def make() -> Interrupted:
        setting = Interrupted(MAKERS[kind], Interrupted.submit)
        setting.submit()
        setting.executor.wait_idle(LONG)
        return setting

    assert sweep(make, instructions=instructions) > 3


@every_queue
@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "raise", "block"])
@thoroughly
def test_an_event_at_a_full_queue(kind: str, overflow: Overflow, instructions: bool) -> None:
    def call(setting: Interrupted) -> None:
        if overflow == "block":
            open_soon(setting.work)
        with suppress(ek.QueueFull):
            setting.submit()

    def make() -> Interrupted:
        options = {"capacity": 2, "overflow": overflow}
        return Interrupted(lambda: MAKERS[kind](**options), call, full=True)

    assert sweep(make, instructions=instructions) > 5


@every_queue
@thoroughly
def test_rest(kind: str, instructions: bool) -> None:
    def make() -> Interrupted:
        setting = Interrupted(MAKERS[kind], lambda setting: setting.executor.rest())
        setting.submit()
        setting.executor.wait_idle(LONG)
        return setting

    assert sweep(make, instructions=instructions) > 1


@every_queue
@thoroughly
def test_waiting(kind: str, instructions: bool) -> None:
    def call(setting: Interrupted) -> None:
        open_soon(setting.work)
        setting.executor.wait_idle(LONG)

    def make() -> Interrupted:
        setting = Interrupted(MAKERS[kind], call)
        setting.work.open.clear()
        setting.submit()
        return setting

    assert sweep(make, instructions=instructions) > 5


@pytest.mark.parametrize("kind", QUICK_TO_CLOSE)
@thoroughly
def test_closing(kind: str, instructions: bool) -> None:
    def make() -> Interrupted:
        setting = Interrupted(MAKERS[kind], lambda it: it.executor.close(0.005))
        setting.work.open.clear()
        for _ in range(5):
            setting.submit()
        return setting

    assert sweep(make, instructions=instructions) > 5


def test_what_an_interrupted_close_has_given_up_is_not_run() -> None:
    setting = Interrupted(lambda: ek.Threads(1), lambda it: it.executor.close(0.005))
    work, queue = setting.work, setting.executor._queue
    give_up, was_interrupted = work.give_up, False

    def give_up_and_interrupt(event: ek.Event, error: Exception | None = None) -> None:
        nonlocal was_interrupted
        give_up(event, error)
        if not was_interrupted:
            was_interrupted = True
            raise KeyboardInterrupt

    work.give_up = give_up_and_interrupt  # type: ignore[method-assign]
    work.open.clear()
    for _ in range(5):
        setting.submit()
    with pytest.raises(KeyboardInterrupt):
        setting.call()
    work.open.set()
    deadline = time.monotonic() + LONG
    while queue._active and time.monotonic() < deadline:
        time.sleep(0.001)  # the worker finishes what it has, and looks for more
    setting.check()
