"""What it costs to store an event on a NATS server and be told so, beside bare nats-py.

Both write into the same server, which syncs before it acknowledges, with a message id, one after
another; bare nats-py is given the same CloudEvents JSON ready-made and stays on its own loop.
"""

from __future__ import annotations

import asyncio
import itertools
from time import perf_counter

import eventkit as ek

from .comparing import Row, compare

DATA = {"count": 1_000, "by": "somebody", "where": ["a", "b", "c"]}


def measure(quick: bool) -> list[Row]:
    rounds, number = (3, 20) if quick else (31, 200)
    with ek.NatsServer() as server, ek.open_log(server.url) as log, asyncio.Runner() as runner:
        bare = _Bare(runner, server.url)

        def eventkit() -> float:
            start = perf_counter()
            for _ in range(number):
                log.append(ek.Event("bench.stored", DATA))
            return (perf_counter() - start) / number

        rows = compare(
            "store one event on a server",
            {"nats-py": lambda: bare.seconds_each(number), "eventkit": eventkit},
            rounds=rounds,
            goal=1.4,
        )
        bare.close()
    return rows


class _Bare:
    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._ids = itertools.count()
        self._body = ek.encode(ek.Event("bench.stored", DATA), "/bench")
        runner.run(self._connect(url))

    async def _connect(self, url: str) -> None:
        import nats

        self._client = await nats.connect(url)
        self._stream = self._client.jetstream()
        await self._stream.add_stream(name="bare", subjects=["bare.>"])

    def seconds_each(self, number: int) -> float:
        return self._runner.run(self._publish(number)) / number

    async def _publish(self, number: int) -> float:
        start = perf_counter()
        for _ in range(number):
            headers = {"Nats-Msg-Id": str(next(self._ids))}
            await self._stream.publish("bare.bench.stored", self._body, headers=headers)
        return perf_counter() - start

    def close(self) -> None:
        self._runner.run(self._client.close())
