"""A worker process: it goes on until it is killed, at the very place."""

import pytest

from eventkit.lab import run_worker

COUNT = """
import sys
for number in range(int(sys.argv[1])):
    print(number, flush=True)
    sys.stdin.readline()
"""


def test_a_worker_does_all_its_work() -> None:
    assert run_worker(COUNT, 3) == (["0", "1", "2"], False)


def test_a_worker_is_killed_where_it_was_told_to_be() -> None:
    assert run_worker(COUNT, 1_000_000, kill_at="2") == (["0", "1", "2"], True)


def test_a_worker_has_no_last_words() -> None:
    program = """
try:
    print("at work", flush=True)
    input()
finally:
    print("tidied up", flush=True)
"""
    assert run_worker(program).said == ["at work", "tidied up"]
    assert run_worker(program, kill_at="at work").said == ["at work"]


def test_a_worker_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"code 1. It said \['0'\].\n(.|\n)*ZeroDivisionError"):
        run_worker("print(0, flush=True)\n1 / 0")


def test_a_worker_that_was_never_there_is_no_success() -> None:
    with pytest.raises(RuntimeError, match="code 0 without having said 'seven'"):
        run_worker(COUNT, 2, kill_at="seven")
