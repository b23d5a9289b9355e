"""What a user still sees after their rights were revoked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ...bus import EventBus
from ...event import Event
from ...executors.threads import Threads

if TYPE_CHECKING:
    from ...security import AccessPolicy, Identity


def seen_of_two(bus: EventBus, policy: AccessPolicy, anns: EventBus | Identity) -> list[object]:
    """Return what Ann's handler, subscribed with `anns`, sees of the events "before" and "after".

    Her rights are revoked while the first is being handled and the second waits in its queue.
    """
    handling, is_revoked = threading.Event(), threading.Event()
    seen: list[object] = []

    def show(event: Event) -> None:
        handling.set()
        is_revoked.wait(timeout=10)
        seen.append(event.data)

    anns.subscribe("counter.>", show, executor=Threads(1))
    bus.fire("counter.changed", "before")
    bus.fire("counter.changed", "after")
    handling.wait(timeout=10)
    policy.revoke("ann")
    is_revoked.set()
    bus.drain(timeout=10)
    return seen
