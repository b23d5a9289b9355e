"""The console's picture and matrix: what is drawn is what happened in the tries, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from eventkit.lab import AttackersConsole
from eventkit.lab.lesson11.attack_console import drawn, preview
from eventkit.lab.lesson11.attack_matrix import Try, cell, headline, matrix
from eventkit.lab.lesson11.attacks import ATTACKS, Outcome, attempt
from eventkit.lab.lesson11.scene import NAMES, Route

from .conftest import LONG

AIMS = {
    "Certificate of a wrong authority": "attacker",
    "Certificate of another host": "attacker",
    "Expired certificate": "attacker",
    "Listen on the line": "attacker",
    "Read the log": "attacker",
    "No token": "house",
    "Made-up token": "house",
    "Topic that Ann may not use": "house",
    "Flip a bit": "house",
    "Move to another topic": "house",
    "Send it again": "house",
    "Denied publish on NATS": "house",
    "Plaintext instead of TLS": "attacker",
    "Wait in the queue": "ann",
}
"""Where the message is that the attacker wants to arrive."""

tries = st.lists(
    st.builds(
        lambda name, guarded, through, audited: Try(
            name, guarded, Outcome("", "", through), audited
        ),
        st.sampled_from(list(ATTACKS)), st.booleans(), st.booleans(), st.integers(0, 3),
    )
)  # fmt: skip


@pytest.fixture
def console() -> Iterator[AttackersConsole]:
    console = AttackersConsole()
    yield console
    console.bus.assert_clean()
    console.end()


def attack(console: AttackersConsole, name: str, guarded: bool) -> None:
    console.attack(name, guarded)
    console.bus.drain(LONG)
    console._painter.paint_now()


@pytest.mark.parametrize("name", ATTACKS)
def test_a_guard_stops_one_message_and_the_picture_shows_it_at_its_place(name: str) -> None:
    outcome, _ = attempt(name)
    (stopped,) = [route for route in outcome.routes if route.stopped]
    assert stopped is outcome.routes[-1]
    assert stopped.places[-1] == ATTACKS[name].scene.guard


@pytest.mark.parametrize("name", ATTACKS)
def test_without_the_guard_nothing_is_stopped_and_the_message_is_where_the_attacker_wants_it(
    name: str,
) -> None:
    outcome, _ = attempt(name, guarded=False)
    assert not any(route.stopped for route in outcome.routes)
    assert outcome.routes[-1].places[-1] == AIMS[name]


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_message_begins_where_it_waited_and_only_what_was_changed_is_drawn_as_altered(
    name: str, guarded: bool
) -> None:
    outcome, _ = attempt(name, guarded)
    assert outcome.routes[0].places[0] == ATTACKS[name].scene.begins
    altered = [route.altered for route in outcome.routes]
    assert altered == [name in ("Flip a bit", "Move to another topic")] * len(altered)


def test_the_frame_has_the_ways_of_the_last_try(console: AttackersConsole) -> None:
    for guarded in (False, True):
        attack(console, "Send it again", guarded)
        last = console.tries[-1]
        frame = console._view.frame
        assert frame["routes"] == [route.drawn() for route in last.outcome.routes]
        assert (frame["number"], frame["on"]) == (len(console.tries), guarded)
    assert frame["says"] == (
        "Message 2, guard on: Ann → the line → the house: ✓ arrived; then the attacker → the line "
        "→ the door: ✗ stopped, a replay guard remembers."
    )


def test_before_an_attack_the_scene_shows_the_choice_and_a_message_that_waits(
    console: AttackersConsole,
) -> None:
    assert console._view.frame == preview("Certificate of a wrong authority", True, 1)
    console._what.value, console._guard.value = "Read the log", False
    assert console._view.frame == {
        "attacker": "disk", "guard": "reach", "begins": "house", "on": False,
        "words": "events are sealed before they are stored", "number": 1, "routes": [],
        "says": "Message 1 waits. Guard off: events are sealed before they are stored.",
    }  # fmt: skip
    attack(console, "Made-up token", guarded=True)
    console._guard.value = True
    assert console._view.frame["routes"] == []
    assert console._view.frame["number"] == 2


def test_the_matrix_fills_with_what_was_tried(console: AttackersConsole) -> None:
    assert matrix(()).count("not tried") == 2 * len(ATTACKS)
    attack(console, "Flip a bit", guarded=True)
    attack(console, "Flip a bit", guarded=False)
    row = re.search("<tr><th[^>]*>Flip a bit.*?</tr>", console._matrix.value)
    assert row
    assert re.findall("<td[^>]*>([^<]*)</td>", row[0])[1:] == [
        "✓ stopped (try 1, 1 audit event)",
        "✗ got through (try 2)",
    ]
    assert console._matrix.value.count("not tried") == 2 * len(ATTACKS) - 2
    assert "2 attacks, 1 guard on: 1 got through" in console._headline.value


@given(tries)
def test_a_cell_is_the_last_try_of_it_and_the_line_counts_all(tried: list[Try]) -> None:
    for name in ATTACKS:
        for guarded in (True, False):
            of_it = [one for one in tried if (one.name, one.guarded) == (name, guarded)]
            words, colour = cell(tried, name, guarded)
            if not of_it:
                assert (words, colour) == ("not tried", "")
            else:
                assert ("got through" in words) == of_it[-1].outcome.got_through
                assert (f", {of_it[-1].audited} audit" in words) == bool(of_it[-1].audited)
    numbers = [int(one) for one in re.findall(r"\d+", headline(tried))]
    through = sum(one.outcome.got_through for one in tried)
    wanted = [len(tried), sum(one.guarded for one in tried), *[through] * bool(through)]
    assert numbers == (wanted if tried else [])


def test_a_way_in_words_names_every_place() -> None:
    for place, name in NAMES.items():
        assert name in Route((place,)).words("a guard")
    assert Route(("ann", "door"), stopped=True, altered=True).words("a guard") == (
        "Ann → the door, altered: ✗ stopped, a guard"
    )


def test_a_try_is_drawn_with_its_own_number() -> None:
    outcome = Outcome("", "", True, (Route(("attacker", "line", "house")),))
    frame = drawn(Try("No token", False, outcome, 0), 7)
    assert frame["says"] == (
        "Message 7, guard off: the attacker → the line → the house: ✓ arrived."
    )
