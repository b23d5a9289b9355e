"""What the unit tests share: a bus that is closed after the test."""

from collections.abc import Iterator

import pytest

from eventkit import EventBus


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    yield bus
    bus.close(timeout=1)
