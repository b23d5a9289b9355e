"""A million events from four threads, a fifth of it in the quick tier: each handled exactly once,
in order, in flat memory.
"""

import gc
import sys
import threading
from pathlib import Path
from time import perf_counter

import pytest

import eventkit as ek

from ..tiers import IS_LONG

PRODUCERS = 4
EACH = 250_000 if IS_LONG else 50_000
KEYS = 4  # for each producer


def resident() -> float:
    """MiB of this process in memory now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.measures
@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_events_are_handled_once_each_in_order_and_in_flat_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import resource  # is not there on Windows

    seen = [[bytearray(EACH // KEYS) for _ in range(KEYS)] for _ in range(PRODUCERS)]
    last = [[-1] * KEYS for _ in range(PRODUCERS)]
    out_of_order: list[ek.Event] = []
    keys = [[f"{place}-{key}" for key in range(KEYS)] for place in range(PRODUCERS)]
    executor = ek.Threads(4, capacity=1_000, overflow="block")
    most_waiting = 0

    def handle(event: ek.Event) -> None:
        place, key, number = event.data
        seen[place][key][number] += 1
        if number != last[place][key] + 1:
            out_of_order.append(event)
        last[place][key] = number

    def fire(place: int) -> None:
        nonlocal most_waiting
        for number in range(EACH // KEYS):
            for key in range(KEYS):
                bus.fire("a", (place, key, number), key=keys[place][key])
            most_waiting = max(most_waiting, executor.waiting)

    with ek.EventBus() as bus:
        bus.subscribe("a", handle, executor=executor)
        gc.collect()
        before, began = resident(), perf_counter()
        threads = [threading.Thread(target=fire, args=(place,)) for place in range(PRODUCERS)]
        for thread in threads:
            thread.start()
        peak = before
        for thread in threads:
            while thread.is_alive():
                thread.join(0.05)
                peak = max(peak, resident())
        bus.drain(60)
        seconds, growth = perf_counter() - began, peak - before
        bus.assert_clean()

    assert all(set(counts) == {1} for place in seen for counts in place)
    assert not out_of_order
    assert executor.dropped == 0
    assert most_waiting <= 1_000
    assert growth < 20, "a thousand events that wait take well under a megabyte"
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(
            f"\n{PRODUCERS * EACH:,} events in {seconds:.1f} s; "
            f"resident memory {before:.1f} MiB before, "
            f"{growth:.1f} MiB more at the peak (process peak {whole:.1f} MiB); "
            f"at most {most_waiting} waiting"
        )
