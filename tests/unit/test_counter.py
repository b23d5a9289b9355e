"""The live counter: its processor can be changed at any time, and no click is lost silently."""

from __future__ import annotations

from contextlib import suppress

import ipywidgets as widgets
import pytest

from eventkit.lab.lesson02.counter import EXECUTORS, CounterPanel
from eventkit.testing import Gate, wait_until

INLINE, THREADS, LOOP = EXECUTORS


def change(panel: CounterPanel, executor: str) -> None:
    panel._executor.value = executor


@pytest.mark.parametrize(("before", "after"), [(THREADS, LOOP), (LOOP, THREADS), (THREADS, INLINE)])
def test_the_processor_can_be_changed_while_clicks_wait(before: str, after: str) -> None:
    panel = CounterPanel(work=0.1)
    change(panel, before)
    panel._click(100)

    change(panel, after)  # it takes ten seconds to count them, and a bus is closed after five

    assert panel.counter.value == 100
    assert panel._notice.text.startswith("Processor changed. The clicks that waited were counted")
    assert panel.counter.work == 0.1
    panel._click(1)
    wait_until(lambda: panel.counter.value == 101)
    panel._painter.paint_now()
    assert panel._notice.text.startswith("Notification 1:")
    panel.bus.assert_clean()
    panel.bus.close()


def test_clicks_that_are_given_up_are_told_and_the_counter_lives_on(gate: Gate) -> None:
    panel = CounterPanel()
    panel.patience = 0.1
    change(panel, THREADS)
    panel.bus.subscribe("counter.changed", gate)
    panel._click(3)

    change(panel, LOOP)

    assert panel._notice.text == "Processor changed. 2 clicks were given up: the old one was stuck."
    assert len(panel.bus.dead_letters) == 2  # where assert_clean sees them
    panel._click(1)
    wait_until(lambda: panel.counter.value == 2)

    change(panel, INLINE)
    panel._painter.paint_now()
    assert "given up" not in panel._notice.text  # these are not given up once more
    panel._click(1, 100)
    panel._painter.paint_now()
    assert panel._notice.text.startswith("Notification 1:")
    panel.bus.close()


def test_clicks_that_wait_are_drawn_and_told(gate: Gate) -> None:
    panel = CounterPanel(threshold=4)
    change(panel, THREADS)
    panel.bus.subscribe("counter.changed", gate)
    panel._click(40)
    gate.wait_entered()
    panel._painter.paint_now()

    assert panel.text().startswith("[Live counter: 1. 39 clicks wait.")
    assert "<i class='ek-dot'>2</i>" in panel._number.value
    assert panel._number.value.count("ek-dot'") == 30 and "39 waiting" in panel._number.value
    assert "aria-label='1 of 4 up to the notification'" in panel._number.value

    gate.open()
    panel.bus.drain(10)
    panel._painter.paint_now()
    assert panel.text().startswith("[Live counter: 40. Notification 1")
    assert "ek-dot'" not in panel._number.value and "ek-full" in panel._number.value
    panel.bus.close()


@pytest.mark.parametrize("executor", [INLINE, THREADS, LOOP])
def test_a_click_whose_work_was_interrupted_does_not_wait(
    executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = CounterPanel()
    change(panel, executor)
    monkeypatch.setattr(panel.counter, "_add", interrupted)
    with suppress(KeyboardInterrupt):
        panel._click(1)
    panel.bus.drain(10)

    assert panel.text().startswith("[Live counter: 0. No notification")
    assert panel.bus.dead_letters
    panel.bus.close()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_event_of_a_hundred_jumps_over_the_threshold_and_is_told_once(executor: str) -> None:
    panel = CounterPanel(threshold=250)
    change(panel, executor)
    counts: list[int] = []
    panel.bus.subscribe("counter.changed", lambda event: counts.append(event.data["after"]))
    for _ in range(4):
        button(panel, "+100").click()
    panel.bus.drain(10)

    assert counts == [100, 200, 300, 400]  # a rule that asks for == 250 would never tell
    assert panel.notifications == ["Notification 1: the count was 300 when it crossed 250."]
    panel.bus.close()


def test_a_hundred_clicks_stand_on_the_threshold_and_each_crossing_is_told_once() -> None:
    panel = CounterPanel(threshold=250)
    for label in ("×100", "×100", "×100", "Reset", "+100", "+100", "×10", "×100", "+1"):
        button(panel, label).click()

    assert panel.counter.value == 311
    assert panel.notifications == [
        "Notification 1: the count was 250 when it crossed 250.",
        "Notification 2: the count was 250 when it crossed 250.",
    ]
    panel.bus.close()


def button(panel: CounterPanel, label: str) -> widgets.Button:
    return next(
        one
        for row in panel.children
        for one in getattr(row, "children", ())
        if isinstance(one, widgets.Button) and one.description == label
    )


def interrupted(_: object) -> dict[str, int]:
    raise KeyboardInterrupt
