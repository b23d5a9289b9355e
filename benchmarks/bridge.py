"""What it costs to send events to another process over a bridge, beside bare nats-py.

The other process answers each event on `bench.ping` with one on `bench.pong`, and counts the rest
until it has had the last of a burst. One way is half of there and back. Both candidates carry the
same CloudEvents JSON; bare nats-py is given it ready-made and looks at nothing that arrives.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import eventkit as ek

from .comparing import Row, compare

_ROOT = Path(__file__).parents[1]
_LONG = 60.0


def measure(quick: bool) -> list[Row]:
    from eventkit.distributed import NatsServer

    rounds = 3 if quick else 31
    trips, burst = (20, 200) if quick else (200, 5_000)
    with (
        NatsServer() as server,
        _peer("bare", server.url),
        _peer("bridged", server.url),
        asyncio.Runner() as runner,
        _Bridged(server.url) as bridged,
    ):
        bare = _Bare(runner, server.url)
        rows = [
            *compare(
                "one way to another process",
                {
                    "nats-py": lambda: bare.seconds_one_way(trips),
                    "eventkit": lambda: bridged.seconds_one_way(trips),
                },
                rounds=rounds,
                goal=1.4,
            ),
            *compare(
                "burst to another process",
                {
                    "nats-py": lambda: bare.seconds_each(burst),
                    "eventkit": lambda: bridged.seconds_each(burst),
                },
                rounds=rounds,
                goal=1 / 0.6,
            ),
        ]
        bare.close()
    return rows


class _Bridged:
    def __init__(self, url: str) -> None:
        self._bus = ek.EventBus()
        self._bridge = ek.Bridge(
            self._bus, url, ["bench.*"], ["bench.pong"], prefix="bridged", capacity=100_000
        )
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
        self._bridge.close()
        self._bus.close()


class _Bare:
    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._answered = asyncio.Event()
        self._body = ek.encode(ek.Event("bench.burst", 1), "/bench")
        self._client: Any = runner.run(self._connect(url))

    async def _connect(self, url: str) -> Any:
        import nats

        async def answered(message: Any) -> None:
            self._answered.set()

        client = await nats.connect(url)
        await client.subscribe("bare.bench.pong", cb=answered)
        return client

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
            await self._client.publish("bare.bench.burst", self._body)
        await self._there_and_back()
        return perf_counter() - start

    async def _there_and_back(self) -> None:
        self._answered.clear()
        await self._client.publish("bare.bench.ping", self._body)
        await asyncio.wait_for(self._answered.wait(), _LONG)

    def close(self) -> None:
        self._runner.run(self._client.close())


# The other process


@contextmanager
def _peer(kind: str, url: str) -> Iterator[None]:
    command = [sys.executable, "-m", __name__, kind, url]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.stdin.close()


def _answer_bridged(url: str) -> None:
    with (
        ek.EventBus() as bus,
        ek.Bridge(
            bus,
            url,
            ["bench.pong"],
            ["bench.ping", "bench.burst"],
            prefix="bridged",
            capacity=100_000,
        ),
    ):
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


def _wait_for_the_end() -> None:
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        asyncio.run(_answer_bare(sys.argv[2]))
    else:
        _answer_bridged(sys.argv[2])
