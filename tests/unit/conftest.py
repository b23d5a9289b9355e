"""What the unit tests share: a bus that is closed after the test, and something to wait for."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from eventkit import EventBus
from eventkit.testing import LONG as LONG, Gate as Gate

T = TypeVar("T")


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
