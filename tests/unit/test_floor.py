"""The floor of the dashboard: each visitor is in one place, and it is where the system had them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st

from eventkit import open_log
from eventkit.lab import Dashboard
from eventkit.lab.lesson12.floor import Floor, ranges
from eventkit.lab.lesson12.grader.reference import build
from eventkit.testing import LONG, wait_until

visitors = st.integers(1, 40)
TOLD = st.one_of(
    st.tuples(st.just("door"), st.just("north"), st.just("north"), visitors,
              st.sampled_from(["in", "QueueFull", "ValueError"])),
    st.tuples(st.sampled_from(["began", "printed", "jammed"]), visitors),
    st.tuples(st.just("count.changed"),
              st.fixed_dictionaries({"count": st.integers(0, 40), "visitor": visitors})),
    st.tuples(st.just("visitor.failed"), st.fixed_dictionaries({"visitor": visitors})),
    st.tuples(st.just("notice.full"), st.none()),
)  # fmt: skip
STEPS = st.lists(st.one_of(st.tuples(st.just("come"), visitors), TOLD, st.just(("gone",))))


def take(floor: Floor, what: str, *told: Any) -> None:
    if what == "come":
        floor.come(*told)
    elif what == "gone":
        floor.lost_process()
    else:
        floor.hear(what, *told)


def everyone(floor: Floor) -> list[int]:
    """The visitors in the picture, each as often as there."""
    frame = floor.frame()
    parts = ("atDoor", "places", "printers", "printed", "counted", "failed", "refused")
    return [one for part in parts for one in frame[part] if one is not None]


@given(STEPS)
def test_no_visitor_is_in_two_places_or_leaves_the_building(steps: list[tuple[Any, ...]]) -> None:
    floor, seen = Floor(10), set[int]()
    for step in steps:
        take(floor, *step)
        now = everyone(floor)
        assert max(Counter(now).values(), default=1) == 1
        assert seen <= set(now)
        seen |= set(now)


@given(STEPS)
def test_the_last_that_the_process_told_of_a_visitor_says_where_they_are(
    steps: list[tuple[Any, ...]],
) -> None:
    floor = Floor(10)
    last: dict[int, str] = {}
    for what, *told in steps:
        take(floor, what, *told)
        match what, *told:
            case "began" | "printed" | "jammed", int(visitor):
                last[visitor] = what
            case "count.changed" | "visitor.failed", {"visitor": visitor}:
                last[visitor] = what
            case ("gone",):
                last = {one: "jammed" if was == "began" else was for one, was in last.items()}
    places = {
        "began": floor.at_printers, "printed": floor.printed, "jammed": floor.waiting,
        "count.changed": floor.counted, "visitor.failed": floor.failed,
    }  # fmt: skip
    for visitor, what in last.items():
        assert visitor in places[what]


@given(STEPS)
def test_the_table_says_in_words_what_the_picture_shows(steps: list[tuple[Any, ...]]) -> None:
    floor = Floor(10)
    for step in steps:
        take(floor, *step)
    said = repr(floor.table())
    for what, who in (
        ("waiting", floor.waiting), ("at the printers", floor.at_printers),
        ("counted", floor.counted), ("given up", floor.failed),
    ):  # fmt: skip
        line = next(one for one in said.splitlines() if one.startswith(what + "  "))
        assert line.split(maxsplit=len(what.split()))[-1].split(maxsplit=1) == (
            [str(len(who)), ranges(who)] if who else ["0"]
        )


@pytest.mark.parametrize(
    "told", [("began", "seven"), ("count.changed", 7), ("door", "mallory", "north", -1, "in")]
)
def test_what_has_no_place_on_the_floor_is_ignored(told: tuple[Any, ...]) -> None:
    floor = Floor(10)
    floor.hear(*told)
    assert everyone(floor) == []
    assert floor.answers == {}


def test_an_accepted_visitor_may_be_at_a_printer_before_the_door_has_answered() -> None:
    floor = Floor(10)
    floor.come(1)
    floor.hear("began", 1)
    floor.hear("door", "south", "south", 1, "in")
    assert (floor.at_printers, floor.doors, floor.unfinished) == ([1], {"in": 1}, 1)


def test_a_row_that_is_too_short_grows_and_shrinks_again() -> None:
    floor = Floor(10)
    for visitor in range(1, 26):
        floor.hear("jammed", visitor)
    assert len(floor.places) == 25
    for visitor in range(1, 26):
        floor.hear("printed", visitor)
    assert len(floor.places) == 20


def test_numbers_are_told_as_ranges() -> None:
    assert ranges([7, 1, 2, 3, 9, 10]) == "1–3, 7, 9–10"
    assert ranges([]) == ""


def test_what_the_floor_shows_is_what_the_system_wrote_into_its_log() -> None:
    dashboard = Dashboard(build, seconds=0.01)
    floor = dashboard.floor
    dashboard.do("jam")
    wait_until(lambda: floor.failed == [1])
    for what in ("stick", "rush", "kill", "one", "forge", "restart", "rush"):
        dashboard.do(what)
    dashboard.bus.drain(LONG)
    wait_until(lambda: not floor.unfinished)
    with open_log(dashboard.log_path) as log:
        accepted, served, failed = (
            sorted(entry.data["visitor"] for entry in log.read(topic=topic))
            for topic in ("door.*", "visitor.served", "visitor.failed")
        )
    assert sorted(one for one, how in floor.answers.items() if how == "in") == accepted
    assert (sorted(floor.counted), sorted(floor.failed)) == (served, failed)
    assert floor.count == len(served)
    dashboard.end()
