"""Numbers on what bridges send, by which a receiver notices that something never came.

A header of each message names the sending bridge and counts its events on that topic from 1.
"""

from __future__ import annotations

import re
import secrets

_HEADER = "Eventkit-Number"
_MOST = 10_000  # topics, of one sender or of all that are heard
_find_number = re.compile(rb"\r\n%b: (\w+) (\d{1,18})\r\n" % _HEADER.encode()).search


class Counts:
    """Numbers the events of one sender. After too many topics it starts over under a new name."""

    def __init__(self) -> None:
        self._start()

    def next_on(self, topic: str) -> dict[str, str]:
        """Return the header of the next event on this topic."""
        if len(self._last) >= _MOST and topic not in self._last:
            self._start()
        number = self._last[topic] = self._last.get(topic, 0) + 1
        return {_HEADER: f"{self._name} {number}"}

    def _start(self) -> None:
        self._name = secrets.token_hex(8)
        self._last: dict[str, int] = {}


class Gaps:
    """Counts in `missed` what was numbered and did not come."""

    def __init__(self) -> None:
        self.missed = 0
        self._last: dict[tuple[bytes, str], int] = {}

    def note(self, topic: str, headers: bytes | None) -> int:
        """Note one that came. Return how many are missing between it and the one before.

        Nothing is known of what came before the first of a topic, or of others than bridges.
        """
        if not headers or not (found := _find_number(headers)):
            return 0
        key, number = (found[1], topic), int(found[2])
        last = self._last.get(key, number - 1)
        missing = max(number - last - 1, 0)
        self._last.pop(key, None)  # so that it goes to the end of the dict
        self._last[key] = max(number, last)
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]
        self.missed += missing
        return missing
