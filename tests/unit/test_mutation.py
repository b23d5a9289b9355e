"""A system with one part left out, and what a test finds in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eventkit.lab.lesson12.grader import reference
from eventkit.lab.lesson12.mutation import finding, without
from eventkit.testing import captured

ONCE = ' and not log.last_sequence_of("notice.full")'


@pytest.fixture
def tells_once(tmp_path: Path) -> Callable[..., None]:
    def test(build: Callable[..., object]) -> None:
        system = build(f"{tmp_path}/museum.db", lambda visitor: None, 1)
        with captured(system.bus, "notice.full") as full:  # type: ignore[attr-defined]
            system.start()  # type: ignore[attr-defined]
            for visitor in (1, 2):
                system.bus.as_("north").fire("door.north", {"visitor": visitor})  # type: ignore[attr-defined]
            system.close()  # type: ignore[attr-defined]
        assert len(full) == 1, f"told {len(full)} times\nin all"

    return test


def test_a_whole_system_passes(tells_once: Callable[..., None]) -> None:
    assert finding(tells_once, reference.build) == "nothing"


def test_what_a_left_out_part_does_is_found(tells_once: Callable[..., None]) -> None:
    assert finding(tells_once, without(reference.build, ONCE)) == "told 2 times"


def test_an_assertion_without_words_is_found_as_well() -> None:
    def test(build: object) -> None:
        raise AssertionError

    assert finding(test, reference.build) == "an assertion failed"


def test_a_test_that_breaks_by_itself_has_found_nothing_and_says_so() -> None:
    with pytest.raises(ZeroDivisionError):
        finding(lambda build: 1 / 0, reference.build)


@pytest.mark.parametrize("part", ["no such part", "visitor"])
def test_a_part_must_be_there_once(part: str) -> None:
    with pytest.raises(ValueError, match="the source must have"):
        without(reference.build, part)
