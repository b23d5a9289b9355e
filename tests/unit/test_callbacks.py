"""What a panel does when its widgets are used from the two threads of JupyterLab's kernel."""

from __future__ import annotations

import asyncio
import threading

from eventkit.lab.lesson02.counter import EXECUTORS, CounterPanel
from eventkit.lab.panels.panel import one_at_a_time


def test_a_callback_runs_on_the_notebooks_loop_whatever_thread_calls_it() -> None:
    ran: list[tuple[str, int]] = []

    async def notebook() -> None:
        callback = one_at_a_time(lambda what: ran.append((what, threading.get_ident())))
        await asyncio.to_thread(callback, "from another thread")
        await asyncio.sleep(0)
        callback("from here")

    asyncio.run(notebook())

    assert ran == [(what, threading.get_ident()) for what in ("from another thread", "from here")]


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
