"""Numbers on what bridges send, by which a receiver notices that something never came.

They travel in an extension attribute of the CloudEvent, which names the sending bridge and counts
its events on that topic from 1. (A header of NATS would be slower: nats-py reads messages that have
one in a second attempt.) The attribute is the last one, so that it can be added to JSON that is
ready, and found without reading the rest.
"""

from __future__ import annotations

import secrets

LONGEST = 64  # bytes that a number adds to an event
_MOST = 10_000  # topics, of one sender or of all that are heard
_NAME = 16  # letters of a sender's name
_MARK = b',"eventkitnumber":"'
_END = b'"}'


class Counts:
    """Numbers the events of one sender. After too many topics it starts over under a new name."""

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
    """Counts in `missed` what was numbered and did not come."""

    def __init__(self) -> None:
        self.missed = 0
        self._last: dict[tuple[bytes, str], int] = {}

    def note(self, topic: str, body: bytes) -> int:
        """Note one that came. Return how many are missing between it and the one before.

        Nothing is known of what came before the first of a topic, or of others than bridges.
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
        if missing < 0:  # the first of its topic, or one that was overtaken
            self._keep(key, number)
            return 0
        self._last[key] = number
        self.missed += missing
        return missing

    def _keep(self, key: tuple[bytes, str], number: int) -> None:
        """Keep the first number of a topic. Forget that which has been kept for longest."""
        if self._last.setdefault(key, number) == number and len(self._last) > _MOST:
            del self._last[next(iter(self._last))]
