"""Systems that are graded: two that are good, each of another kind than the reference, and with
tests of two kinds: those that close a system and look, and those that wait while it runs.
"""

from __future__ import annotations

HEAD = "import eventkit as ek\n\n\ndef build(path, work, target):\n"

QUEUE_WORKER = '''
"""Worker threads that claim visitors from a queue on disk, and acknowledge them."""

import threading
from contextlib import suppress

import eventkit as ek


class Museum:
    def __init__(self, path, work, target):
        policy = ek.AccessPolicy()
        for door in ("north", "south"):
            policy.allow(door, publish=f"door.{door}")
        policy.allow("screen", subscribe=["count.>", "notice.>"])
        self.bus = ek.EventBus(policy)
        self.log = ek.open_log(path)
        self.queue = self.log.consumer("printers", "door.*", max_tries=100)
        self.work, self.target = work, target
        self.lock = threading.Lock()
        self.known = {entry.data["visitor"] for entry in self.log.read(topic="door.*")}
        self.finished = {entry.data["visitor"] for entry in self.log.read(topic="done.*")}
        self.count = sum(1 for _ in self.log.read(topic="done.served"))
        self.closing = threading.Event()
        self.threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(4)]
        self.bus.subscribe("door.*", self.admit)

    def admit(self, event):
        visitor = event.data["visitor"]
        with self.lock:
            if visitor in self.known:
                return
            if len(self.known) - len(self.finished) >= 22:
                raise ek.QueueFull(event, "no room, refused")
            self.log.append(event)
            self.known.add(visitor)

    def serve(self):
        while True:
            deliveries = self.queue.claim(1, lease=30.0, wait=0.02)
            for delivery in deliveries:
                visitor = delivery.data["visitor"]
                if visitor not in self.finished:
                    self.finish(visitor, self.try_it(visitor))
                with suppress(ek.LeaseLost):
                    self.queue.ack(delivery)
            if not deliveries and self.closing.is_set():
                return

    def serve_first(self, visitors):
        for visitor in visitors:
            if visitor not in self.finished:
                self.finish(visitor, self.try_it(visitor))

    def try_it(self, visitor):
        for _ in range(3):
            with suppress(Exception):
                self.work(visitor)
                return True
        return False

    def finish(self, visitor, served):
        data = {"visitor": visitor}
        with self.lock:
            self.log.append(ek.Event("done.served" if served else "done.failed", data))
            self.finished.add(visitor)
            if not served:
                self.bus.fire("visitor.failed", data)
                return
            self.count += 1
            self.bus.fire("count.changed", {"count": self.count, **data})
            if self.count == self.target:
                self.bus.fire("notice.full", {"count": self.count})

    def start(self):
        self.serve_first(sorted(self.known - self.finished))  # what a killed process had claimed
        for thread in self.threads:
            thread.start()

    def close(self):
        self.closing.set()
        for thread in self.threads:
            thread.join(30)
        self.bus.close()
        self.log.close()


def build(path, work, target):
    return Museum(path, work, target)
'''

EVENT_LOOP = '''
"""One event loop that counts without a lock, and gives the printing to four threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import eventkit as ek


class Museum:
    def __init__(self, path, work, target):
        policy = ek.AccessPolicy()
        policy.allow("north", publish="door.north")
        policy.allow("south", publish="door.south")
        policy.allow("screen", subscribe=["count.*", "notice.*", "count.>", "notice.>"])
        self.bus, self.log = ek.EventBus(policy), ek.open_log(path)
        self.work, self.target = work, target
        self.printers = ThreadPoolExecutor(4)
        self.state = {}
        for entry in self.log.read(topic="door.*"):
            self.state[entry.data["visitor"]] = "waiting"
        for entry in self.log.read(topic="ticket.*"):
            self.state[entry.data["visitor"]] = entry.topic
        self.bus.subscribe("door.*", self.admit)
        self.bus.subscribe("queue.in", self.serve, executor=ek.EventLoop())

    def admit(self, event):
        visitor = event.data["visitor"]
        if visitor in self.state:
            return
        if sum(state == "waiting" for state in list(self.state.values())) >= 24:
            raise ek.QueueFull(event, "full, and refused")
        self.state[visitor] = "waiting"
        self.log.append(event)
        self.bus.fire("queue.in", visitor)

    async def serve(self, event):
        loop, visitor, topic = asyncio.get_running_loop(), event.data, "ticket.none"
        for _ in range(3):
            try:
                await loop.run_in_executor(self.printers, self.work, visitor)
            except Exception:
                continue
            topic = "ticket.printed"
            break
        self.log.append(ek.Event(topic, {"visitor": visitor}))
        self.state[visitor] = topic
        if topic == "ticket.none":
            self.bus.fire("visitor.failed", {"visitor": visitor})
            return
        count = sum(state == "ticket.printed" for state in list(self.state.values()))
        self.bus.fire("count.changed", {"count": count, "visitor": visitor})
        if count == self.target:
            self.bus.fire("notice.full", {"count": count})

    def start(self):
        for visitor, state in list(self.state.items()):
            if state == "waiting":
                self.bus.fire("queue.in", visitor)

    def close(self):
        self.bus.close(timeout=30)
        self.printers.shutdown()
        self.log.close()


def build(path, work, target):
    return Museum(path, work, target)
'''

