"""Places: where each click and each answer is, as far as both sides together know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Places(NamedTuple):
    """The numbers of the clicks in each place, and those of the clicks whose answers are there.

    A click is in one of four places: `held` until it arrives (it waits for the line, or is on it),
    `refused` here, `lost` with the line, or counted `there`. A counted click's answer is in one of
    three: among `answers` on their way, `heard` here, or `unheard` if the line was cut under it.
    """

    held: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    there: tuple[int, ...] = ()
    answers: tuple[int, ...] = ()
    heard: tuple[int, ...] = ()
    unheard: tuple[int, ...] = ()


def places(
    fired: int,
    refused: Sequence[int],
    given_up: Collection[int],
    counted: Sequence[int],
    heard: Collection[int],
    cut_off: Collection[int],
) -> Places:
    """Return the places of the clicks 1 to `fired`.

    A click that the bridge has given up is lost unless it was counted all the same. An answer is
    unheard if it was under way when the line was cut, or if a later one has been heard: answers do
    not overtake each other.
    """
    arrived, listened, severed = set(counted), set(heard), set(cut_off)
    lost = [number for number in given_up if number not in arrived]
    elsewhere = arrived.union(refused, lost)
    last = max(heard, default=0)
    gone = {number for number in arrived - listened if number < last or number in severed}
    return Places(
        held=tuple(number for number in range(1, fired + 1) if number not in elsewhere),
        refused=tuple(refused),
        lost=tuple(lost),
        there=tuple(counted),
        answers=tuple(number for number in counted if number not in listened | gone),
        heard=tuple(number for number in counted if number in listened),
        unheard=tuple(number for number in counted if number in gone),
    )
