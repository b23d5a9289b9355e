"""What every test with interrupts gets."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what a test leaves behind if it bears warnings: in another test they would be
    failures. What is interrupted before it has a name, such as a connection just opened, is closed
    by Python alone, when an exception's frames are collected.
    """
    yield
    if request.node.get_closest_marker("filterwarnings"):
        gc.collect()


@pytest.fixture(autouse=True)
def swallowed_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bear that an interrupt comes while Python collects garbage, also that of an earlier test.

    What a finalizer, the callback of a weak reference or a generator that is closed raises goes no
    further: Python prints it, and pytest makes a failure of it.
    """
    report = sys.unraisablehook

    def report_the_others(what: sys.UnraisableHookArgs) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            report(what)

    monkeypatch.setattr(sys, "unraisablehook", report_the_others)
