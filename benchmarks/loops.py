"""What is needed to hand events to an asyncio loop: the loop, queues into it, a handler on it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any

from . import peers
from .comparing import Timed

Handle = Callable[[Any], None]


@contextmanager
def loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def queues_into(
    loop: asyncio.AbstractEventLoop, handle: Handle, stack: ExitStack
) -> dict[str, peers.Publish | str]:
    """For every peer that is a queue from threads into a loop, how to put into it; or why it
    cannot. A task on the loop takes from it and calls `handle`.
    """
    made = {name: peers.or_why_not(import_module, name) for name in ("culsans", "janus")}
    return {
        name: peer
        if isinstance(peer, str)
        else stack.enter_context(_queue_into(loop, peer.Queue, handle))
        for name, peer in made.items()
    }


@contextmanager
def _queue_into(
    loop: asyncio.AbstractEventLoop, make: Callable[[], Any], handle: Handle
) -> Iterator[peers.Publish]:
    async def made_on_the_loop() -> Any:
        return make()

    async def consume() -> None:
        while (event := await queue.async_q.get()) is not None:
            handle(event)

    queue = asyncio.run_coroutine_threadsafe(made_on_the_loop(), loop).result()
    consumer = asyncio.run_coroutine_threadsafe(consume(), loop)
    try:
        yield queue.sync_q.put
    finally:
        queue.sync_q.put(None)
        consumer.result()


@contextmanager
def async_peers(
    runner: asyncio.Runner, handle: peers.AsyncHandler
) -> Iterator[dict[str, peers.Publish | str]]:
    """For every peer that schedules coroutine functions, how to publish on the runner's loop."""
    stack = AsyncExitStack()
    try:
        yield runner.run(peers.async_publishers(handle, stack))
    finally:
        runner.run(stack.aclose())


class Receiver:
    """A coroutine function to handle events with, and two ways to publish to it."""

    def __init__(self) -> None:
        self._last: object = None
        self._done: asyncio.Future[None]

    async def handle(self, event: object) -> None:
        if event is self._last:
            self._last = None
            self._done.set_result(None)

    async def one_by_one(self, publish: peers.Publish, events: Sequence[object]) -> None:
        """Publish each when the one before it has been handled."""
        for event in events:
            await self.pipelined(publish, [event])

    async def pipelined(self, publish: peers.Publish, events: Sequence[object]) -> None:
        """Publish all of them, and wait until the last has been handled."""
        self._last, self._done = events[-1], asyncio.get_running_loop().create_future()
        for event in events:
            publish(event)
        await self._done


async def awaited(
    handle: Callable[[Any], Coroutine[Any, Any, object]], events: Sequence[object]
) -> None:
    """Await the handling of each before the next."""
    for event in events:
        await handle(event)


def seconds_each(
    runner: asyncio.Runner, main: Callable[[], Coroutine[Any, Any, None]], number: int
) -> Timed:
    """Time `main()` on the runner's loop, in which it does something so many times."""

    async def timed() -> float:
        start = perf_counter()
        await main()
        return perf_counter() - start

    return lambda: runner.run(timed()) / number
