"""What a panel does when its widgets are used from the two threads of JupyterLab's kernel."""

from __future__ import annotations

import asyncio
import threading

import pytest

from eventkit.lab.lesson02.counter import EXECUTORS, CounterPanel
from eventkit.lab.panels.turns import one_at_a_time


def test_a_callback_runs_on_the_notebooks_loop_whatever_thread_calls_it() -> None:
    ran: list[tuple[str, int]] = []

    async def notebook() -> None:
        callback = one_at_a_time(lambda what: ran.append((what, threading.get_ident())))
        await asyncio.to_thread(callback, "from another thread")
        await asyncio.sleep(0)
        callback("from here")

    asyncio.run(notebook())

    assert ran == [(what, threading.get_ident()) for what in ("from another thread", "from here")]


def test_a_callback_does_not_overtake_one_that_another_thread_called_before() -> None:
    ran: list[str] = []

    async def notebook() -> None:
        undo = one_at_a_time(ran.append)

        @one_at_a_time
        def key(what: str) -> None:
            ran.append(what)
            undo(f"{what}, its effect")

        for what in ("first", "second"):
            other = threading.Thread(target=key, args=(what,))
            other.start()
            other.join()  # the loop has not run since
        undo("undo")
        while len(ran) < 5:
            await asyncio.sleep(0)
        undo("again, at once")

    asyncio.run(notebook())

    keys = ["first", "first, its effect", "second", "second, its effect"]
    assert ran == [*keys, "undo", "again, at once"]


def test_an_interrupt_before_the_loop_is_asked_delays_no_later_callback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    async def notebook() -> None:
        loop, callback = asyncio.get_running_loop(), one_at_a_time(ran.append)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        def call_and_be_interrupted() -> None:
            with monkeypatch.context() as patch:
                patch.setattr(loop, "call_soon_threadsafe", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    callback("first")

        thread = threading.Thread(target=call_and_be_interrupted)
        thread.start()
        thread.join()
        callback("second")
        await asyncio.sleep(0)
        assert ran == ["first", "second"]
        callback("third")

    asyncio.run(notebook())

    assert ran == ["first", "second", "third"]


def test_a_callback_that_fails_keeps_no_other_waiting() -> None:
    ran: list[str] = []

    async def notebook() -> None:
        def fail(_: object) -> None:
            raise ValueError("nonsense")

        with pytest.raises(ValueError, match="nonsense"):
            one_at_a_time(fail)("here")
        good = one_at_a_time(ran.append)
        await asyncio.to_thread(good, "from another thread")
        good("from here")
        await asyncio.sleep(0)

    asyncio.run(notebook())

    assert ran == ["from another thread", "from here"]


def test_a_callback_runs_at_once_where_no_loop_runs() -> None:
    ran: list[str] = []

    one_at_a_time(ran.append)("click")

    assert ran == ["click"]


def test_no_click_is_lost_while_another_thread_changes_the_processor() -> None:
    rounds = 30

    async def notebook() -> CounterPanel:
        panel = CounterPanel()

        def change() -> None:
            for number in range(rounds):
                panel._executor.value = list(EXECUTORS)[number % len(EXECUTORS)]

        changing = asyncio.create_task(asyncio.to_thread(change))
        for _ in range(rounds):
            panel._click(10)
            await asyncio.sleep(0)
        await changing
        await asyncio.sleep(0)
        panel.bus.close()
        return panel

    panel = asyncio.run(notebook())

    assert panel.counter.value == 10 * rounds
