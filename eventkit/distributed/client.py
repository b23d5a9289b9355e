"""DirectClient: nats-py's client, whose messages can be taken as they come."""

from __future__ import annotations

from collections.abc import Callable

from nats.aio.client import Client

Take = Callable[[int, str, bytes, bytes], bool]
"""Given a subscription's number, counted from 1, a subject, a body and the headers as they are on
the wire: whether it has taken the message."""


class DirectClient(Client):
    """nats-py gives each subscription a task of its own. To wake it costs a turn of the loop, and
    messages for two subscriptions overtake each other. So each is offered to `take` first, which
    is called on the loop, in the order in which they come.
    """

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        if not self._take(sid, subject.decode(), bytes(data), headers):
            await super()._process_msg(sid, subject, reply, data, headers)
