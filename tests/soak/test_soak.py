"""The short form of the soak, and that it would notice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from . import __main__ as soaking
from .__main__ import Held, Soak
from .tools import Part, Turn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@contextmanager
def losing() -> Iterator[Part]:
    def turn(random: Random) -> Turn:
        raise AssertionError("one is missing")

    yield turn


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_few_rounds_of_everything_lose_double_and_leave_nothing() -> None:
    soak = Soak(0.0, seed=1, say=len)
    soak.run()
    assert soak.failures == []
    assert {name: len(turns) for name, turns in soak.turns.items()} == dict.fromkeys(soak.turns, 4)
    assert [line for line in soak.grown() if "mebibytes" not in line] == []


def test_what_a_part_finds_wrong_ends_the_soak_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soaking, "ALL", (losing,))
    assert soaking.main(["--minutes", "5"]) == 1
    assert "losing: AssertionError('one is missing')" in capsys.readouterr().out


def test_what_is_held_more_and_more_of_is_named() -> None:
    soak = Soak(0.0, seed=1)
    soak.held = [Held(100.0 + n, 7, 20 + n) for n in range(40)]
    assert soak.grown() == ["mebibytes grew from 108 to 134", "files grew from 28 to 54"]
    soak.held = [Held(100.0, 7, 20)] * 40
    assert soak.grown() == []
