"""The attack table: each attack is refused with the right error and recorded. It succeeds once its
guard is removed, which shows that it is a real attack.

A layer is a module of attacks. To add one, write it and list it here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import eventkit as ek
from tests.secured import LONG, House, served

from . import attacks_bus, attacks_https, attacks_messages, attacks_nats, attacks_tls
from .attacking import ATTACKS, Attack, Refusal

LAYERS = {attacks_tls, attacks_https, attacks_messages, attacks_bus, attacks_nats}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_refused_with_the_right_error_and_recorded(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = ATTACKS[name]
    with served(tmp_path, **one.options) as house:
        expected = Refusal if isinstance(one.refused, int) else one.refused
        with pytest.raises(expected) as caught:
            _try(one, house)
        if isinstance(one.refused, int):
            assert caught.value.args == (one.refused,)
        _wait_until(lambda: one.recorded(house, caplog.records))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_gets_through_when_its_guard_is_taken_away(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ATTACKS[name]
    with served(tmp_path, **{**one.options, **one.options_without}) as house:
        one.without(house, monkeypatch)
        assert one.tries(house)


def test_there_are_enough_of_them_in_every_layer() -> None:
    counts = {one.layer: 0 for one in ATTACKS.values()}
    for one in ATTACKS.values():
        counts[one.layer] += 1
    assert len(counts) == len(LAYERS)
    assert sum(counts.values()) >= 30
    assert min(counts.values()) >= 5


def _try(one: Attack, house: House) -> None:
    """Raise the error that the attack met, or the one recorded if the attacker cannot see it."""
    assert not one.tries(house)
    for letter in house.bus.dead_letters:
        raise letter.error
    assert house.denials
    raise ek.PermissionDenied("withheld")


def _wait_until(condition: Callable[[], bool]) -> None:
    """Another thread may write the record, just after the attacker receives the answer."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it was not recorded"
        time.sleep(0.005)
