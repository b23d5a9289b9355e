"""Real signals at random moments: what a notebook's stop button sends."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import random, signal, sys
import eventkit as ek
random.seed(int(sys.argv[2]))
ran, given_up, fired = [], [], []
signals = lost = 0

class Work:
    name, is_async = "work", False
    def run(self, event): ran.append(event.id)
    def failed(self, event, error): given_up.append(event.id)
    def give_up(self, event, error=None): given_up.append(event.id)

work = Work()
makers = [
    lambda **o: ek.Threads(1, **o), lambda **o: ek.Threads(3, **o),
    ek.EventLoop, ek.Selector, ek.Greenlets,
]
options = [{}, {"capacity": 2}, {"capacity": 2, "overflow": "drop_oldest"}]
want = int(sys.argv[1])


def submit_until_interrupted(executor):  # some Pythons raise at a loop's end, outside the `try`
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 4e-4))
    for _ in range(200):
        event = ek.Event("a")
        executor.submit(work, event)
        fired.append(event.id)
        executor.wait_idle(5)


while signals < want:
    first, first_given_up = len(fired), len(given_up)
    executor = random.choice(makers)(**random.choice(options))
    for _ in range(25):
        try:
            submit_until_interrupted(executor)
        except (KeyboardInterrupt, RuntimeError):
            signals += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    before = len(ran)
    executor.submit(work, ek.Event("a"))
    assert executor.wait_idle(20), executor.unfinished()
    assert len(ran) > before, executor
    executor.close(20)
    # an event is counted as dropped, and then given up: an interrupt in between leaves it counted
    untold = executor.dropped - len(given_up[first_given_up:])
    lost += max(0, len({*fired[first:]} - {*ran} - {*given_up}) - untold)
assert len(ran) == len(set(ran)), "run twice"
print(signals, lost)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no setitimer")
@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.long)])
def test_signals_at_random_moments_leave_every_executor_at_work(count: int) -> None:
    program = "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)\n" + PROGRAM
    ended = subprocess.run(
        [sys.executable, "-c", program, str(count), "7"],
        capture_output=True, encoding="utf-8", timeout=280, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3_000:]
    signals, lost = map(int, ended.stdout.split())
    assert signals >= count
    assert lost == 0
