"""A KeyboardInterrupt at any instruction of a call on a log breaks nothing.

Each round raises it one instruction further, and then checks that the lock of the operating system
is free, that this thread and others can use the log, and that nothing acknowledged is gone. In the
quick tier it is raised at each line.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit.log.sqlite.file_lock import FileLock

from ..tiers import IS_LONG, rounds
from .interrupting import interrupt

LONG = 20.0
STEP = 1 if IS_LONG else 7  # of what opens a log, which takes a while

pytestmark = [
    pytest.mark.thorough,
    # an interrupt of what a finaliser calls goes no further
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def sweep(calls: Callable[[], Callable[[], object]], step: int = 1) -> Iterator[int]:
    """Interrupt a fresh call at each place, or each `step`th, one after another."""
    place = 1
    while interrupt(calls(), place, instructions=IS_LONG) is not None:
        yield place
        place += step


def in_time(work: Callable[[], object]) -> None:
    """Do it in another thread, and fail if it does not end."""
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(LONG)
    assert not worker.is_alive(), "a lock is still held"


def check_usable(log: ek.EventLog, path: Path) -> None:
    free = FileLock(f"{path}-lock")
    try:
        assert free.acquire(LONG), "the lock of the operating system is still held"
    finally:
        free.close()
    in_time(lambda: log.append(ek.Event("checked.by.others")))


class Site:
    """A log with something in it to claim, acknowledge, and lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = ek.open_log(path)
        self.consumer = self.log.consumer("mail", "work", max_tries=1_000_000)
        self.acknowledged: dict[int, str] = {}
        self.number = self.checked = 0
        self.add_work()

    def event(self) -> ek.CloudEvent:
        self.number += 1
        return ek.CloudEvent(id=str(self.number), source="/here", type="work")

    def add_work(self) -> None:
        self.append(self.event())

    def append(self, event: ek.CloudEvent, **options: Any) -> None:
        self.acknowledged[self.log.append(event, **options)] = event.id

    def append_all(self, events: list[ek.CloudEvent]) -> None:
        ids = [event.id for event in events]
        self.acknowledged |= dict(zip(self.log.append_all(events), ids, strict=True))

    def claim(self) -> list[ek.Delivery]:
        self.add_work()
        return self.consumer.claim(lease=60)

    def check(self) -> None:
        check_usable(self.log, self.path)
        newest = {n: id for n, id in self.acknowledged.items() if n > self.checked}
        stored = {entry.sequence: entry.event.id for entry in self.log.read(self.checked)}
        assert newest.items() <= stored.items()
        self.checked = max(stored)


def held(site: Site) -> ek.log.Lock:
    lock = site.log.lock(f"lock-{time.perf_counter_ns()}", ttl=60)
    lock.acquire()
    return lock


def following(site: Site, after: int) -> list[ek.Entry]:
    return list(site.log.follow(after, timeout=0.001))


CALLS: dict[str, Callable[[Site], Callable[[], object]]] = {
    "append": lambda site: partial(site.append, site.event()),
    "append, expecting": lambda site: partial(
        site.append, site.event(), expect=site.log.last_sequence_of("work")
    ),
    "append with a fence": lambda site: partial(site.append, site.event(), fence=held(site).token),
    "append_all": lambda site: partial(site.append_all, [site.event() for _ in range(3)]),
    "read": lambda site: lambda: list(site.log.read(topic="work", limit=3)),
    "follow": lambda site: partial(following, site, site.log.last_sequence - 1),
    "last_sequence_of": lambda site: partial(site.log.last_sequence_of, "work"),
    "claim": lambda site: partial(site.consumer.claim, 2),
    "claim and wait": lambda site: partial(site.consumer.claim, 2, wait=0.001),
    "ack": lambda site: partial(site.consumer.ack, *site.claim()),
    "nack": lambda site: partial(site.consumer.nack, *site.claim()),
    "extend": lambda site: partial(site.consumer.extend, *site.claim()),
    "acquire": lambda site: site.log.lock(f"lock-{time.perf_counter_ns()}").acquire,
    "renew": lambda site: held(site).renew,
    "release": lambda site: held(site).release,
    "consumer": lambda site: partial(site.log.consumer, f"c{time.perf_counter_ns()}", "work"),
    "usage": lambda site: site.log.usage,
}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt_at_any_place_leaves_the_log_usable(name: str, tmp_path: Path) -> None:
    site = Site(tmp_path / "log.db")
    places = 0
    for places in sweep(lambda: CALLS[name](site)):  # noqa: B007
        site.check()
    assert places > 5
    site.log.close()
    with ek.open_log(site.path) as again:
        stored = {entry.sequence: entry.event.id for entry in again.read()}
        assert site.acknowledged.items() <= stored.items()


