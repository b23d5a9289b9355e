"""The two tiers: `make test` for every change, `make test-long` for what takes longer.

Tests marked `long` run in the second tier only. Tests marked `thorough` run in both, and ask here
how many examples or rounds the present tier wants.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

IS_LONG = os.environ.get("EVENTKIT_TIER") == "long"


def rounds(variable: str, *, quick: int, long: int) -> int:
    """Return how often to try: the number in the environment `variable`, or that of the tier."""
    return int(os.environ.get(variable, long if IS_LONG else quick))


def mostly_long(values: Iterable[Any], *quick: Any) -> list[Any]:
    """Return a test's parameters, of which both tiers run those in `quick`, the second one all."""
    return [pytest.param(one, marks=() if one in quick else pytest.mark.long) for one in values]
