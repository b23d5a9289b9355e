"""What the unit tests share: a bus that is closed after the test, and something to wait for."""

import functools
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from eventkit import EventBus
from eventkit.lab.lesson12 import grader
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


@pytest.fixture(autouse=True, scope="session")
def graded_once() -> Iterator[None]:
    """A capstone is graded in processes of its own: once for each text is enough here."""
    with pytest.MonkeyPatch.context() as patch:
        impatient = functools.partial(grader.first_finding, patience=2.0)
        patch.setattr(grader, "first_finding", functools.cache(impatient))
        yield
