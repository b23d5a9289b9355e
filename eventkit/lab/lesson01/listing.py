"""The appendix of lesson 01: what Python says to the lines of a listing that cannot run."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from importlib.util import find_spec

# What eventlet 0.41.3 offers, for where it is not installed.
_NAMES = """
    BoundedSemaphore CappedSemaphore Event GreenPile GreenPool Queue Semaphore
    StopServe Timeout call_after_global connect convenience event exc_after
    getcurrent green greenio greenlet greenpool greenthread hubs import_patched
    is_timeout kill listen monkey_patch patcher queue semaphore serve sleep spawn
    spawn_after spawn_n support timeout with_timeout wrap_is_timeout wrap_ssl
"""


def eventlet_offers(word: str) -> list[str] | str:
    """Return the names in the library eventlet that have this word in them, or "not there"."""
    names = _NAMES.split()
    if find_spec("eventlet"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it is retired
            names = dir(importlib.import_module("eventlet"))
    return sorted(name for name in names if word in name.lower()) or "not there"


def python_says(attempt: Callable[[], object]) -> object:
    """Return what the attempt returns, or in words what it raises."""
    try:
        return attempt()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
