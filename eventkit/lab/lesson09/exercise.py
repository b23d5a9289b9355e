"""Lesson 09: a projection that survives replays and duplicates."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import eventkit as ek

from ..course.exercise import Exercise, NotAttempted, Wrong, attempted

Project = Callable[[dict[str, Any], ek.Entry], dict[str, Any]]


def project(state: dict[str, int], entry: ek.Entry) -> dict[str, int]:
    """The state after an entry of the log: `state["count"]`, and what else you want to keep. It
    starts as {"count": 0}, is saved as JSON after each entry, and is never changed, only replaced.
    """
    # solution begins
    if entry.sequence <= state.get("upto", 0):
        return state
    is_reset = entry.topic == "counter.reset"
    count = 0 if is_reset else state["count"] + entry.data["count"]
    return {"count": count, "upto": entry.sequence}
    # solution ends


class Refused(Exception):
    """The attempt has broken a rule, even if its count is right."""


class Case(NamedTuple):
    """Deliveries such as "1 +1" (a sequence and a button), the right count, and the diagnosis of a
    wrong one.
    """

    deliveries: Sequence[str]
    expected: int
    meaning: str


PLAIN = Case(
    ["1 +1", "2 +10", "3 reset", "4 +1"],
    1,
    "nothing was delivered twice yet. A reset sets the count to 0, every other entry adds its "
    "entry.data['count']. An entry that this state has not seen is new to it, even if it was "
    "counted elsewhere",
)

CASES = [
    PLAIN,
    Case(
        ["1 +1", "2 +1"],
        2,
        "two visitors did the same, and one of them was not counted. What looks alike is not the "
        "same event: an event is known by its place in the log, or by its source and id",
    ),
    Case(
        ["1 +1", "7 +1"],
        2,
        "entry 7 followed entry 1 and was not counted. Sequences only grow: a reader meets "
        "gaps if it reads by a pattern, or after old entries were removed",
    ),
    Case(
        ["1 +1", "2 +1 from another program"],
        2,
        "two programs each have an event with the id 1, and one was not counted. An id is unique "
        "within its source only",
    ),
    Case(
        ["1 +1 at 12:01", "2 +1 at 12:00"],
        2,
        "the clock was set back between two entries, and the second was not counted. A log's order "
        "is the order of its sequences; clocks go back, stand still, and differ",
    ),
    Case(
        ["1 +1", "1 +1"],
        1,
        "one entry was delivered twice and counted twice. Delivered at least once is not exactly "
        "once: a projection must know what it has seen",
    ),
    Case(
        ["1 +1", "2 +10", "1 +1", "2 +10"],
        11,
        "the log was replayed from its start, and entries were counted again. To remember only the "
        "entry before this one is not enough: a replay can go back to any entry",
    ),
    Case(
        ["1 reset", "2 +1", "1 reset"],
        1,
        "a reset was delivered again, after a click that came later, and the click is gone. To set "
        "to 0 twice in a row is harmless; to do it again later is not",
    ),
]


def diagnose(attempt: Project) -> str | None:
    try:
        for case in CASES:
            got = counted(attempt, case.deliveries)
            if got == case.expected:
                if case is PLAIN and (got := counted(attempt, case.deliveries)) != case.expected:
                    return _outside(got)
                continue
            return _with_case(case, got)
    except Refused as refusal:
        return str(refusal)
    return None


def counted(attempt: Project, deliveries: Sequence[str]) -> Any:
    """Return the count after these deliveries to a program that restarts before each of them, from
    its saved state.
    """
    state: dict[str, Any] = {"count": 0}
    for delivery in deliveries:
        given = copy.deepcopy(state)
        entry = _entry(delivery)
        try:
            new = attempted(attempt(given, entry))
        except NotAttempted:
            raise
        except Exception as error:
            raise Refused(
                f"your code raised {type(error).__name__}: {error}.\n  Given: the state {state}, "
                f"and the entry {delivery} with the data {entry.data!r}."
            ) from error
        _check_rules(state, given, new)
        state = json.loads(json.dumps(new))
    return state["count"]


def _check_rules(state: dict[str, Any], given: dict[str, Any], new: Any) -> None:
    if given != state:
        raise Refused(
            "you changed the state that you were given. Other code may still use it, as a "
            "snapshot of that moment. Make a new one: {**state, 'count': ...}.\n"
            f"  Given: {state}. After your call it was {given}."
        )
    if not isinstance(new, dict) or "count" not in new:
        raise Refused(f"the new state is a dict with a 'count'; you returned {new!r}")
    try:
        saved = json.loads(json.dumps(new))
    except TypeError as problem:
        raise Refused(
            f"your state cannot be saved: {problem}. After a crash, whatever was only in "
            "memory is gone. You need not save a list of all that was ever seen: if a log is read "
            f"in order, one number says as much.\n  Your state: {new}."
        ) from problem
    if saved != new:
        raise Refused(
            f"your state {new} comes back from its file as {saved}: JSON turns a tuple into a "
            "list, and a number that is a key into text"
        )


def _entry(delivery: str) -> ek.Entry:
    """Return the entry for "2 +1", "2 +1 from another program" or "2 +1 at 12:00"."""
    number, button, *rest = delivery.split()
    sequence, minute = int(number), int(rest[1][-2:]) if rest[:1] == ["at"] else int(number)
    source, id = ("/another", "1") if rest[:1] == ["from"] else ("/program", number)
    is_reset = button == "reset"
    event = ek.CloudEvent(
        id=id,
        source=source,
        type="counter.reset" if is_reset else "counter.clicked",
        data=None if is_reset else {"button": button, "count": int(button)},
    )
    return ek.Entry(sequence, event, stored=1_800_000_000 + 60.0 * minute)


def _outside(got: Any) -> str:
    return (
        "something is remembered outside of the state. A rebuild starts with nothing, and after a "
        "crash only the state is left: keep in it what you have seen.\n"
        f"  Delivered: {_listed(PLAIN.deliveries)}, and the same once more to an empty state. "
        f"Your count: first {PLAIN.expected}, then {got}; right: {PLAIN.expected} both times."
    )


def _with_case(case: Case, got: Any) -> str:
    return (
        f"{case.meaning}.\n  Delivered: {_listed(case.deliveries)}. "
        f"Your count: {got}, right: {case.expected}."
    )


def _listed(deliveries: Sequence[str]) -> str:
    return ", ".join(f"entry {delivery}" for delivery in deliveries)


# Wrong answers


def _count(state: dict[str, Any], entry: ek.Entry) -> int:
    return 0 if entry.topic == "counter.reset" else state["count"] + entry.data["count"]


def _no_memory(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    return {"count": _count(state, entry)}


def _looks_alike(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    if entry.data == state.get("data"):
        return state
    return {"count": _count(state, entry), "data": entry.data}


def _next_in_line(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    if entry.sequence != state.get("upto", 0) + 1:
        return state
    return {"count": _count(state, entry), "upto": entry.sequence}


def _id_alone(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    seen = state.get("seen", [])
    if entry.event.id in seen:
        return state
    return {"count": _count(state, entry), "seen": [*seen, entry.event.id]}


def _by_the_clock(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    if entry.stored <= state.get("time", 0):
        return state
    return {"count": _count(state, entry), "time": entry.stored}


def _only_the_one_before(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    if entry.sequence == state.get("last"):
        return state
    return {"count": _count(state, entry), "last": entry.sequence}


def _resets_need_no_check(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    if entry.topic == "counter.reset":
        return {**state, "count": 0}
    return project(state, entry)


def _remembering() -> Project:
    seen: set[int] = set()

    def remembers_outside(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
        if entry.sequence in seen:
            return state
        seen.add(entry.sequence)
        return {"count": _count(state, entry)}

    return remembers_outside


def _changes_the_state(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    state["count"] = _count(state, entry)
    return state


def _in_a_set(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    seen = state.get("seen", set())
    if entry.sequence in seen:
        return state
    return {"count": _count(state, entry), "seen": seen | {entry.sequence}}


def _expects_a_count(state: dict[str, Any], entry: ek.Entry) -> dict[str, Any]:
    return {**state, "count": state["count"] + entry.data["count"]}


exercise = Exercise(
    name="survive_replays",
    solution=project,
    diagnose=diagnose,
    hints=(
        "What must a projection know, besides the count, to see that it had this entry before? "
        "And where must that be, to be there after a crash?",
        "Whoever reads a log in its order has seen everything up to some place. `entry.sequence` "
        "is a place. Keep it in the new state, next to the count.",
        "If `entry.sequence` is not above `state.get('upto', 0)`, return the state as it is. "
        "Otherwise return a new dict with the new count and the new place.",
    ),
    praise="Deliver entries as often as you like, from wherever you like: the count stays right.",
    wrong=[
        Wrong("every message is delivered once", _no_memory, "at least once is not exactly"),
        Wrong("what looks alike is the same event", _looks_alike, "What looks alike"),
        Wrong("sequences count up by one", _next_in_line, "meets gaps"),
        Wrong("an id is unique", _id_alone, "within its source only"),
        Wrong("the clock says what came first", _by_the_clock, "clock was set back"),
        Wrong("a duplicate follows its original", _only_the_one_before, "replayed from its start"),
        Wrong("setting to 0 is idempotent", _resets_need_no_check, "the click is gone"),
        Wrong("a variable will remember", _remembering(), "outside of the state"),
        Wrong("state is there to be changed", _changes_the_state, "Make a new one"),
        Wrong("what is in memory is kept", _in_a_set, "cannot be saved"),
        Wrong("every entry has a count", _expects_a_count, "the entry 3 reset with the data None"),
    ],
)
