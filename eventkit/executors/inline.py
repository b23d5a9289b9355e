"""Inline: run the handler at once, in the caller's thread. This is what blocking means."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..event import Event
from ..handlers import check_returned
from .base import WaitsBy
from .queue import Work


class Unqueued:
    """What executors have in common that run handlers in the caller and keep nothing."""

    activations = 0

    def pause(self, seconds: float) -> Any:
        time.sleep(seconds)

    def worker(self) -> str:
        return threading.current_thread().name

    def is_own_thread(self) -> bool:
        return False

    def is_only_worker(self) -> bool:
        return False

    def is_at(self, key: str) -> bool:
        return False

    def wait_idle(self, timeout: float | None) -> bool:
        return True

    def unfinished(self) -> list[str]:
        return []

    def rest(self) -> None:
        pass

    def close(self, timeout: float) -> None:
        pass


class Inline(Unqueued):
    """The caller waits until the handler is done, and everything behind the caller waits too.

    There is no queue: when `fire` returns, the handler has run.
    """

    name = "inline"
    waits_by: WaitsBy = None

    def submit(self, work: Work, event: Event, /) -> None:
        check_returned(work.run(event))

    def __repr__(self) -> str:
        return "Inline()"
