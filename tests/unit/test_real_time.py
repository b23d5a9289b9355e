"""real_time: the switch interval while it lasts, and as it was afterwards."""

import sys
import threading
import time

import pytest

import eventkit as ek


def test_the_interval_holds_within_the_block_and_is_restored_also_after_an_error() -> None:
    usual = sys.getswitchinterval()
    seen = []

    def fail() -> None:
        with ek.real_time(0.001):
            seen.append(sys.getswitchinterval())
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert seen == pytest.approx([0.001])
    assert sys.getswitchinterval() == usual


def test_of_blocks_that_overlap_the_shortest_interval_wins_whichever_ends_first() -> None:
    usual = sys.getswitchinterval()
    one, other = ek.real_time(0.001), ek.real_time(0.002)
    one.__enter__()
    other.__enter__()
    assert sys.getswitchinterval() == pytest.approx(0.001)
    one.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.002)
    other.__exit__(None, None, None)
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize("interval", [0, -1, 2, float("nan"), float("inf"), True, "0.1", None])
def test_what_cannot_be_an_interval_is_refused(interval: float) -> None:
    with (
        pytest.raises(ValueError, match=r"in seconds, 0\.000001 to 1; got"),
        ek.real_time(interval),
    ):
        pass


def lateness(requests: int, interval: float) -> float:
    """Seconds by which a thread that gives the lock away so often is late, beside one that
    computes.
    """
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    busy = threading.Thread(target=compute)
    with ek.real_time(interval):
        busy.start()
        began = time.perf_counter()
        for _ in range(requests):
            time.sleep(0.005)
        late = time.perf_counter() - began - requests * 0.005
        stop.set()
        busy.join()
    return late


def test_a_handler_is_late_each_time_it_asks_for_the_lock() -> None:
    interval = 0.02
    assert lateness(10, interval) > 5 * interval
