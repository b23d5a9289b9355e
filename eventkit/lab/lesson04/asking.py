"""Five ways to ask the slow service, and a process of its own in which one of them is measured.

The handlers are those of lesson 04, word for word. Run as a script, this file measures one way: in
a fresh process its threads and its memory are its own, and nothing else runs beside it.
"""

# Learners read the handlers, and need no annotations for it.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import eventkit as ek
from eventkit.executors.base import Executor

SAMPLE = 0.02  # seconds between two looks at memory, threads and answers
INSTALL = "not installed here; run: pip install 'eventkit-notebooks[greenlets]'"

green_socket: Any = None  # eventlet's, once it is needed


def ask_blocking(event):
    address, questions = event.data
    with socket.create_connection(address) as sock:
        for _ in range(questions):
            sock.sendall(b"work\n")
            assert sock.recv(16) == b"done\n"


def ask_selector(event):
    address, questions = event.data
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex(address)  # begins to connect, and returns at once
        yield ek.Writable(sock)
        for _ in range(questions):
            sock.sendall(b"work\n")
            yield ek.Readable(sock)
            assert sock.recv(16) == b"done\n"


async def ask_asyncio(event):
    address, questions = event.data
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(questions):
        writer.write(b"work\n")
        assert await reader.readline() == b"done\n"
    writer.close()
    await writer.wait_closed()


def ask_green(event):
    address, questions = event.data
    with green_socket.create_connection(address) as sock:
        for _ in range(questions):
            sock.sendall(b"work\n")
            assert sock.recv(16) == b"done\n"


class Way(NamedTuple):
    """One way to wait: its title, the executor for so many connections, and the handler."""

    title: str
    executor: Callable[[int], Executor]
    handler: Callable[..., Any]


def import_green_socket() -> Any:
    """Return eventlet's socket module; None, and say what to install, if it is not here."""
    if not is_here("greenlets"):
        print(f"Green threads are {INSTALL}")
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says on import that it is retired; so does the lesson
        from eventlet.green import socket as found
    return found


def _greenlets(connections: int) -> Executor:
    global green_socket
    green_socket = import_green_socket()
    return ek.Greenlets(connections)


WAYS = {
    "blocking": Way("Blocking: Inline()", lambda connections: ek.Inline(), ask_blocking),
    "threads": Way("Threads(n)", ek.Threads, ask_blocking),
    "selector": Way("Selector()", lambda n: ek.Selector(concurrency=n), ask_selector),
    "asyncio": Way("EventLoop()", lambda n: ek.EventLoop(concurrency=n), ask_asyncio),
    "greenlets": Way("Greenlets()", _greenlets, ask_green),
}


def is_here(way: str) -> bool:
    """Whether what this way needs is installed."""
    return way != "greenlets" or importlib.util.find_spec("eventlet") is not None


class _Watch:
    """Looks at this process again and again while a way runs: its threads, its memory, and which
    requests have been answered.
    """

    def __init__(self, timeline: ek.Timeline) -> None:
        import psutil  # type: ignore[import-untyped]

        self._timeline = timeline
        self._process = psutil.Process()
        self._threads_before = threading.active_count() + 1  # with the one that watches
        self._memory_before = self._process.memory_info().rss
        self.threads = 1  # the one that fires is at work itself, if nobody else is
        self.memory = 0
        self._told: set[int] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, over: threading.Event) -> None:
        start = time.perf_counter()
        last = False
        while not last:
            last = over.wait(SAMPLE)  # one more look when all is over
            self.threads = max(self.threads, threading.active_count() - self._threads_before)
            self.memory = max(self.memory, self._process.memory_info().rss - self._memory_before)
            new = [number for number in in_order(self._timeline) if number not in self._told]
            self._told.update(new)
            _say({"at": time.perf_counter() - start, "answered": new, "threads": self.threads,
                  "memory": self.memory})  # fmt: skip


def in_order(timeline: ek.Timeline) -> list[int]:
    """Return the numbers of the answered requests, counted from 1 as they were fired, in the order
    of their answers.
    """
    stamps = ((j.finished, number) for number, j in enumerate(timeline.journeys("ask"), 1))
    return [number for _, number in sorted((at, number) for at, number in stamps if at is not None)]


def measure(way: str, address: tuple[str, int], connections: int, questions: int) -> dict[str, Any]:
    """Ask over so many connections, all due at once; each asks so many questions, one after
    another. Returns `times` (seconds until each connection had its answers), `threads`, `memory`
    (bytes, at the most) and `order` (whose answers came when). Prints lines of JSON while it runs.
    """
    _, executor, handler = WAYS[way]
    with ek.EventBus() as bus, bus.record(capacity=connections) as timeline:
        bus.subscribe("ask", handler, executor=executor(connections))
        watch = _Watch(timeline)
        with watch.watching():
            now = time.perf_counter_ns()
            for _ in range(connections):
                bus.publish(ek.Event("ask", (tuple(address), questions), time=now))
            bus.drain()
        bus.assert_clean()
    times = sorted(timeline.response_times("ask"))
    return {"times": times, "threads": watch.threads, "memory": watch.memory,
            "order": in_order(timeline)}  # fmt: skip


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _end_with_the_owner() -> None:
    sys.stdin.read()  # until the owner closes it, or is no more
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_owner, daemon=True).start()
    try:
        _say(measure(**json.loads(sys.argv[1])))
    except Exception as error:
        _say({"error": str(error)})
    os._exit(0)  # without waiting for what still reads
