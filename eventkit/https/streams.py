"""Server-sent events: what happens on the bus, written to a client at the client's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tornado.iostream import StreamClosedError

from ..event import Event, encode
from ..log import PermissionDenied
from ..queues import BusClosed
from ..topics import InvalidTopic
from .incoming import Refused

if TYPE_CHECKING:
    from ..security.identity import Identity
    from ..subscription import Subscription
    from .handlers import Events

_WAITING = 1_000


class Stream:
    """The newest events that a client has not been sent yet. Older ones give way, are counted,
    and the client is told how many.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque(maxlen=_WAITING)
        self._dropped = 0
        self._is_woken = False
        self.ended = False
        self.ready = asyncio.Event()

    def put(self, event: Event) -> None:
        """From any thread. A burst wakes the loop once."""
        self._dropped += len(self._events) == _WAITING
        self._events.append(event)
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the loop has ended, and this stream with it
                self._loop.call_soon_threadsafe(self.ready.set)

    def end(self) -> None:
        self.ended = True
        self.ready.set()

    def take(self) -> Iterator[Event | str]:
        """What there is to be sent, on the loop: events, and remarks."""
        self.ready.clear()
        self._is_woken = False  # before it is emptied: what comes from now on wakes again
        dropped, self._dropped = self._dropped, 0
        if dropped:
            yield f"dropped {dropped}"
        with suppress(IndexError):
            while True:
                yield self._events.popleft()


async def stream_events(handler: Events) -> None:
    """Answer a request with events until the client leaves, may see no more, or all ends."""
    trigger, identity = handler.trigger, handler.identity
    assert identity is not None
    pattern = handler.get_query_argument("topic", "", strip=False)
    stream = Stream()
    with trigger.place_for(handler, stream):
        try:
            subscription = await trigger.do(_subscribe, identity, pattern, stream)
        except PermissionDenied:
            raise Refused(403, "you may not see these topics.") from None
        except InvalidTopic as problem:
            raise Refused(400, f"topic= is a pattern: {problem}") from None
        except (BusClosed, TimeoutError):
            stream.end()
            raise Refused(
                503, "there is nothing to see at present.", {"Retry-After": "1"}
            ) from None
        with subscription, suppress(StreamClosedError):
            handler.set_header("Content-Type", "text/event-stream")
            await _write_all(handler, stream)
            handler.finish()


def _subscribe(identity: Identity, pattern: str, stream: Stream) -> Subscription:
    subscription = identity.subscribe(pattern, stream.put)
    if stream.ended:  # it took so long that nobody waits for it any more
        subscription.cancel()
    return subscription


async def _write_all(handler: Events, stream: Stream) -> None:
    trigger = handler.trigger
    handler.send_at_once()
    handler.write(": welcome\n\n")
    await handler.flush()
    while not stream.ended and await _is_known(handler):
        try:
            async with asyncio.timeout(trigger.heartbeat):
                await stream.ready.wait()
        except TimeoutError:
            handler.write(": still here\n\n")
            await _flush(handler)
        for one in stream.take():
            if stream.ended or not await _is_known(handler):
                return
            handler.write(f": {one}\n\n" if isinstance(one, str) else await _text(handler, one))
            await _flush(handler)


async def _flush(handler: Events) -> None:
    """Wait until the client has read. Who does not read does not stay."""
    try:
        async with asyncio.timeout(handler.trigger.timeout):
            await handler.flush()
    except TimeoutError:
        handler.hang_up()
        raise StreamClosedError from None


async def _text(handler: Events, event: Event) -> str:
    """The event as a frame. It is asked once more whether it may be seen: it was waiting here."""
    identity = handler.identity
    assert identity is not None
    if not identity.may_see(event.topic):
        await handler.trigger.do(identity.withhold, event)
        return ""
    try:
        body = encode(event, handler.trigger.bus.source)
    except (TypeError, ValueError):
        return f": event {event.id} cannot be said in JSON\n\n"
    return f"id: {event.id}\ndata: {body.decode()}\n\n"


async def _is_known(handler: Events) -> bool:
    """Whether the token that began the stream is still good. If not, that is recorded."""
    try:
        handler.identify()
    except Refused as refusal:
        await handler.record(refusal.status)
        return False
    return True
