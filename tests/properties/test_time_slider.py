"""What the time slider's picture shows is what the log holds, at every place in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings, strategies as st

import eventkit as ek
from eventkit.lab.lesson09.history import CLICKED, RESET, History
from eventkit.lab.lesson09.history_view import picture_of

from ..tiers import rounds

presses = st.lists(st.sampled_from([None, None, 1, 3, 10]), min_size=1, max_size=40)


def counts(presses: list[int | None]) -> list[int]:
    """The count before the first press, and after each; None is a reset."""
    found = [0]
    for press in presses:
        found.append(0 if press is None else found[-1] + press)
    return found


def event(press: int | None) -> ek.Event:
    if press is None:
        return ek.Event(RESET)
    return ek.Event(CLICKED, {"button": f"+{press}", "count": press})


@settings(max_examples=rounds("EVENTKIT_EXAMPLES", quick=25, long=500))
@given(presses, st.integers(1, 12))
def test_every_dot_is_an_event_and_its_colour_says_what_a_rebuild_read(
    presses: list[int | None], every: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, ek.open_log(Path(folder, "clicks.db")) as log:
        log.append_all(map(event, presses))
        history = History(log, every)
        history.grow()
        right = counts(presses)
        for sequence, count in enumerate(right):
            there = history.at(sequence)
            frame = picture_of(history.counts, there, history.last)
            assert frame["points"] == list(enumerate(right))
            assert frame["last"] == len(presses)
            assert there.moment.counter.value == count <= frame["top"]
            read = [at for at, _ in frame["points"] if frame["since"] < at <= sequence]
            assert len(read) == there.read < every
