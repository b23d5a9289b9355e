"""Lesson 05: its real run repeats until an update is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

import eventkit as ek

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_shared_state.ipynb"


def count_visits(counted: Callable[..., int]) -> None:
    """Run the lesson's cell with another way to count."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells  # type: ignore[no-untyped-call]
    (source,) = [cell.source for cell in cells if "dis.dis(plus_one)" in cell.source]
    names: dict[str, Any] = {"plus_one": "plus", "read_call_write": "read", "counted": counted}
    exec(source, {**names, "ek": ek, "dis": SimpleNamespace(dis=lambda function: None)})


@pytest.mark.parametrize(("lost_in", "said"), [(1, "try 1 of"), (3, "try 3 of"), (99, "try 20 of")])
def test_a_lost_update_is_tried_for_until_there_is_one(
    lost_in: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, tries = sys.getswitchinterval(), list[float]()

    def counted(visit: str, each: int) -> int:
        if visit == "read":
            tries.append(sys.getswitchinterval())
        return 399_999 if len(tries) == lost_in else 400_000

    count_visits(counted)
    assert said in capsys.readouterr().out.splitlines()[-2]
    assert len(tries) == min(lost_in, 20)
    assert max(tries) <= 0.00011
    assert sys.getswitchinterval() == before
