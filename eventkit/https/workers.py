"""Workers: a few daemon threads for calls that may block or hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

Returns = Callable[[], Any]
_Calls = SimpleQueue[Callable[[], None] | None]


class HandlerExited(RuntimeError):
    """A call ended with an exception that an event loop cannot handle, such as SystemExit."""


class Workers:
    """Up to `count` daemon threads that run calls, each started when it is first needed.

    A call that hangs does not keep the process alive. Each call runs in an empty context, so that
    no context variable passes from one request to another.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._threads: list[threading.Thread] = []
        self._calls: _Calls = SimpleQueue()

    @property
    def waiting(self) -> int:
        """Number of calls that no thread has started yet."""
        return self._calls.qsize()

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Returns]:
        """Queue `call(*arguments)` and return a future for it.

        The future's result is a function that returns what the call returned, or raises what it
        raised. The future itself never fails: asyncio cannot transport StopIteration, and
        SystemExit would end the loop that waits for it. Raises RuntimeError if no thread can be
        started.
        """
        if len(self._threads) < self._count:
            self._start_thread()
        done: Future[Returns] = Future()
        self._calls.put(partial(_run, done, partial(call, *arguments)))
        return done

    def stop(self) -> None:
        """Drop the calls that wait, and end each thread after its current call.

        A later `submit` starts new threads. If an interrupt ends this call, call it again.
        """
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)
        self._threads, self._calls = [], SimpleQueue()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=_work, args=(self._calls,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
        else:
            self._threads.append(thread)


def _work(calls: _Calls) -> None:
    while (run := calls.get()) is not None:
        run()


def _run(done: Future[Returns], call: Callable[[], Any]) -> None:
    try:
        result = Context().run(call)
    except BaseException as error:
        done.set_result(partial(_fail, _for_a_loop(error)))
    else:
        done.set_result(lambda: result)


def _for_a_loop(error: BaseException) -> Exception:
    """Return an equivalent exception that is safe to raise in a coroutine."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
        return error
    exited = HandlerExited(f"the call ended with {type(error).__name__}.")
    exited.__cause__ = error
    return exited


def _fail(error: Exception) -> Any:
    raise error
