"""What every part of the soak is made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, NamedTuple

LONG = 60.0


class Turn(NamedTuple):
    """How many events there were in one turn, and how many things were made to go wrong."""

    events: int
    faults: int


Part = Callable[[Random], Turn]


def at_once(
    work: Callable[[int], object], workers: int, meanwhile: Callable[[], object] | None = None
) -> None:
    """Have `work(place)` done in so many threads; what goes wrong in one of them is raised."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, place) for place in range(workers)]
        while meanwhile and not all(future.done() for future in futures):
            meanwhile()
        for future in futures:
            future.result()


def until(is_so: Callable[[], Any]) -> None:
    """Wait until it is so. Raises AssertionError after a minute."""
    deadline = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.005)
