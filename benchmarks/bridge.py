"""What it costs to send events to another process over a bridge, beside nats-py and FastStream.

The other process answers each event on `bench.ping` with one on `bench.pong`, and counts the rest
until it has had the last of a burst. One way is half of there and back. All candidates carry the
same CloudEvents JSON; bare nats-py is given it ready-made and looks at nothing that arrives.
FastStream makes it from a dict and makes a dict of it; its log of every message is switched off.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import eventkit as ek

from .comparing import Row, compare

_ROOT = Path(__file__).parents[1]
_LONG = 60.0
_EVENT = ek.Event("bench.burst", 1)

Publish = Callable[[str], Awaitable[object]]


def measure(quick: bool) -> list[Row]:
    from eventkit.nats import NatsServer

    rounds = 3 if quick else 31
    trips, burst = (20, 200) if quick else (100, 3_000)
    with ExitStack() as stack:
        url = stack.enter_context(NatsServer()).url
        runner = stack.enter_context(asyncio.Runner())
        candidates: dict[str, Any] = {
            "nats-py": stack.enter_context(_bare(runner, url)),
            "eventkit": stack.enter_context(_Bridged(url)),
        }
        try:
            candidates["FastStream"] = stack.enter_context(_faststream(runner, url))
        except ImportError as problem:
            candidates["FastStream"] = str(problem)
        return [
            *compare(
                "one way to another process",
                {
                    name: one if isinstance(one, str) else partial(one.seconds_one_way, trips)
                    for name, one in candidates.items()
                },
                rounds=rounds,
                of_best=0.9,
            ),
            *compare(
                "burst to another process",
                {
                    name: one if isinstance(one, str) else partial(one.seconds_each, burst)
                    for name, one in candidates.items()
                },
                rounds=rounds,
                goal=1.7,
            ),
        ]


class _Bridged:
    def __init__(self, url: str) -> None:
        self._stack = ExitStack()
        self._stack.enter_context(_peer("bridged", url))
        self._bus = self._stack.enter_context(ek.EventBus())
        self._stack.enter_context(_bridge(self._bus, url, ["bench.*"], ["bench.pong"]))
        self._answered = threading.Semaphore(0)
        self._bus.subscribe("bench.pong", lambda event: self._answered.release())

    def seconds_one_way(self, trips: int) -> float:
        start = perf_counter()
        for _ in range(trips):
            self._bus.fire("bench.ping", 1)
            assert self._answered.acquire(timeout=_LONG)
        return (perf_counter() - start) / trips / 2

    def seconds_each(self, burst: int) -> float:
        start = perf_counter()
        for number in range(burst):
            self._bus.fire("bench.burst", number)
        self._bus.fire("bench.ping", burst)
        assert self._answered.acquire(timeout=_LONG)
        return (perf_counter() - start) / burst

    def __enter__(self) -> _Bridged:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _OnALoop:
    """One that publishes by awaiting: `publish(subject)` sends the same message every time."""

    def __init__(self, runner: asyncio.Runner, prefix: str, publish: Publish) -> None:
        self._runner = runner
        self._prefix = prefix
        self._publish = publish
        self._answered = asyncio.Event()

    async def answered(self, message: Any) -> None:
        self._answered.set()

    def seconds_one_way(self, trips: int) -> float:
        return self._runner.run(self._trips(trips)) / trips / 2

    def seconds_each(self, burst: int) -> float:
        return self._runner.run(self._burst(burst)) / burst

    async def _trips(self, trips: int) -> float:
        start = perf_counter()
        for _ in range(trips):
            await self._there_and_back()
        return perf_counter() - start

    async def _burst(self, burst: int) -> float:
        start = perf_counter()
        for _ in range(burst):
            await self._publish(f"{self._prefix}.bench.burst")
        await self._there_and_back()
        return perf_counter() - start

    async def _there_and_back(self) -> None:
        self._answered.clear()
        await self._publish(f"{self._prefix}.bench.ping")
        await asyncio.wait_for(self._answered.wait(), _LONG)


@contextmanager
def _bare(runner: asyncio.Runner, url: str) -> Iterator[_OnALoop]:
    import nats

    body = ek.encode(_EVENT, "/bench")
    client = runner.run(nats.connect(url))
    one = _OnALoop(runner, "bare", lambda subject: client.publish(subject, body))
    with _peer("bare", url):
        runner.run(client.subscribe("bare.bench.pong", cb=one.answered))
        yield one
        runner.run(client.close())


@contextmanager
def _faststream(runner: asyncio.Runner, url: str) -> Iterator[_OnALoop]:
    from faststream.nats import NatsBroker

    broker: Any = NatsBroker(url, logger=None)
    message = json.loads(ek.encode(_EVENT, "/bench"))
    one = _OnALoop(runner, "fast", lambda subject: broker.publish(message, subject))

    async def answered(message: dict[str, Any]) -> None:
        await one.answered(message)

    broker.subscriber("fast.bench.pong")(answered)
    with _peer("faststream", url):
        runner.run(broker.start())
        yield one
        runner.run(broker.stop())


def _bridge(bus: ek.EventBus, url: str, outgoing: list[str], incoming: list[str]) -> ek.Bridge:
    return ek.Bridge(bus, url, outgoing, incoming, prefix="bridged", capacity=100_000)


# The other process


@contextmanager
def _peer(kind: str, url: str) -> Iterator[None]:
    command = [sys.executable, "-m", __name__, kind, url]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.stdin.close()


def _answer_bridged(url: str) -> None:
    with ek.EventBus() as bus, _bridge(bus, url, ["bench.pong"], ["bench.ping", "bench.burst"]):
        bus.subscribe("bench.ping", lambda event: bus.fire("bench.pong", event.data))
        bus.subscribe("bench.burst", lambda event: None)
        _wait_for_the_end()


async def _answer_bare(url: str) -> None:
    import nats

    async def answer(message: Any) -> None:
        if message.subject == "bare.bench.ping":
            await client.publish("bare.bench.pong", message.data)

    client = await nats.connect(url)
    await client.subscribe("bare.bench.*", cb=answer)
    await client.flush()
    await asyncio.to_thread(_wait_for_the_end)
    await client.close()


async def _answer_faststream(url: str) -> None:
    from faststream.nats import NatsBroker

    broker: Any = NatsBroker(url, logger=None)

    async def answer(message: dict[str, Any]) -> None:
        await broker.publish(message, "fast.bench.pong")

    async def count(message: dict[str, Any]) -> None:
        pass

    broker.subscriber("fast.bench.ping")(answer)
    broker.subscriber("fast.bench.burst")(count)
    client = await broker.connect()
    await broker.start()
    await client.flush()
    await asyncio.to_thread(_wait_for_the_end)
    await broker.stop()


def _wait_for_the_end() -> None:
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    if sys.argv[1] == "bridged":
        _answer_bridged(sys.argv[2])
    else:
        answers = {"bare": _answer_bare, "faststream": _answer_faststream}
        asyncio.run(answers[sys.argv[1]](sys.argv[2]))
