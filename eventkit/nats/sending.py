"""Sender: a bridge's outgoing events, from `fire` until the server has confirmed them.

The thread that fires puts its event into a bounded queue. The bridge's loop sends it and keeps it
until the server has answered a ping that was sent after it: the server reads in order, so it has
the event by then. No event is sent twice.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from ..event import Event, check_event, decode, to_cloud
from ..executors.queue import QueueFull
from ..log import OutcomeUnknown
from ..topics import InvalidTopic
from .client import MUCH, DirectClient, NatsError, message
from .counting import LONGEST, Counts

_CONFIRM = 0.05  # seconds between the first unconfirmed event and the ping
_GRACE = 0.5  # seconds for receivers to reconnect before a sender continues
_FOREVER = 10**9  # seconds
_BUFFER = 0.001  # seconds
_BEHIND = 0.005  # seconds
_ROOM = 0.001  # seconds
_LONGEST_INTEGER = 4_300  # digits that Python reads; a shorter body cannot have more
_LONGEST_SUBJECT = 3_500  # bytes; a server accepts no line of more than 4,096


class Sender:
    """Sends events to the server and counts each as `sent`, `refused` or `lost`.

    `waiting` is the number of accepted events that are not counted yet, at most `capacity`. Events
    that the server refused or that were lost go to `give_up`, with the error. Methods run on the
    loop unless they say otherwise.
    """

    def __init__(
        self, client: DirectClient, loop: asyncio.AbstractEventLoop, name: str, *,
        source: str, prefix: str, capacity: int, timeout: float,
        give_up: Callable[[Event, Exception], object],
    ) -> None:  # fmt: skip
        self.capacity = capacity
        self.sent = self.refused = self.lost = 0
        self.breaks = 0  # of the connection
        self._client = client
        self._loop = loop
        self._name = name
        self._source = source
        self._prefix = prefix
        self._timeout = timeout
        self._give_up = give_up
        self._queue: deque[tuple[Event, str, bytes]] = deque()
        self._unconfirmed: deque[tuple[int, Event]] = deque()
        self._next_number = itertools.count(1).__next__
        self._counts = Counts()
        self._is_woken = False
        self._is_held = False  # until the receivers have reconnected
        self._timer: asyncio.TimerHandle | None = None
        self._pumping: asyncio.TimerHandle | None = None
        self.confirming: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return the number of events that are queued or unconfirmed."""
        return len(self._queue) + len(self._unconfirmed)

    # On the thread that fires

    def put(self, event: Event) -> None:
        """Queue an event. Wait for room while the server is connected, up to the time limit.

        Raises QueueFull if there is no room; InvalidTopic, TypeError or ValueError if the event
        cannot be sent.
        """
        subject = f"{self._prefix}.{event.topic}"
        body = self._encode(event)
        if len(subject) * 4 > _LONGEST_SUBJECT < len(subject.encode()):
            raise InvalidTopic(
                f"the topic of event {event.id} has {len(event.topic):,} letters: NATS accepts no "
                f"subject of more than {_LONGEST_SUBJECT:,} bytes."
            )
        if len(body) + LONGEST > self._client.max_payload:
            raise ValueError(
                f"event {event.id} ({event.topic!r}) has {len(body):,} bytes, and the server "
                f"accepts {self._client.max_payload:,}. Store such data elsewhere and send its "
                "address."
            )
        if len(self._queue) + len(self._unconfirmed) >= self.capacity:
            self._wait_for_room(event)
        self._queue.append((event, subject, body))
        if not self._is_woken:
            self._wake()

    def _encode(self, event: Event) -> bytes:
        """Return bytes that every receiver can decode. Raises TypeError or ValueError."""
        check_event(event)
        body = msgspec.json.encode(to_cloud(event, self._source))
        if len(body) > _LONGEST_INTEGER:
            decode(body)
        return body

    def _wake(self) -> None:
        try:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self.pump)
        except BaseException:  # an interrupt: the next event wakes the loop
            self._is_woken = False
            raise

    def _wait_for_room(self, event: Event) -> None:
        deadline = time.monotonic() + self._timeout
        while (
            self.waiting >= self.capacity
            and self._client.is_connected
            and time.monotonic() < deadline
        ):
            time.sleep(_ROOM)
        if self.waiting >= self.capacity:
            state = "" if self._client.is_connected else " is not connected,"
            full = f"{self._name}{state} has all {self.capacity} places taken"
            raise QueueFull(event, f"{full} and refused")

    # On the loop: sending

    def pump(self) -> None:
        """Send the queued events piece by piece, until none is left that can be sent."""
        if self._can_send():
            is_behind = self._client.is_behind
            if not is_behind:
                self._send_piece()
            # other callbacks and threads run before the next piece is sent
            self._pump_again(_BEHIND if is_behind else 0)
            return
        self._is_woken = False  # the next `put` wakes the loop again
        if self._can_send():
            self._pump_again()
        elif self._unconfirmed and not (self._timer or self.confirming):
            is_half_full = 2 * len(self._unconfirmed) > self.capacity
            delay = 0 if is_half_full else _CONFIRM
            self._timer = self._loop.call_later(delay, self._start_confirming)

    def _can_send(self) -> bool:
        return bool(self._queue) and self._client.is_connected and not self._is_held

    def _pump_again(self, delay: float = 0) -> None:
        if self._pumping:
            self._pumping.cancel()
        self._pumping = self._loop.call_later(delay, self.pump)

    def _send_piece(self) -> None:
        messages, size = [], 0
        while self._queue and size < MUCH:
            event, subject, body = self._queue.popleft()
            self._unconfirmed.append((self._next_number(), event))
            sent = message(subject, self._counts.number(event.topic, body))
            messages.append(sent)
            size += len(sent)
        self._client.send(b"".join(messages))

    # On the loop: confirming

    async def ping(self) -> None:
        """Wait for the server's answer to a ping.

        nats-py writes a ping before the subscriptions in its buffer, and its answer would not
        confirm them. So wait until the buffer is empty. There is no time limit.
        """
        await asyncio.sleep(0)
        while self._client.pending_data_size and self._client.is_connected:
            await asyncio.sleep(_BUFFER)
        await self._client.flush(_FOREVER)

    async def confirm_all(self) -> None:
        """Wait until each accepted event is counted as sent, refused or lost."""
        self.pump()
        while self._queue or self._unconfirmed:
            self._answered.clear()
            if self._unconfirmed:
                self._start_confirming()
            await self._answered.wait()

    def _start_confirming(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self.confirming:
            self.confirming = self._loop.create_task(self._confirm())

    async def _confirm(self) -> None:
        """Ping the server. Its answer confirms every event that was sent before the ping.

        The ping has no time limit. nats-py would forget a ping that timed out but not its answer,
        and would stop reading when that arrives. nats-py's own pings notice a server that never
        answers, and a broken connection cancels this task.
        """
        before, breaks = self._next_number(), self.breaks
        with suppress(NatsError, OSError):  # `pump` starts another ping
            await self._client.flush(_FOREVER)
            # without a connection, nats-py's `flush` returns at once as if it had succeeded
            if self._client.is_connected and breaks == self.breaks:
                self._count_sent(before)
        self.confirming = None
        self._answered.set()
        self.pump()

    def _count_sent(self, before: int) -> None:
        while self._unconfirmed and self._unconfirmed[0][0] < before:
            self._unconfirmed.popleft()
            self.sent += 1

    # On the loop: failures

    def disconnected(self) -> None:
        """Count the unconfirmed events as lost, and send nothing until `reconnected`."""
        self.breaks += 1
        self._is_held = True
        if self.confirming:  # no answer will arrive on a broken connection
            self.confirming.cancel()
            self.confirming = None
        self.lose_unconfirmed(
            OutcomeUnknown("the connection broke while this event was on its way.")
        )
        self._answered.set()

    def reconnected(self) -> None:
        """Continue in half a second, so that receivers have reconnected first."""
        breaks = self.breaks
        self._loop.call_later(_GRACE, lambda: self._continue(breaks))

    def _continue(self, breaks: int) -> None:
        if breaks == self.breaks:  # else the connection has broken again
            self._is_held = False
            self.pump()

    def refuse(self, topic: str, error: Exception) -> None:
        """Count as refused the oldest unconfirmed event on a topic, given in lower case.

        The server names the topic alone. It answers in the order in which it reads.
        """
        for place, (_, event) in enumerate(self._unconfirmed):
            if event.topic.lower() == topic:
                del self._unconfirmed[place]
                self.refused += 1
                self._give_up(event, error)
                return

    def refuse_queued(self, error: Exception) -> int:
        """Count all queued events as refused. Return their number."""
        before = self.refused
        while self._queue:
            event, _, _ = self._queue.popleft()
            self.refused += 1
            self._give_up(event, error)
        self._answered.set()
        return self.refused - before

    # On any thread

    def lose_unconfirmed(self, error: Exception) -> None:
        """Count all unconfirmed events as lost. They may have arrived."""
        while self._unconfirmed:
            _, event = self._unconfirmed.popleft()
            self.lost += 1
            self._give_up(event, error)

    def lose_queued(self, error: Exception) -> None:
        """Count all queued events as lost. They were never sent."""
        while self._queue:
            event, _, _ = self._queue.popleft()
            self.lost += 1
            self._give_up(event, error)
