"""Bridge: what is fired on one bus arrives on others, on other machines too, by way of NATS.

    firer ──▶ bus ──▶ waiting ──▶ the bridge's loop ──▶ server ──▶ loop ──▶ arrived ──▶ bus

A bridge has two threads that take turns: one runs the loop, which talks to the server, and fires
what has arrived; when slow handlers hold it up, the other runs the loop meanwhile. What waits to be
sent and what waits for handlers stand in two bounded queues, and each says aloud when it is full.

NATS itself promises "at most once": what was on its way when a connection broke is gone. So an
event counts as sent only when the server has answered a question asked after it; what was not
confirmed like that when the connection broke is reported.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, TimeoutError as FutureTimeout
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import msgspec

from ..bus import EventBus
from ..checks import seconds, whole_number
from ..event import CloudEvent, Event, InvalidEvent, check_event, decode, to_cloud
from ..executors.queue import BusClosed, QueueFull
from ..forks import renew_in_child
from ..log import LogError, OutcomeUnknown, PermissionDenied
from ..subscription import Subscription
from ..topics import InvalidTopic, check_pattern, check_topic, matches
from .connecting import address_in, options_for, places
from .counting import LONGEST, Counts, Gaps
from .delivery import Delivery

try:
    from nats.errors import Error as NatsError, UnexpectedEOF

    from .client import MUCH, DirectClient, QuietLoop, message
except ImportError as missing:
    raise ImportError(
        "Bridge needs nats-py, which is not installed here. "
        "Run: pip install 'eventkit-notebooks[nats]'"
    ) from missing

_CONFIRM = 0.05  # seconds between a first unconfirmed event and the question
_RECONNECT = 0.1
_GREETING = 0.5
_GRACE = 0.5  # seconds that receivers have to come back before a sender goes on
_PING = 5  # seconds; a server that says nothing is given up at the third
_FOREVER = 10**9  # seconds
_BUFFER = 0.001
_BEHIND = 0.005
_ROOM = 0.001
_LONGEST_INTEGER = 4_300  # digits that Python reads; a shorter body cannot have more
_LONGEST_SUBJECT = 3_500  # bytes; a server takes no line of more than 4,096
_find_refusal = re.compile(r"permissions violation for (\w+)(?: to)? \"([^\"]*)\"", re.I).search
_LOOP_HAS_ENDED = (FutureTimeout, CancelledError, RuntimeError)  # or is ending, after an interrupt
_log = logging.getLogger("eventkit")


class Arrived(Event, frozen=True, gc=False, kw_only=True):
    """An Event that has come over a bridge; no bridge sends it out again. Its source and id,
    which are the same wherever it goes, are in `original`.
    """

    original: CloudEvent


class NotTrusted(ConnectionError):
    """A server did not show that it is the one that it should be. Nothing was sent to it."""


class Bridge:
    """Joins a bus to all the buses that are bridged to the same NATS server.

        Bridge(bus, server.url, outgoing=["button.>"], incoming=["counter.*"])

    Events that fit a pattern in `outgoing` are sent, and those that fit one in `incoming` are
    fired here when another bus sends them: as `Arrived` events, on a thread of the bridge, in
    each publisher's order. An event that came in is not sent out again, and one's own do not
    return. Topics beginning with `error.` stay at home: they carry exceptions. All subjects on the
    server begin with `prefix`. Of the bridges that share a `group`, each event goes to one.

    `capacity` is how many events may be on their way out, and how many arrived ones may wait for
    slow handlers. While the server cannot be reached, events wait, and when there is no room left,
    `fire` raises QueueFull; while it can be, `fire` waits for room, for `timeout` seconds at most.
    What arrives and finds no room is counted in `dropped`, with a warning at the first. An event
    that may have been lost with a connection becomes one of the bus's dead letters, with
    OutcomeUnknown, and one that the server refused with PermissionDenied.

    `flush` waits until all of it is sent. These count events: `sent`, those that the server has
    confirmed; `refused`, those that it refused; `lost`, those that became dead letters because the
    connection broke or the bridge was closed; `received`; `dropped`; and `skipped`, this bus's own
    that came back. They never forget, while the dead letters keep only the last ones.

    "The server has it" does not say that a bridge was there to receive it. After an outage a
    sender waits for half a second, so that receivers are back first. Events carry numbers,
    counted for each bridge and topic: a receiver counts those that never came in `missed`, with a
    warning. It notices when the next event on that topic arrives, and knows nothing of a topic
    of which it has heard nothing before. Events that are reported as `lost` and did not arrive
    are among them. Bridges of a group count no missed events. Use an EventLog where every event
    must arrive.

    A server that says nothing for about three times `ping_interval`, one of nats-py's options and
    5 s here, is given up, and the connection is made again.

    With `tls`, such as an authority's `client_context`, nothing is said to a server before it has
    shown its certificate: who offers plaintext, or a certificate that is not good, is left alone,
    at first and whenever the connection is rebuilt. The own certificate says who one is; when a
    server lets one in no more, what waits becomes dead letters with PermissionDenied.

    Raises InvalidTopic for patterns and prefixes that NATS would misroute; ConnectionError if no
    server answers within `timeout` seconds, which is NotTrusted if one does that should not be
    believed; PermissionDenied if it does not let one in, or not subscribe; ValueError for a
    `tls://` address without `tls`.
    """

    def __init__(
        self,
        bus: EventBus,
        url: str,
        outgoing: Sequence[str] = (),
        incoming: Sequence[str] = (),
        *,
        tls: ssl.SSLContext | None = None,
        group: str | None = None,
        prefix: str = "eventkit",
        capacity: int = 10_000,
        timeout: float = 5.0,
        **options: Any,
    ) -> None:
        self._outgoing = _patterns("outgoing", outgoing)
        self._incoming = _patterns("incoming", incoming)
        self._place_of = lru_cache(maxsize=10_000)(partial(_first, self._incoming))
        for name in (prefix,) if group is None else (prefix, group):
            check_topic(name)
        whole_number("capacity", capacity, "a number of events")
        seconds("timeout", timeout, above_zero=True)
        options = {"ping_interval": _PING} | options_for(url, tls, options)
        self.bus = bus
        self.prefix = prefix
        self._prefix_length = len(prefix) + 1
        self.group = group
        self.capacity = capacity
        self.sent = self.received = self.dropped = self.refused = 0
        self.lost = self.skipped = 0
        self._urls = url.split(",")
        self._timeout = timeout
        self._waiting: deque[tuple[Event, str, bytes]] = deque()
        self._unconfirmed: deque[tuple[int, Event]] = deque()
        self._next_number = itertools.count(1).__next__
        self._source = bus.source
        self._is_inherited = False  # by the child of a fork
        self._counts = Counts()
        self._gaps = Gaps()
        self._ending = threading.RLock()  # so that the thread of an interrupted close can repeat it
        self._refusals: list[PermissionDenied] = []
        self._subscriptions: list[Subscription] = []
        self._is_woken = self._closing = self._is_closed = False
        self._broken = 0  # how often the connection has been
        self._is_held = False  # for the receivers to be back first
        self._confirming: asyncio.Task[None] | None = None
        self._is_turned_away = False
        self._has_tried = False  # to connect
        self._problem: Exception | None = None  # the last that nats-py told of
        self._timer: asyncio.TimerHandle | None = None
        self._pumping: asyncio.TimerHandle | None = None
        self._nats = DirectClient(self._receive)
        self._loop = QuietLoop()
        self._answered = asyncio.Event()
        self._delivery = Delivery(self._loop, capacity, self._deliver)
        try:
            renew_in_child(self)
            self._delivery.run(self._connect(options), timeout + 1)
            for place, pattern in enumerate(self._outgoing):
                self._subscriptions.append(bus.subscribe(pattern, self._sender(place)))
        except BaseException:
            self._end(timeout)
            raise

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached, as far as is known."""
        return bool(self._nats.is_connected)

    @property
    def waiting(self) -> int:
        """How many events are on their way out and not confirmed by the server."""
        return len(self._waiting) + len(self._unconfirmed)

    def flush(self, timeout: float = 5.0) -> None:
        """Wait until the server has all that was fired before.

        Raises PermissionDenied if it refused something since the last flush. OutcomeUnknown, if
        it has not confirmed everything within `timeout` seconds, or the connection broke meanwhile
        and took events with it: whether they arrive is open.
        """
        self._check_process()
        seconds("timeout", timeout)
        if self._delivery.is_on_loop:
            raise RuntimeError("flush() on the bridge's own loop would wait for itself.")
        if self._closing:
            raise BusClosed(f"{self!r} is closed.")
        lost = self.lost
        try:
            self._delivery.run(self._confirm_all(), timeout)
        except FutureTimeout:
            raise OutcomeUnknown(
                f"{self.waiting} events were not confirmed by {self!r} within {timeout} s. They "
                "may arrive yet, or may have arrived."
            ) from None
        if self._refusals:
            refusal, self._refusals = self._refusals[0], []
            raise refusal
        if self.lost > lost:
            raise OutcomeUnknown(
                f"{self.lost - lost} events were on their way when the connection of {self!r} "
                "ended. They are among the dead letters, and may have arrived."
            )

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, deliver what has arrived, and disconnect. Can be called twice.

        What cannot be sent within `timeout` seconds becomes dead letters.
        """
        seconds("timeout", timeout)
        if self._is_inherited or self._is_closed:
            return
        if not self._ending.acquire(blocking=False):
            return  # another thread is closing it
        try:
            self._close(timeout)
        finally:
            self._ending.release()

    def _close(self, timeout: float) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        if not self._closing:
            with suppress(LogError):
                self.flush(timeout)
        self._closing = True
        with suppress(*_LOOP_HAS_ENDED):
            self._delivery.run(self._disconnect(), timeout)
        self._end(timeout)
        self._is_closed = True
        self._lose(OutcomeUnknown(f"{self!r} was closed while this event was on its way."))
        while self._waiting:
            unsent = BusClosed(f"{self!r} was closed before this event could be sent.")
            event = self._waiting.popleft()[0]
            self.lost += 1
            self._give_up(event, unsent)

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Bridge to {places(self._urls)}>"

    @property
    def missed(self) -> int:
        """How many events other bridges sent and this one did not get, as far as it has noticed."""
        return self._gaps.missed

    def renew(self) -> None:
        """In a child process: the connection and its threads are the parent's."""
        self._is_inherited = True

    def _check_process(self) -> None:
        if self._is_inherited:
            raise RuntimeError(
                f"{self!r} was made before this process was forked, and its connection is the "
                "parent's. Make a bus and a bridge in the child."
            )

    # Out: in the firer's thread

    def _sender(self, place: int) -> Callable[[Event], None]:
        """A handler for one of the patterns. What fits an earlier one as well is that one's."""
        place_of = lru_cache(maxsize=10_000)(partial(_first, self._outgoing))

        def send(event: Event) -> None:
            if place and place_of(event.topic) != place:
                return
            if not (isinstance(event, Arrived) or event.topic.startswith("error.")):
                self._send(event)

        send.__qualname__ = repr(self)
        return send

    def _send(self, event: Event) -> None:
        self._check_process()
        subject = f"{self.prefix}.{event.topic}"
        body = self._encode(event)
        if len(subject) * 4 > _LONGEST_SUBJECT < len(subject.encode()):
            raise InvalidTopic(
                f"the topic of event {event.id} has {len(event.topic):,} letters: NATS takes no "
                f"subject of more than {_LONGEST_SUBJECT:,} bytes."
            )
        if len(body) + LONGEST > self._nats.max_payload:
            raise ValueError(
                f"event {event.id} ({event.topic!r}) has {len(body):,} bytes, and the server takes "
                f"{self._nats.max_payload:,}. Store such data elsewhere, and send where that is."
            )
        if len(self._waiting) + len(self._unconfirmed) >= self.capacity:
            self._wait_for_room(event)
        self._waiting.append((event, subject, body))
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
            self._delivery.wake(self._pump)
        except BaseException:  # an interrupt: the next event wakes the loop
            self._is_woken = False
            raise

    def _wait_for_room(self, event: Event) -> None:
        deadline = time.monotonic() + self._timeout
        while not self._is_to_go_on() and time.monotonic() < deadline:
            time.sleep(_ROOM)
        if self.waiting >= self.capacity:
            state = "" if self.is_connected else " is not connected,"
            full = f"{self!r}{state} has all {self.capacity} places taken"
            raise QueueFull(event, f"{full} and refused")

    def _is_to_go_on(self) -> bool:
        return self.waiting < self.capacity or not self.is_connected

    # Out: on the loop

    def _pump(self) -> None:
        """Send what waits, piece by piece, until nothing is left that can be sent."""
        if self._can_send():
            is_behind = self._nats.is_behind
            if not is_behind:
                self._send_piece()
            # others have their turn before the next piece, those who fire among them
            self._pump_again(_BEHIND if is_behind else 0)
            return
        self._is_woken = False  # who fires from now on rings again
        if self._can_send():
            self._pump_again()
        elif self._unconfirmed and not (self._timer or self._confirming):
            is_half_full = 2 * len(self._unconfirmed) > self.capacity
            delay = 0 if is_half_full else _CONFIRM
            self._timer = self._loop.call_later(delay, self._start_confirming)

    def _can_send(self) -> bool:
        return bool(self._waiting) and self._nats.is_connected and not self._is_held

    def _pump_again(self, delay: float = 0) -> None:
        if self._pumping:
            self._pumping.cancel()
        self._pumping = self._loop.call_later(delay, self._pump)

    def _send_piece(self) -> None:
        messages, size = [], 0
        while self._waiting and size < MUCH:
            event, subject, body = self._waiting.popleft()
            self._unconfirmed.append((self._next_number(), event))
            sent = message(subject, self._counts.number(event.topic, body))
            messages.append(sent)
            size += len(sent)
        self._nats.send(b"".join(messages))

    def _start_confirming(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._confirming:
            self._confirming = self._loop.create_task(self._confirm())

    async def _confirm(self) -> None:
        """Ask the server: when it answers, it has what was sent before the question.

        The question has no time limit. nats-py would forget one that timed out, but not its
        answer, and stop reading when that comes. A server that never answers is noticed by
        pings, and a broken connection cancels this task.
        """
        asked, broken = self._next_number(), self._broken
        with suppress(NatsError, OSError):  # asked again
            await self._nats.flush(_FOREVER)
            # without a connection, nats-py returns from `flush` at once, as if all were well
            if self.is_connected and broken == self._broken:
                self._count_sent(asked)
        self._confirming = None
        self._answered.set()
        self._pump()

    def _stop_confirming(self) -> None:
        """Give up the question: its connection is broken, and no answer will come any more."""
        if self._confirming:
            self._confirming.cancel()
            self._confirming = None

    async def _ask(self) -> None:
        """Wait for an answer. The subscriptions in nats-py's buffer go out first: the question
        would be written before them otherwise, and the answer would tell nothing of them.
        """
        await asyncio.sleep(0)
        while self._nats.pending_data_size and self.is_connected:
            await asyncio.sleep(_BUFFER)
        await self._nats.flush(_FOREVER)  # `_connect` ends it, and the connection with it

    def _count_sent(self, before: int) -> None:
        while self._unconfirmed and self._unconfirmed[0][0] < before:
            self._unconfirmed.popleft()
            self.sent += 1

    async def _confirm_all(self) -> None:
        self._pump()
        while self._waiting or self._unconfirmed:
            self._answered.clear()
            if self._unconfirmed:
                self._start_confirming()
            await self._answered.wait()

    # In: on the loop, then on the thread that delivers

    def _receive(self, number: int, subject: str, body: bytes, headers: bytes | None) -> bool:
        """What the server sends for one of the subscriptions."""
        topic = subject[self._prefix_length :]
        if number == 1 or self._place_of(topic) == number - 1:  # else the other pattern's
            if self.group is None and (missing := self._gaps.note(topic, body)):
                self._warn_of_gap(topic, missing)
            if not self._delivery.put(topic, body):
                self._drop(topic)
        return True

    def _warn_of_gap(self, topic: str, missing: int) -> None:
        _log.warning(
            "%r has missed %d events on %r: they were sent while it was not there, or "
            "lost on their way. Its `missed` counts them; a log would have kept them.",
            self, missing, topic,
        )  # fmt: skip

    def _deliver(self, topic: str, body: bytes) -> None:
        try:
            wire = decode(body)
            if wire.type != topic:
                raise InvalidEvent(f"it says that its type is {wire.type!r}.")
            if wire.source == self._source:
                self.skipped += 1
                return
            event = _arrived(wire)
            self.received += 1
            self.bus.publish(event)
        except (InvalidEvent, QueueFull, BusClosed) as problem:
            self.dropped += 1
            _log.warning("%r cannot fire what came on %r: %s", self, topic, problem)

    def _drop(self, topic: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            _log.warning(
                "%r has %d arrived events waiting for slow handlers and begins to drop: one on %r "
                "was the first. Give the handlers an executor=. Its `dropped` counts them.",
                self, self.capacity, topic,
            )  # fmt: skip

    # The connection

    async def _connect(self, options: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                while not self.is_connected:
                    await self._try_to_connect(options)
                for pattern in self._incoming:
                    subject = f"{self.prefix}.{pattern}"
                    await self._nats.subscribe(subject, self.group or "")
                await self._ask()
        except NotTrusted as problem:
            _log.warning("%s", problem)
            raise
        except (NatsError, OSError, TimeoutError) as problem:
            raise ConnectionError(
                f"no NATS server answers at {self!r} within {self._timeout} s "
                f"({self._problem or problem}). Start one, such as NatsServer(), and give its url."
            ) from problem
        if self._refusals:
            raise self._refusals[0]
        self._pump()

    async def _try_to_connect(self, options: dict[str, Any]) -> None:
        """Try each server in turn. Once there, the connection is mended for as long as it takes."""
        self._has_tried = True
        try:
            await self._nats.connect(
                self._urls, name=self.bus.source, no_echo=True, max_reconnect_attempts=1,
                skip_subject_validation=True,  # every topic has been checked
                reconnect_time_wait=_RECONNECT,  # type: ignore[arg-type]
                error_cb=self._on_error, disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected, **options,
            )  # fmt: skip
            self._nats.options["max_reconnect_attempts"] = -1
        except (NatsError, OSError) as problem:
            if turned_away := self._turned_away_by(self._problem or problem):
                raise turned_away from self._problem
            if "tls" in options and await self._is_offered_plaintext():
                raise self._not_trusted("it offers plaintext") from problem
            await asyncio.sleep(_RECONNECT)

    async def _is_offered_plaintext(self) -> bool:
        """Return True if a server there greets as one without TLS does."""
        for url in self._urls:
            with suppress(OSError, TimeoutError, ValueError):
                reader, writer = await asyncio.open_connection(*address_in(url))
                try:
                    greeting = await asyncio.wait_for(reader.read(4), _GREETING)
                finally:
                    writer.close()
                if greeting == b"INFO":
                    return True
        return False

    def _turned_away_by(self, problem: Exception) -> PermissionDenied | NotTrusted | None:
        """What it means, if to try again is in vain."""
        if "authorization" in str(problem).lower():
            return PermissionDenied(
                f"{self!r}: the server refused this name and password, or certificate."
            )
        if not isinstance(problem, ssl.SSLError):
            return None
        why = getattr(problem, "verify_message", None) or problem.reason
        if "ALERT" in str(problem.reason):  # which is how the other side says it
            return PermissionDenied(
                f"{self!r}: the server does not take this client's certificate, or misses one "
                f"({why}). Show one that its authority has signed."
            )
        if problem.reason == "WRONG_VERSION_NUMBER":
            why = "it offers plaintext"
        return self._not_trusted(why)

    def _not_trusted(self, why: object) -> NotTrusted:
        return NotTrusted(
            f"{self!r} refused to send data: the server could not be authenticated ({why})."
        )

    async def _on_error(self, problem: Exception) -> None:
        self._problem = problem
        if not self.is_connected:
            self._nats.close_failed_attempt()
        if found := _find_refusal(str(problem)):
            self._on_refusal(found[1].lower(), found[2].removeprefix(f"{self.prefix}.".lower()))
        elif self.is_connected and not isinstance(problem, UnexpectedEOF | OSError):
            _log.warning("%r: %s", self, problem)
        elif self._broken and (turned_away := self._turned_away_by(problem)):
            self._on_turned_away(turned_away)

    def _on_refusal(self, what: str, topic: str) -> None:
        """The server names the subject alone. The oldest event on it that is not confirmed is the
        one, since a server answers in the order in which it was spoken to.
        """
        denied = PermissionDenied(f"{self!r}: the server does not allow this {what} on {topic!r}.")
        self._refusals.append(denied)
        for place, (_, event) in enumerate(self._unconfirmed):
            if event.topic.lower() == topic:  # it is told in small letters
                del self._unconfirmed[place]
                self.refused += 1
                self._give_up(event, denied)
                return

    def _on_turned_away(self, error: PermissionDenied | NotTrusted) -> None:
        """An impostor may go away again and events wait for that; one's own rights are gone."""
        is_news, self._is_turned_away = not self._is_turned_away, True
        if is_news:
            _log.warning("%s", error)
        if isinstance(error, PermissionDenied) and (is_news or self._waiting):
            self._refusals.append(error)
            self.refused += len(self._waiting)
            while self._waiting:
                self._give_up(self._waiting.popleft()[0], error)
            self._answered.set()

    async def _on_disconnected(self) -> None:
        self._broken += 1
        self._is_held = True
        self._stop_confirming()
        if not self._closing:
            _log.warning("%r: the connection is broken; events wait until it is there again.", self)
        self._lose(OutcomeUnknown("the connection broke while this event was on its way."))
        self._answered.set()

    async def _on_reconnected(self) -> None:
        self._is_turned_away = False
        broken = self._broken
        self._loop.call_later(_GRACE, lambda: self._go_on(broken))

    def _go_on(self, broken: int) -> None:
        """Send what waits, unless the connection has broken again meanwhile."""
        if broken == self._broken:
            self._is_held = False
            self._pump()

    async def _disconnect(self) -> None:
        if self.is_connected:
            await self._nats.drain()
        else:
            await self._nats.close()

    # Ends

    def _lose(self, error: Exception) -> None:
        while self._unconfirmed:
            event = self._unconfirmed.popleft()[1]
            self.lost += 1
            self._give_up(event, error)

    def _give_up(self, event: Event, error: Exception) -> None:
        self._subscriptions[0].give_up(event, error)

    def _end(self, timeout: float) -> None:
        self._closing = True
        try:
            if self._has_tried:  # else nats-py has nothing that it could close
                with suppress(*_LOOP_HAS_ENDED):
                    self._delivery.run(self._nats.close(), timeout)
        finally:
            self._delivery.close(timeout)


def _arrived(wire: CloudEvent) -> Arrived:
    event = wire.to_event()
    return Arrived(event.topic, event.data, event.id, event.time, event.key, original=wire)


def _patterns(name: str, patterns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise TypeError(f"{name} is a list of patterns, such as [{patterns!r}]; got {patterns!r}.")
    for pattern in patterns:
        check_pattern(pattern)
    return tuple(dict.fromkeys(patterns))


def _first(patterns: tuple[str, ...], topic: str) -> int:
    """The place of the first pattern that a topic fits."""
    return next(place for place, pattern in enumerate(patterns) if matches(pattern, topic))
