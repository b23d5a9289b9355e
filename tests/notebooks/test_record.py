"""The recorder: what it writes is the same on every run and keeps every rule."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.notebooks import record, rules
from tests.notebooks.test_rules import code, markdown

CELLS = [
    markdown("# Recorded"),
    code("import ipywidgets , sys", "", "setup"),
    code("print('one', 1); print('two', file=sys.stderr); print('three')", ""),
    code("ipywidgets.Button(description='+1')", ""),
    code("from eventkit import EventBus\nEventBus().fire('not a topic')", "", "raises-exception"),
    code("def assert_clean():\n    pass\n\nassert_clean()", ""),
]


@pytest.mark.long
def test_two_recordings_of_a_notebook_are_the_same_and_keep_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "lesson.ipynb"
    fresh = nbformat.v4.new_notebook(cells=CELLS)  # type: ignore[no-untyped-call]
    nbformat.write(fresh, path)  # type: ignore[no-untyped-call]

    record.main([str(path)])
    once = path.read_text(encoding="utf-8")
    record.main([str(path)])

    assert path.read_text(encoding="utf-8") == once
    recorded = rules.read(path)
    assert [problem for rule in rules.RULES for problem in rule(recorded, path)] == []
    assert recorded.cells[1].source == "import ipywidgets, sys"  # formatted too
    assert recorded.cells[3].outputs[0].data[record.WIDGET]["model_id"] == ""
    assert recorded.metadata.language_info == {"name": "python"}


def test_a_panel_is_kept_as_its_picture_and_a_widget_without_one_is_hidden() -> None:
    seen = {record.WIDGET: {"model_id": "1"}, "text/plain": "[Flood]"}
    pictured = {"data": seen | {"text/html": "<img alt='Flood' src='data:'>"}}
    bare = {"data": dict(seen)}

    record.without_kernel(pictured)
    record.without_kernel(bare)

    assert list(pictured["data"]) == ["text/plain", "text/html"]
    assert bare["data"][record.WIDGET] == {"model_id": ""}


def test_a_stream_that_came_in_pieces_is_kept_as_one() -> None:
    names = ["stdout", "stdout", "stderr", "stdout"]
    made = [
        nbformat.v4.new_output("stream", name=name, text=text)  # type: ignore[no-untyped-call]
        for name, text in zip(names, "abcd", strict=True)
    ]
    assert [output.text for output in record.joined(made)] == ["ab", "c", "d"]
