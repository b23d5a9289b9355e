"""The attacker's console: each attack is stopped by its guard, and gets through without it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import eventkit as ek
from eventkit.lab import (
    AttackersConsole,
    Door,
    Posted,
    Tap,
    Unauthenticated,
    Unbound,
    connect,
    flip,
    post,
)
from eventkit.lab.lesson11.attacks import ATTACKS, SECRET, Outcome, Target, attempt

from .conftest import LONG

AUDITED = {
    "No token": ["401"],
    "Made-up token": ["401"],
    "Topic that Ann may not use": ["denied", "403"],
    "Flip a bit": ["Tampered"],
    "Move to another topic": ["Tampered"],
    "Send it again": ["SeenBefore"],
    "Denied publish on NATS": ["nats"],
    "Wait in the queue": ["denied"],
}
"""The rest is noticed by the client, or by nobody: the server has no word of it."""

EVENT = ek.CloudEvent(
    id="1", source="/ann", type="button.click", time=datetime(2026, 5, 4, tzinfo=UTC), data=1
)


@pytest.fixture
def console() -> Iterator[AttackersConsole]:
    console = AttackersConsole()
    yield console
    console.bus.assert_clean()
    console.end()


def attack(console: AttackersConsole, name: str, guarded: bool = True) -> AttackersConsole:
    console.attack(name, guarded)
    console.bus.drain(LONG)
    return console


@pytest.mark.parametrize("name", ATTACKS)
def test_the_guard_stops_the_attack_and_it_is_recorded_where_the_server_can_know(name: str) -> None:
    outcome, audited = attempt(name)
    assert not outcome.got_through
    assert audited == len(AUDITED.get(name, []))


@pytest.mark.parametrize("name", ATTACKS)
def test_without_its_guard_the_attack_gets_through_and_nobody_records_it(name: str) -> None:
    outcome, audited = attempt(name, guarded=False)
    assert outcome.got_through
    assert audited == 0


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("name", ATTACKS)
def test_no_token_text_or_port_is_told(name: str, guarded: bool) -> None:
    outcome, _ = attempt(name, guarded)
    told = f"{outcome.sent} {outcome.said}"
    assert "ek_" not in told
    assert SECRET not in told
    assert not [word for word in told.split() if word.isdigit() and len(word) > 3]


def test_an_attack_that_there_is_not_is_refused_with_those_that_there_are(
    console: AttackersConsole,
) -> None:
    with pytest.raises(ValueError, match=r"the attacks are .*; got 'Ask nicely'"):
        console.attack("Ask nicely")
    with pytest.raises(ValueError, match="got 'Ask nicely'"):
        attempt("Ask nicely")


def test_the_console_keeps_all_tries_in_their_order(console: AttackersConsole) -> None:
    attack(console, "Flip a bit")
    attack(console, "Topic that Ann may not use")
    attack(console, "Flip a bit", guarded=False)

    assert [(one.name, one.guarded, one.outcome.got_through) for one in console.tries] == [
        ("Flip a bit", True, False),
        ("Topic that Ann may not use", True, False),
        ("Flip a bit", False, True),
    ]
    assert console.audited == 3


def test_the_text_form_says_what_happened_and_has_the_table(console: AttackersConsole) -> None:
    assert console.text().splitlines()[1].startswith("Ready.")
    attack(console, "Made-up token")
    attack(console, "Move to another topic", guarded=False)
    assert console.text().splitlines() == [
        "[Attacker's console]",
        "2 attacks, 1 guard on: 1 got through.",
        "Move to another topic, guard off. Sent: Ann's sealed click, moved to counter.set. The "
        "defence: nothing: opened as 1 on counter.set. It got through. Audit events so far: 1.",
        "try  attack                 guard  got through  audit events",
        "1    Made-up token          on     no           1",
        "2    Move to another topic  off    yes          0",
    ]


def test_the_checkbox_names_the_guard_of_the_chosen_attack(console: AttackersConsole) -> None:
    for name, one in ATTACKS.items():
        console._what.value = name
        assert console._guard.description == f"Guard: {one.guard}"


def test_the_button_tries_what_is_chosen(console: AttackersConsole) -> None:
    console._what.value, console._guard.value = "Send it again", False
    console._button.click()
    assert console._status.text == "Trying: Send it again."
    console.bus.drain(LONG)
    (tried,) = console.tries
    assert (tried.name, tried.guarded) == ("Send it again", False)


def test_an_attack_that_goes_wrong_says_so(
    console: AttackersConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(target: Target, guarded: bool) -> Outcome:
        raise OSError("no ports are left")

    monkeypatch.setitem(ATTACKS, "Flip a bit", ATTACKS["Flip a bit"]._replace(attempt=breaks))
    console._what.value = "Flip a bit"
    console._button.click()
    console.bus.drain(LONG)

    assert console._status.text == "Flip a bit went wrong: OSError: no ports are left"
    assert console.text().splitlines()[1] == console._status.text
    assert console._view.frame["routes"] == []
    assert [type(letter.error) for letter in console.bus.dead_letters] == [OSError]
    console.bus.dead_letters.clear()

    attack(console, "Send it again")
    assert [one.name for one in console.tries] == ["Send it again"]


def test_an_unauthenticated_cipher_opens_what_was_flipped_and_gives_back_what_was_not() -> None:
    cipher = Unauthenticated(ek.Cipher.new_key())
    sealed = cipher.seal(EVENT)
    assert cipher.open(sealed) == EVENT
    assert cipher.open(flip(sealed, -1, 3)).data == 9


def test_an_unbound_cipher_opens_in_another_event_and_refuses_a_flipped_bit() -> None:
    from cryptography.exceptions import InvalidTag

    cipher = Unbound(ek.Cipher.new_key())
    sealed = cipher.seal(EVENT)
    assert cipher.open(sealed) == EVENT
    with pytest.raises(InvalidTag):
        cipher.open(flip(sealed, -1, 3))


def test_a_door_takes_what_is_posted_and_answers_as_it_is_told() -> None:
    taken: list[Posted] = []

    def take(posted: Posted) -> int:
        taken.append(posted)
        return 418

    with Door(take) as door:
        connection = connect(door.port)
        assert post(connection, "button.click", {"n": 1}, "secret") == 418
        assert post(connection, "button.click") == 418
        connection.close()

    first, second = taken
    assert (first.topic, first.token, first.body) == ("button.click", "secret", b'{"n": 1}')
    assert (second.token, second.body) == ("", b"null")


def test_a_door_that_closes_waits_for_no_client_that_stays() -> None:
    with Door(lambda posted: 202) as door:
        connection = connect(door.port)
        assert post(connection, "button.click") == 202
    connection.close()


def test_a_tap_hears_both_sides_and_changes_nothing() -> None:
    with Door(lambda posted: 202) as door, Tap(door.port) as tap:
        connection = connect(tap.port)
        assert post(connection, "button.click", "said aloud") == 202
        connection.close()
    assert b'"said aloud"' in tap.heard
    assert b"HTTP/1.1 202" in tap.heard


def test_without_cryptography_the_other_lessons_run_and_this_one_says_what_to_install() -> None:
    blocked = "import sys; sys.modules['cryptography'] = None\nfrom eventkit import lab\n"
    wanted = "from eventkit.security import CertificateAuthority"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}lab.AttackersConsole()\n{wanted}"],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert "line 4" in done.stderr
    assert "pip install 'eventkit-notebooks[security]'" in done.stderr
