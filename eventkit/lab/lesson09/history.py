"""A counter's history in a log, and two projections of its state after any event."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from ...log import Entry, EventLog

PATTERN = "counter.>"
CLICKED = "counter.clicked"
RESET = "counter.reset"
THRESHOLD = 10


class Count(NamedTuple):
    """The state of lesson 02's counter: the count, and how often it reached the threshold."""

    value: int = 0
    reached: int = 0


def counted(state: Count, entry: Entry) -> Count:
    """Return the counter's state after this entry: one projection."""
    if entry.topic == RESET:
        return Count(0, state.reached)
    count = state.value + entry.data["count"]
    return Count(count, state.reached + (state.value < THRESHOLD <= count))


def pressed(presses: Mapping[str, int], entry: Entry) -> Mapping[str, int]:
    """Return how many events came from each button: another projection."""
    name = "Reset" if entry.topic == RESET else entry.data["button"]
    return {**presses, name: presses.get(name, 0) + 1}


class Moment(NamedTuple):
    """Both states after the event with this sequence. A stored one is a snapshot."""

    sequence: int = 0
    counter: Count = Count()
    presses: Mapping[str, int] = {}

    def after(self, entry: Entry) -> Moment:
        presses = pressed(self.presses, entry)
        return Moment(entry.sequence, counted(self.counter, entry), presses)


class Rebuilt(NamedTuple):
    """A rebuilt moment and the event that led to it. `since` is the sequence of the snapshot used,
    and `read` the number of entries read after it.
    """

    moment: Moment = Moment()
    entry: Entry | None = None
    since: int = 0
    read: int = 0


class History:
    """Follows a log with `grow`, and rebuilds the state after any event with `at`.

    It keeps a snapshot every `every` events, so that no rebuild reads more entries than that. Use
    it from one thread.
    """

    def __init__(self, log: EventLog, every: int = 20) -> None:
        self.log = log
        self.every = every
        self.counts: list[tuple[int, int]] = [(0, 0)]  # (sequence, count), for the picture
        self._newest = Moment()
        self._snapshots = [self._newest]

    @property
    def last(self) -> int:
        """The newest known sequence."""
        return self._newest.sequence

    def grow(self) -> None:
        """Read what was appended since the last call."""
        for entry in self.log.read(self.last, PATTERN):
            self._newest = self._newest.after(entry)
            self.counts.append((entry.sequence, self._newest.counter.value))
            if (len(self.counts) - 1) % self.every == 0:
                self._snapshots.append(self._newest)

    def at(self, sequence: int) -> Rebuilt:
        """Return the state after the event with that sequence, or after the last one before it."""
        place = bisect_right(self._snapshots, sequence, key=lambda one: one.sequence)
        moment, read = self._snapshots[place - 1], 0
        since = moment.sequence
        for entry in self.log.read(since, PATTERN, limit=sequence - since):
            if entry.sequence > sequence:
                break
            moment, read = moment.after(entry), read + 1
        return Rebuilt(moment, self._entry(moment.sequence), since, read)

    def after(self, sequence: int) -> int:
        """Return the sequence of the counter's next event; of its last event if there is none."""
        place = bisect_right(self.counts, sequence, key=lambda one: one[0])
        return self.counts[place][0] if place < len(self.counts) else self.last

    def _entry(self, sequence: int) -> Entry | None:
        """Return the event with that sequence, which a snapshot does not hold."""
        return next(iter(self.log.read(sequence - 1, limit=1)), None) if sequence else None
