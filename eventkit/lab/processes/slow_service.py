"""SlowService: a real TCP server in its own process that takes its time to answer.

Requests and answers are lines. `work` is answered with `done` after the answer time, or with `busy`
at once if the limit of running requests is reached. JSON changes settings, and `"stats"` asks for
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, cast, get_args

AnswerTime = Literal["fixed", "uniform", "exponential"]
WORK = b"work\n"
DONE = b"done\n"
BUSY = b"busy\n"


class SlowService:
    """Starts the server, and ends it on `close` or when this process ends, however that happens.

    `answer` is the mean answer time in seconds; `kind` says how it varies: "fixed", "uniform"
    (from half to one and a half of the mean) or "exponential". `limit` bounds how many requests
    may run at once (None: no bound). `address` is (host, port) on the loopback interface.
    """

    def __init__(
        self,
        answer: float = 0.1,
        kind: AnswerTime = "fixed",
        limit: int | None = None,
        seed: int = 0,
    ):
        settings = _checked({"answer": answer, "kind": kind, "limit": limit, "seed": seed})
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, json.dumps(settings)],
            stdin=subprocess.PIPE,  # the server stops when it is closed
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError(
                f"the slow service did not start (exit code {self._process.returncode}). "
                "Its own message is above."
            )
        self.address = ("127.0.0.1", int(line))
        self._control = socket.create_connection(self.address)
        self._answers = self._control.makefile("rb")
        self._lock = threading.Lock()

    def set(self, **settings: Any) -> None:
        """Change `answer`, `kind`, `limit` or `seed` from the next request on."""
        self._tell(_checked(settings))

    def stall(self, seconds: float) -> None:
        """Send no answers for `seconds`. Requests that come meanwhile are answered afterwards."""
        self._tell({"stall": float(seconds)})

    def stats(self) -> dict[str, int]:
        """Return how many requests were `served` and `refused`, and the `most` that ran at once."""
        answer: dict[str, int] = self._tell("stats")
        return answer

    def close(self) -> None:
        """End the server. Can be called twice."""
        with contextlib.suppress(OSError):
            self._answers.close()
            self._control.close()
        self._process.communicate()

    def __enter__(self) -> SlowService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, message: Any) -> Any:
        with self._lock:
            self._control.sendall(json.dumps(message).encode() + b"\n")
            return json.loads(self._answers.readline())


class _Server:
    """The server, in its own process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings: dict[str, Any] = {}
        self._chance = random.Random()
        self._in_work = 0
        self._stats = {"served": 0, "refused": 0, "most": 0}
        self._stalled_until = 0.0
        self._change(settings)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=2048
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the owner closes it or ends

    def ask(self, line: bytes, reply: Callable[[bytes], None]) -> None:
        """Handle one line; call `reply` with the answer, now or when the answer time is over."""
        if line != WORK:
            reply(self._control(line))
            return
        limit = self._settings["limit"]
        if limit is not None and self._in_work >= limit:
            self._stats["refused"] += 1
            reply(BUSY)
            return
        self._in_work += 1
        self._stats["most"] = max(self._stats["most"], self._in_work)
        self._loop.call_later(self._answer_time(), self._finish, reply)

    def _finish(self, reply: Callable[[bytes], None]) -> None:
        if (left := self._stalled_until - self._loop.time()) > 0:
            self._loop.call_later(left, self._finish, reply)
            return
        self._in_work -= 1
        self._stats["served"] += 1
        reply(DONE)

    def _answer_time(self) -> float:
        mean: float = self._settings["answer"]
        if self._settings["kind"] == "uniform":
            return self._chance.uniform(0.5 * mean, 1.5 * mean)
        if self._settings["kind"] == "exponential":
            return self._chance.expovariate(1 / mean)
        return mean

    def _control(self, line: bytes) -> bytes:
        message = json.loads(line)
        if message == "stats":
            return json.dumps(self._stats).encode() + b"\n"
        if "stall" in message:
            self._stalled_until = self._loop.time() + message["stall"]
        else:
            self._change(message)
        return b"{}\n"

    def _change(self, settings: dict[str, Any]) -> None:
        self._settings.update(settings)
        if "seed" in settings:
            self._chance.seed(settings["seed"])


class _Connection(asyncio.Protocol):
    """A client's lines, answered one after another.

    It is a protocol because a task and a stream for each client are so slow that, with a thousand
    clients, a measurement would measure the server.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._busy = self._going_on = self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(line + b"\n" for line in lines)
        self._go_on()

    def eof_received(self) -> bool:
        self._ended = True  # the client may still wait for an answer
        self._go_on()
        return True

    def _go_on(self) -> None:
        if self._going_on:  # the answer came at once: the loop below continues
            return
        self._going_on = True
        while self._lines and not self._busy:
            self._busy = True
            self._server.ask(self._lines.popleft(), self._reply)
        self._going_on = False
        if self._ended and not self._busy:
            self._transport.close()

    def _reply(self, answer: bytes) -> None:
        self._busy = False
        if not self._transport.is_closing():
            self._transport.write(answer)
        self._go_on()


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = settings.keys() - {"answer", "kind", "limit", "seed"}
    if unknown:
        raise TypeError(f"the settings are answer, kind, limit and seed; got {sorted(unknown)}.")
    if "answer" in settings and not settings["answer"] > 0:
        raise ValueError(f"answer is a time in seconds, more than 0; got {settings['answer']!r}.")
    if settings.get("kind", "fixed") not in get_args(AnswerTime):
        raise ValueError(f"kind is one of {get_args(AnswerTime)}; got {settings['kind']!r}.")
    limit = settings.get("limit")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is 1 or more requests, or None; got {limit!r}.")
    return settings


if __name__ == "__main__":
    asyncio.run(_Server(json.loads(sys.argv[1])).run())