def test_a_claim_that_was_interrupted_comes_again_when_its_lease_ends(tmp_path: Path) -> None:
    site = Site(tmp_path / "log.db")
    site.append_all([site.event() for _ in range(50)])
    for _ in sweep(lambda: partial(site.consumer.claim, lease=0.05)):
        pass
    time.sleep(0.06)
    found: set[int] = set()
    while claimed := site.consumer.claim(20, lease=60):
        found |= {delivery.sequence for delivery in claimed}
    assert found == site.acknowledged.keys()
    site.log.close()


def test_an_interrupted_close_can_be_repeated_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    logs: list[ek.EventLog] = []

    def fresh() -> Callable[[], object]:
        logs.append(ek.open_log(path))
        logs[-1].append(ek.Event("a"))
        return logs[-1].close

    for _ in sweep(fresh, STEP):
        in_time(logs[-1].close)
        with ek.open_log(path) as again:
            check_usable(again, path)
            assert len(list(again.read(topic="a"))) == len(logs)
    assert no_thread_is_left()


def test_an_interrupted_open_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    for _ in sweep(lambda: lambda: ek.open_log(path).close(), STEP):
        with ek.open_log(path) as again:
            check_usable(again, path)


def no_thread_is_left() -> bool:
    gc.collect()
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        if not [one for one in threading.enumerate() if one.name == "eventkit-log"]:
            return True
        time.sleep(0.01)
    return False


needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")


@needs_alarm
def test_a_signal_handler_may_append_while_the_log_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    handled = 0
    with ek.open_log(path) as log:
        consumer = log.consumer("mail")

        def handle(*_: object) -> None:
            nonlocal handled
            log.append(ek.Event("from.a.handler"))
            handled += 1

        before = signal.signal(signal.SIGALRM, handle)
        try:
            appended = 0
            while handled < rounds("EVENTKIT_SIGNALS", quick=100, long=5_000):
                # one at a time: a slow disk would pile up handlers that interrupt each other
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.002 * (appended % 13) / 13)
                log.append(ek.Event("a"))
                consumer.ack(*consumer.claim(5, wait=0.001))
                list(log.read(limit=10))
                appended += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        check_usable(log, path)
        assert len(list(log.read(topic="a"))) == appended
        assert len(list(log.read(topic="from.>"))) == handled


@needs_alarm
def test_real_interrupts_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path / "log.db")
    struck = 0

    def work_until_interrupted(after: float) -> None:
        """In a function of its own: some Pythons raise at the jump back, outside the `try`."""
        signal.setitimer(signal.ITIMER_REAL, after)
        while True:
            site.append(site.event())
            site.consumer.ack(*site.consumer.claim(3))

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        while struck < rounds("EVENTKIT_SIGNALS", quick=100, long=5_000):
            try:
                work_until_interrupted(0.0005 + 0.002 * (struck % 17) / 17)
            except KeyboardInterrupt:
                struck += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with suppress(ek.LeaseLost):
        site.consumer.ack(*site.consumer.claim(3))
    site.check()
    site.log.close()
