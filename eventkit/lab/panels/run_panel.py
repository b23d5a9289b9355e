"""RunPanel: a panel with something to run, a progress bar, and a way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import ipywidgets as widgets

from .painter import Painter
from .panel import Panel, Status, button, row


class Runs(Protocol):
    """Something that a panel can run: `run()` waits for the end, and `stop()` ends it early."""

    def run(self) -> object: ...

    def stop(self) -> None: ...


Run = TypeVar("Run", bound=Runs)


def side_by_side(jobs: Iterable[Callable[[], object]], stop: Callable[[], None]) -> None:
    """Run all jobs at the same time, each in its own thread, and wait for their end.

    Raises what went wrong in one of them. An interrupt of the waiting (the notebook's ■) calls
    `stop`.
    """
    failures: list[Exception] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        stop()
        raise
    if failures:
        raise failures[0]


class RunPanel(Panel, Generic[Run]):
    """A panel whose runs take place in their own thread, so that the panel can be used meanwhile.

    `run` is the last run. A subclass defines `_begin`, which makes a run of the panel's settings
    and says in the status how long it takes; `_steps`, which returns the number of steps; `_watch`,
    which paints the progress and returns the number of steps done; and `_finish`, which shows the
    result after the end or a stop. If a run raises, the status says so.
    """

    what = "run"

    def __init__(
        self, title: str, label: str, tooltip: str, above: Sequence[Any], below: Sequence[Any]
    ):
        self._run_button = button(label, self._start, tooltip, button_style="primary")
        self._stop_button = button("Stop", self._stop, f"end the {self.what} early", disabled=True)
        self._progress = widgets.IntProgress(value=0, min=0, max=1, description="Answered")
        self._status = Status(text="Ready.")
        self._painter = Painter(self._paint)
        self._over = threading.Event()
        self._failure: Exception | None = None
        self.run: Run | None = None
        controls = row(self._run_button, self._stop_button, self._progress)
        super().__init__(title, *above, controls, self._status, *below)

    def text(self) -> str:
        name = self.title.partition(":")[0]
        return (
            f"[{name}: run this cell in JupyterLab, set the numbers and press "
            f"“{self._run_button.description}”]"
        )

    def _begin(self) -> Run:
        raise NotImplementedError

    def _steps(self, run: Run) -> int:
        raise NotImplementedError

    def _watch(self, run: Run, running: bool) -> int:
        raise NotImplementedError

    def _finish(self, run: Run) -> None:
        raise NotImplementedError

    def _start(self) -> None:
        if self._run_button.disabled:  # clicked twice before the kernel could grey it out
            return
        run = self.run = self._begin()
        self._failure = None
        self._over.clear()
        self._run_button.disabled, self._stop_button.disabled = True, False
        self._progress.value, self._progress.max = 0, self._steps(run)
        self._in_thread("", self._carry_out, run)
        self._in_thread("-clock", self._tick)

    def _stop(self) -> None:
        if self.run:
            self._in_thread("-stop", self.run.stop)  # it may wait for running handlers

    def _in_thread(self, name: str, target: Any, *args: Any) -> None:
        threading.Thread(target=target, args=args, name=self.what + name, daemon=True).start()

    def _carry_out(self, run: Run) -> None:
        try:
            run.run()
        except Exception as error:
            self._failure = error
        self._over.set()
        self._painter.changed()

    def _tick(self) -> None:
        while not self._over.wait(0.05):
            self._painter.changed()

    def _paint(self) -> None:
        run = self.run
        if run is None:
            return
        over = self._over.is_set()
        self._progress.value = self._watch(run, running=not over)
        if not over or self._stop_button.disabled:
            return
        self._run_button.disabled, self._stop_button.disabled = False, True
        if self._failure is None:
            self._finish(run)
        else:
            self._status.say(f"The {self.what} failed: {self._failure}", good=False)
