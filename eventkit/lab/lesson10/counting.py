"""Machines that count together, and what their answers show."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ...event import Event
from ..course.session import Table
from ..processes.child import Machine

if TYPE_CHECKING:
    from ...nats import Arrived, NatsServer

PATIENCE = 20  # seconds for an answer on a busy machine
AROUND = 6  # numbers on each side of a fall


@contextmanager
def machines(number: int, program: str, *arguments: object) -> Iterator[list[Machine]]:
    """Run this many machines with one program, all of them ready. They end with the with block."""
    with ExitStack() as running:
        started = [running.enter_context(Machine(program, *arguments)) for _ in range(number)]
        for machine in started:
            machine.wait_for("ready")
        yield started


def take(screen: queue.Queue[Event], number: int, topic: str | None = None) -> list[Event]:
    """Return the next events of a screen, or only those on a topic. Waits for each of them."""
    taken: list[Event] = []
    while len(taken) < number:
        event = screen.get(timeout=PATIENCE)
        if topic in (None, event.topic):
            taken.append(event)
    return taken


def numbers_by_machine(answers: Sequence[Arrived]) -> list[list[int]]:
    """Return the numbers that each machine sent, in the order in which they arrived."""
    found: dict[str, list[int]] = {}
    for answer in answers:
        found.setdefault(answer.original.source, []).append(answer.data["after"])
    return list(found.values())


def beliefs_table(parts: Sequence[Sequence[int]]) -> Table:
    """Return a table of how many clicks each machine counted, and what it takes for the count."""
    return Table(
        ["machine", "clicks that it counted", "the number that it believes"],
        [[place, len(numbers), numbers[-1]] for place, numbers in enumerate(parts, start=1)],
    )


def around_a_fall(shown: Sequence[int]) -> list[int]:
    """Return the numbers around the first one that is smaller than the one before; [] if none is.

    Whatever this returns falls in its middle, so the numbers show what they are printed for.
    """
    for place in range(1, len(shown)):
        if shown[place] < shown[place - 1]:
            return list(shown[max(0, place - AROUND) : place + AROUND])
    return []


def wait_until_noticed(server: NatsServer, connections: int) -> None:
    """Wait until the server has no more than this many connections: a killed client is gone."""
    while server.monitor("connz")["num_connections"] > connections:
        time.sleep(0.01)
