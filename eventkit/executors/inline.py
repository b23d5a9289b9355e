"""Inline: run the handler at once, in the caller's thread. This is what blocking means."""

from __future__ import annotations

import threading
import time

from ..event import Event
from ..queues import Work
from . import WaitsBy


class _ThisThread(threading.local):
    """What each thread is called: looked up once, since a recorded bus asks for every event."""

    def __init__(self) -> None:
        self.name = threading.current_thread().name


this_thread = _ThisThread()


class Inline:
    """The caller waits until the handler is done, and everything behind the caller waits too.

    There is no queue: when `fire` returns, the handler has run.
    """

    name = "inline"
    waits_by: WaitsBy = None
    turns = 0

    def submit(self, work: Work, event: Event, /) -> None:
        work.run(event)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def worker(self) -> str:
        return this_thread.name

    def is_own_thread(self) -> bool:
        return False

    def wait_idle(self, timeout: float | None) -> bool:
        return True

    def unfinished(self) -> list[str]:
        return []

    def close(self, timeout: float) -> None:
        pass

    def __repr__(self) -> str:
        return "Inline()"
