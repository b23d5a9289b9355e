"""Numbers are checked where they come in, by one helper."""

from __future__ import annotations

import math
import threading

import pytest

from eventkit import checks

NO_TIMES = [
    math.nan,
    math.inf,
    -math.inf,
    -1,
    -0.1,
    True,
    "1",
    None,
    1j,
    threading.TIMEOUT_MAX * 2,
    10**400,
]


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_what_a_thread_cannot_wait_for_is_refused_with_what_was_given(value: object) -> None:
    with pytest.raises(ValueError, match="pause is a number of seconds") as refusal:
        checks.seconds("pause", value)
    assert repr(value) in str(refusal.value)


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, threading.TIMEOUT_MAX])
def test_a_time_is_returned_as_it_was_given(value: float) -> None:
    assert checks.seconds("pause", value) is value


def test_zero_is_refused_where_a_time_must_pass() -> None:
    with pytest.raises(ValueError, match="more than 0; got 0"):
        checks.seconds("pause", 0, above_zero=True)


def test_none_means_no_limit_where_there_may_be_none() -> None:
    assert checks.optional_seconds("timeout", None) is None
    assert checks.optional_seconds("timeout", 3) == 3
    with pytest.raises(ValueError, match="None means no limit"):
        checks.optional_seconds("timeout", math.nan)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None, math.nan], ids=repr)
def test_a_count_is_an_int_of_one_or_more(value: object) -> None:
    with pytest.raises(ValueError, match="the number of threads, a whole number of 1 or more"):
        checks.whole_number("workers", value, "the number of threads")


def test_a_count_may_begin_at_zero_where_that_makes_sense() -> None:
    assert checks.whole_number("keep", 0, "how many stay", least=0) == 0