CLOSE_AND_LOOK = '''

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from eventkit import testing


def run(build, doors, target):
    """The counts, the notices and the tickets, once all have been let in through their doors."""
    tickets = []
    with tempfile.TemporaryDirectory() as folder:
        system = build(f"{folder}/museum.db", tickets.append, target)
        counts, notices = testing.Captured(), testing.Captured()
        system.bus.subscribe("count.changed", counts)
        system.bus.subscribe("notice.full", notices)
        system.start()

        def report(door, visitors):
            for visitor in visitors:
                testing.wait_until(lambda: let_in(system.bus.as_(door), door, visitor))

        with ThreadPoolExecutor(len(doors)) as pool:
            for done in [pool.submit(report, *one) for one in doors]:
                done.result()
        system.close()
    return counts.data, len(notices), sorted(tickets)


def let_in(bus, door, visitor):
    try:
        bus.fire(f"door.{door}", {"visitor": visitor})
    except ek.QueueFull:
        return False
    return True


def check(counts, tickets, expected):
    assert [one["count"] for one in counts] == list(range(1, len(expected) + 1))
    assert sorted(one["visitor"] for one in counts) == expected
    assert tickets == expected


def integration_test(build):
    counts, notices, tickets = run(build, [("north", [1, 3, 1]), ("south", [2, 4])], 3)
    check(counts, tickets, [1, 2, 3, 4])
    assert notices == 1


def stress_test(build):
    counts, _, tickets = run(build, [("north", range(150)), ("south", range(150, 300))], 10)
    check(counts, tickets, list(range(300)))


def fault_test(build):
    """A ticket fails, the system is closed at once, and then built again on the same path."""
    tickets, counts, notices = [], testing.Captured(), testing.Captured()

    def work(visitor):
        tickets.append(visitor)
        time.sleep(0.02)
        if visitor == 2:
            raise OSError("no paper")

    with tempfile.TemporaryDirectory() as folder:
        for visitors in [1, 2, 3], [3, 1]:
            system = build(f"{folder}/museum.db", work, 2)
            system.bus.subscribe("count.changed", counts)
            system.bus.subscribe("notice.full", notices)
            system.start()
            for visitor in visitors:
                door = ("north", "south")[visitor % 2]
                assert let_in(system.bus.as_(door), door, visitor)
            system.close()
            assert [one["count"] for one in counts.data] == [1, 2]
            assert sorted(tickets) == [1, 2, 2, 2, 3]
            assert len(notices) == 1
        assert is_forgery_denied(folder, build)


def is_forgery_denied(folder, build):
    system = build(f"{folder}/forged.db", time.sleep, 2)
    system.start()
    try:
        system.bus.as_("screen").fire("count.changed", {"count": 7, "visitor": 7})
    except ek.PermissionDenied:
        return True
    finally:
        system.close()
    return False
'''

WAIT_AND_LOOK = '''

import tempfile
import threading

from eventkit import testing


def integration_test(build):
    """A printer that is held, as a gate, so that a visitor is reported again while served."""
    held, printed = threading.Event(), []

    def work(visitor):
        assert held.wait(20)
        printed.append(visitor)

    with tempfile.TemporaryDirectory() as folder:
        system = build(folder + "/museum.db", work, 2)
        with testing.captured(system.bus, "count.*") as changed, \\
                testing.captured(system.bus, "notice.full") as full:
            system.start()
            for door, visitor in ("north", 7), ("south", 8), ("north", 7), ("north", 9):
                system.bus.as_(door).fire("door." + door, {"visitor": visitor})
            held.set()
            try:
                changed.wait(3, timeout=10)
            finally:
                system.close()
        assert [one["count"] for one in changed.data] == [1, 2, 3], changed.data
        assert sorted(one["visitor"] for one in changed.data) == sorted(printed) == [7, 8, 9]
        assert full.data, "nobody was told"
        assert len(full.data) < 2, "told again"


def stress_test(build):
    """The printers stand still until somebody has been refused, and then all come again."""
    refused = threading.Event()

    with tempfile.TemporaryDirectory() as folder:
        system = build(folder + "/museum.db", lambda visitor: refused.wait(20), 50)
        counted = []
        system.bus.subscribe("count.changed", lambda event: counted.append(event.data))
        system.start()

        def come(door, numbers):
            waiting = list(numbers)
            while waiting:
                try:
                    system.bus.as_(door).fire("door." + door, {"visitor": waiting[-1]})
                    waiting.pop()
                except ek.QueueFull:
                    refused.set()
                    threading.Event().wait(0.001)

        doors = [threading.Thread(target=come, args=("north", range(0, 220, 2))),
                 threading.Thread(target=come, args=("south", range(1, 221, 2)))]
        for one in doors:
            one.start()
        for one in doors:
            one.join()
        assert refused.is_set()
        system.close()
        assert {one["visitor"] for one in counted} == set(range(220))
        assert [one["count"] for one in counted] == [*range(1, 221)]


def fault_test(build):
    """A printer that is held until close() waits for it; then a process that must remember."""
    held, called, fired = threading.Event(), [], []

    def work(visitor):
        called.append(visitor)
        assert held.wait(20)
        if visitor == 5:
            raise RuntimeError("out of ink")

    def begin(folder):
        system = build(folder + "/museum.db", work, 1)
        for topic in "count.changed", "notice.full", "visitor.failed":
            system.bus.subscribe(topic, fired.append)
        system.start()
        return system

    with tempfile.TemporaryDirectory() as folder:
        system = begin(folder)
        for visitor in 4, 5:
            system.bus.as_("north").fire("door.north", {"visitor": visitor})
        try:
            system.bus.as_("screen").fire("count.changed", {"count": 100, "visitor": 4})
        except ek.PermissionDenied:
            pass
        else:
            raise AssertionError("the screen published")
        threading.Timer(0.1, held.set).start()
        system.close()
        seen = sorted(event.topic for event in fired), sorted(called)
        assert seen == (["count.changed", "notice.full", "visitor.failed"], [4, 5, 5, 5])
        system = begin(folder)
        system.bus.as_("south").fire("door.south", {"visitor": 4})
        system.close()
        assert (sorted(event.topic for event in fired), sorted(called)) == seen
'''
