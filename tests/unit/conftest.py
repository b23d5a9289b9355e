"""What the unit tests share: a bus that is closed after the test, and something to wait for."""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from eventkit import EventBus

T = TypeVar("T")
LONG = 20  # seconds within which everything happens unless something is broken


class Gate:
    """A handler that says when it has been entered and stays until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.handled: list[object] = []

    def __call__(self, event: object) -> None:
        self.entered.set()
        assert self.opened.wait(LONG)
        self.handled.append(event)

    def wait_entered(self) -> None:
        assert self.entered.wait(LONG)

    def open(self) -> None:
        self.opened.set()


def note(notes: list[T], what: T) -> Callable[[object], None]:
    """A handler that writes `what` into `notes`."""
    return lambda event: notes.append(what)


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    yield bus
    bus.close(timeout=1)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
