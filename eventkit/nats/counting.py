"""Numbers on the events that bridges send, from which a receiver notices missing events.

A number is an extension attribute of the CloudEvent. It names the sending bridge and counts its
events on that topic from 1. (A NATS header would be slower: nats-py needs two attempts to read a
message that has one.) The attribute is the last one, so that it can be added to finished JSON and
found without reading the rest.
"""

from __future__ import annotations

import secrets

LONGEST = 64  # bytes that a number adds to an event
_MOST = 10_000  # topics of one sender, or of all senders at a receiver
_NAME = 16  # letters of a sender's name
_MARK = b',"eventkitnumber":"'
_END = b'"}'


class Counts:
    """Numbers the events of one sender. After 10,000 topics it restarts under a new name."""

    def __init__(self) -> None:
        self._start()

    def number(self, topic: str, body: bytes) -> bytes:
        """Return the JSON of the next event on this topic with its number."""
        if len(self._last) >= _MOST and topic not in self._last:
            self._start()
        number = self._last[topic] = self._last.get(topic, 0) + 1
        return b"%b%b%b %d%b" % (body[:-1], _MARK, self._name, number, _END)

    def _start(self) -> None:
        self._name = secrets.token_hex(_NAME // 2).encode()
        self._last: dict[str, int] = {}


class Gaps:
    """Counts in `missed` the numbered events that did not arrive."""

    def __init__(self) -> None:
        self.missed = 0
        self._last: dict[tuple[bytes, str], int] = {}

    def note(self, topic: str, body: bytes) -> int:
        """Note an arrived event. Return how many are missing between it and the previous one.

        Return 0 for the first event of a topic, and for events without a number.
        """
        _, mark, found = body[-LONGEST:].rpartition(_MARK)
        if not mark or found[-2:] != _END:
            return 0
        try:
            number = int(found[_NAME:-2])
        except ValueError:  # another program uses the attribute for something else
            return 0
        key = found[:_NAME], topic
        missing = number - self._last.get(key, number) - 1
        if missing < 0:  # the first of its topic, or overtaken by a later one
            self._keep(key, number)
            return 0
        self._last[key] = number
        self.missed += missing
        return missing

    def _keep(self, key: tuple[bytes, str], number: int) -> None:
        """Keep the first number of a topic. Forget the oldest topic if there are too many."""
        if self._last.setdefault(key, number) == number and len(self._last) > _MOST:
            del self._last[next(iter(self._last))]
