"""Inline: run the handler at once, in the caller's thread. The caller is blocked meanwhile."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..event import Event
from ..handlers import WaitsBy, check_returned
from .queue import Work


class Unqueued:
    """What executors that run handlers in the caller have in common."""

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

    async def wait_idle_async(self, timeout: float | None) -> bool:
        return True

    def unfinished(self) -> list[str]:
        return []

    def rest(self) -> None:
        pass

    def close(self, timeout: float) -> None:
        pass


class Inline(Unqueued):
    """Runs handlers in the caller's thread, without a queue. When `fire` returns, they have run."""

    name = "inline"
    waits_by: WaitsBy = None

    def submit(self, work: Work, event: Event, /) -> None:
        check_returned(work.run(event))

    def __repr__(self) -> str:
        return "Inline()"
