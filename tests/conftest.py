"""What every test here gets: an end. A test that hangs fails after five minutes.

The limit is set here and not in pyproject.toml, whose settings also reach those who run our
notebooks under nbval without pytest-timeout.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

TIMEOUT = 300  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


def pytest_collection_finish() -> None:
    """Keep the thousands of tests out of each garbage collection: they stay to the end anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def quiet() -> Iterator[None]:
    """Do not log what a test makes fail on purpose."""
    log = logging.getLogger("eventkit")
    log.disabled = True
    yield
    log.disabled = False
