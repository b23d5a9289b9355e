"""The live counter: clicks are events, the count is shown live, and at a set count the user is
notified.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from ...bus import EventBus
from ...errors import BusClosed
from ...event import Event
from ...executors.base import Executor
from ...executors.event_loop import EventLoop
from ...executors.inline import Inline
from ...executors.threads import Threads
from ..panels.painter import Painter
from ..panels.panel import Panel, Snapshot, Status, button, on_change, row

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "Inline: the click waits": Inline,
    "Threads(4): handed over": lambda: Threads(4, name="counter"),
    "EventLoop: handed to a loop": lambda: EventLoop(name="counter-loop"),
}


_MOST_DOTS = 30
_NO_NOTICE = "No notification yet."


class Counter:
    """Counts clicks and fires an event when the count crosses a threshold. Of the `clicked` events,
    `handled` do not wait any more.

    All clicks are fired with the same key, so every executor counts them one after another. That
    makes reading and writing `value` safe without a lock.
    """

    KEY = "counter"

    def __init__(
        self,
        bus: EventBus,
        executor: Executor | None = None,
        threshold: int = 10,
        work: float = 0.0,
    ):
        self.value = 0
        self.clicked = self.handled = 0
        self.threshold = threshold
        self.work = work
        self._bus = bus
        is_async = isinstance(executor, EventLoop)
        bus.subscribe(
            "button.click",
            self._count_async if is_async else self._count,
            emits="counter.changed",
            executor=executor,
        )
        bus.subscribe("counter.reset", self._reset, emits="counter.changed", executor=executor)
        bus.subscribe("counter.changed", self._compare, emits="counter.reached")

    def click(self, clicks: int = 1, count: int = 1) -> None:
        """Fire one event for each click. Each event adds `count`."""
        for _ in range(clicks):
            self.clicked += 1
            self._bus.fire("button.click", {"count": count}, key=self.KEY)

    def reset(self) -> None:
        """Fire the event that sets the count to 0. Earlier clicks are counted first."""
        self._bus.fire("counter.reset", key=self.KEY)

    def _count(self, event: Event) -> dict[str, int]:
        try:
            if self.work:
                time.sleep(self.work)
            return self._add(event)
        finally:
            self.handled += 1  # also a click whose work was interrupted

    async def _count_async(self, event: Event) -> dict[str, int]:
        try:
            if self.work:
                await asyncio.sleep(self.work)
            return self._add(event)
        finally:
            self.handled += 1

    def _add(self, event: Event) -> dict[str, int]:
        before = self.value
        self.value += event.data["count"]
        return {"before": before, "after": self.value}

    def _reset(self, event: Event) -> dict[str, int]:
        before, self.value = self.value, 0
        return {"before": before, "after": 0}

    def _compare(self, event: Event) -> dict[str, int] | None:
        """Return a notification if the count went from below the threshold to it or above."""
        before, after = event.data["before"], event.data["after"]
        if before < self.threshold <= after:
            return {"threshold": self.threshold, "count": after}
        return None


class CounterPanel(Panel):
    """Buttons whose clicks are events, the count they add up to, and the notification.

    The newest count is painted a few times a second. Other cells can read `counter`, `bus` and
    `notifications`.
    """

    snapshot = Snapshot(
        Path(__file__).with_name("counter.png"),
        "The count is 12, the bar is full, and a notice says that the count was 10 when "
        "it crossed 10.",
    )

    patience = 5.0  # seconds for the old processor to end

    def __init__(self, threshold: int = 10, work: float = 0.0):
        self.bus = EventBus()
        self.notifications: list[str] = []
        self._changed: tuple[str, bool | None] | None = None
        self._carried_over = 0  # dead letters of earlier buses
        self._number = widgets.HTML()
        self._notice = Status(text=_NO_NOTICE)
        self._threshold = widgets.BoundedIntText(
            value=threshold, min=1, max=1_000_000, description="Notify at",
            layout=widgets.Layout(width="180px"), continuous_update=False,
        )  # fmt: skip
        self._work = widgets.BoundedIntText(
            value=round(work * 1e3), min=0, max=2_000, description="Work per click (ms)",
            style={"description_width": "initial"}, layout=widgets.Layout(width="220px"),
        )  # fmt: skip
        self._executor = widgets.Dropdown(
            options=list(EXECUTORS), description="Processor", layout=widgets.Layout(width="320px")
        )
        self._painter = Painter(self._paint)
        self._connect()
        on_change(self._threshold, self._set_threshold)
        on_change(self._work, self._set_work)
        on_change(self._executor, self._change_executor)
        buttons = row(
            button("+1", lambda: self._click(1), "one click, one event"),
            button("×10", lambda: self._click(10), "ten clicks at once: ten events"),
            button("×100", lambda: self._click(100), "a hundred clicks at once: a hundred events"),
            button("+100", lambda: self._click(1, 100), "one click, one event that adds 100"),
            button("Reset", lambda: self.counter.reset(), "back to 0"),
        )
        super().__init__(
            "Live counter", self._number, buttons, row(self._threshold, self._work, self._executor),
            self._notice,
        )  # fmt: skip
        self._paint()

    def text(self) -> str:
        said = self.notifications[-1] if self.notifications else _NO_NOTICE
        waiting = self.counter.clicked - self.counter.handled
        clicks = "1 click waits" if waiting == 1 else f"{waiting} clicks wait"
        wait = f" {clicks}." if waiting else ""
        return f"[Live counter: {self.counter.value}.{wait} {said}]"

    def _connect(self, value: int = 0) -> None:
        executor = EXECUTORS[self._executor.value]()
        self.counter = Counter(self.bus, executor, self._threshold.value, self._work.value / 1e3)
        self.counter.value = value
        self.bus.subscribe("counter.changed", self._show)
        self.bus.subscribe("counter.reached", self._notify)
        self.bus.subscribe("error.>", self._show)

    def _click(self, clicks: int, count: int = 1) -> None:
        self._changed = None
        self.counter.click(clicks, count)
        self._painter.changed()
        self._painter.catch_up()

    def _show(self, _: Event) -> None:
        self._painter.changed()

    def _notify(self, event: Event) -> None:
        number = len(self.notifications) + 1
        self.notifications.append(
            f"Notification {number}: the count was {event.data['count']} when it crossed "
            f"{event.data['threshold']}."
        )
        self._painter.changed()

    def _set_threshold(self, threshold: int) -> None:
        self.counter.threshold = threshold

    def _set_work(self, milliseconds: int) -> None:
        self.counter.work = milliseconds / 1e3

    def _change_executor(self, _: str) -> None:
        """Connect a new bus for the new executor.

        The old executor first counts the waiting clicks, without their work, so that the page is
        not held up.
        """
        old, before = self.bus, self.counter.value
        self.counter.work = 0.0
        old.close(self.patience)
        letters = list(old.dead_letters)
        given_up = sum(isinstance(one.error, BusClosed) for one in letters[self._carried_over :])
        self.bus = EventBus()
        self.bus.dead_letters.extend(letters)
        self._carried_over = len(letters)
        self._connect(self.counter.value)
        if given_up:
            clicks = "1 click was" if given_up == 1 else f"{given_up} clicks were"
            self._tell_change(f"{clicks} given up: the old one was stuck.", False)
        elif self.counter.value != before:
            self._tell_change(
                "The clicks that waited were counted at once, without their work: from "
                f"{before} to {self.counter.value}."
            )

    def _tell_change(self, said: str, good: bool | None = None) -> None:
        """Show what happened to the waiting clicks, until the next click."""
        self._changed = f"Processor changed. {said}", good
        self._paint()

    def _paint(self) -> None:
        self._number.value = _picture(self.counter)
        if self._changed:
            self._notice.say(*self._changed)
        elif len(self.bus.dead_letters) > self._carried_over:
            last = self.bus.dead_letters[-1]
            self._notice.say(f"{last.handler} failed: {last.error}", good=False)
        elif self.notifications:
            self._notice.say(self.notifications[-1], good=True)
        else:
            self._notice.say(_NO_NOTICE)


def _picture(counter: Counter) -> str:
    """Return the number, a bar up to the threshold, and a dot for each click that waits."""
    value, threshold = counter.value, counter.threshold
    share = min(1.0, value / threshold)
    waiting = range(counter.handled + 1, counter.clicked + 1)
    dots = "".join(f"<i class='ek-dot'>{number}</i>" for number in waiting[:_MOST_DOTS])
    return (
        f"<div class='ek-number'>{value}</div>"
        f"<div class='ek-bar{' ek-full' if share == 1 else ''}' role='img' "
        f"aria-label='{value} of {threshold} up to the notification'>"
        f"<div style='width: {share:.1%}'></div></div>"
        f"<div class='ek-quiet ek-dots'>{len(waiting):,} waiting {dots}</div>"
    )
