"""DirectClient: nats-py's client, that sends and hands over at once.

nats-py has a task that sends what is published, and one for each subscription. To wake a task costs
a turn of the loop, and messages for two subscriptions overtake each other.

This is the only place that uses private attributes of nats-py, and of asyncio, where these offer no
other way:

- `_process_msg`: what arrives is offered to the bridge in the order it came, and what cannot be
  read does not end the task that reads.
- `_process_op_err` and `_transport`: a connection that is given up is dropped at once. nats-py
  waits until its last byte has left, which is for ever if the other side reads no more.
- `_transport`: to send at once, to tell how much has not left yet, and to close what a failed
  attempt to connect has left open.
- `_over_ssl` of asyncio's protocol for streams, which nats-py does not set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.protocol.command import hpub_cmd

Take = Callable[[int, str, bytes, bytes | None], bool]
"""Given a subscription's number, counted from 1, a subject, a body and the headers as they are on
the wire: whether it has taken the message."""
MUCH = 2**20  # bytes
_log = logging.getLogger("eventkit")


def message(
    subject: str, body: bytes, reply: str = "", headers: Mapping[str, str] | None = None
) -> bytes:
    """What a message is on the wire. A header's value is one line."""
    if not headers:
        return b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(body), body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return bytes(hpub_cmd(subject, reply, f"NATS/1.0\r\n{lines}\r\n".encode(), body))


class DirectClient(Client):
    """What arrives is offered to `take` first, which is called on the loop, in the order it came.

    nats-py's own `publish` must not be used beside `send`, which would overtake it.
    """

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take

    def send(self, messages: bytes) -> None:
        """Send one or more, now, on the loop. There must be a connection."""
        self._transport.write(messages)  # type: ignore[union-attr]

    @property
    def is_behind(self) -> bool:
        """Whether much of what was sent has not left yet."""
        writer = getattr(self._transport, "_io_writer", None)
        return writer is not None and writer.transport.get_write_buffer_size() > MUCH

    def close_failed_attempt(self) -> None:
        """Close what an attempt to connect has left: a server killed in the middle of a greeting
        leaves a connection that nats-py forgets, and a handshake that failed one whose end it
        would wait for in vain.
        """
        with suppress(AttributeError, OSError):
            self._transport.close()  # type: ignore[union-attr]
            self._transport._bare_io_writer.close()  # type: ignore[union-attr]
        self._transport = None

    async def _process_op_err(self, e: Exception) -> None:
        """The connection is given up. nats-py would wait until its last byte has left."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None and self.is_connected:
            writer.transport.abort()
        await super()._process_op_err(e)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        try:
            is_taken = self._take(sid, subject.decode("utf-8", "replace"), bytes(data), headers)
        except Exception:  # would end the task that reads, and with it all that comes later
            _log.exception("a message from the server cannot be read and is left out:")
            return
        if not is_taken:
            await super()._process_msg(sid, subject, reply, data, headers)


class QuietLoop(asyncio.SelectorEventLoop):
    """nats-py does not tell a reader that it reads from TLS, and asyncio grumbles at each end."""

    async def start_tls(
        self, transport: Any, protocol: Any, *arguments: Any, **options: Any
    ) -> Any:
        protocol._over_ssl = True
        return await super().start_tls(transport, protocol, *arguments, **options)
