"""Pictures of panels for pages without a kernel: each panel has one, and each lesson shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from eventkit import lab
from eventkit.lab.panels.panel import Panel
from tests.browser.in_use import PANELS
from tests.notebooks import rules
from tests.notebooks.misconceptions import lesson_files

PICTURED = {
    panel.snapshot.path.stem: panel
    for name in lab.__all__
    if isinstance(panel := getattr(lab, name), type)
    and issubclass(panel, Panel)
    and panel.snapshot is not None
}


def test_every_panel_of_a_lesson_has_a_picture() -> None:
    assert set(PICTURED) == set(PANELS)


@pytest.mark.parametrize("name", PANELS)
def test_a_picture_stands_where_the_command_writes_it_and_has_words(name: str) -> None:
    snapshot = PICTURED[name].snapshot
    assert snapshot is not None
    assert snapshot.path == PANELS[name].picture(name)
    html = snapshot.to_html()
    assert html.startswith("<p><em>This is a picture. Run the cell ")  # or it would be clicked
    assert "<img alt=" in html and "src='data:image/png;base64," in html
    assert len(snapshot.alt) > 60


@pytest.mark.parametrize("lesson", lesson_files().values(), ids=lambda path: path.stem)
def test_every_panel_of_a_recorded_lesson_can_be_seen_without_a_kernel(lesson: Path) -> None:
    """Predictions, which have no picture, are their question and options as text."""
    notebook = rules.read(lesson)
    for cell in rules.code_cells(notebook):
        if "widget" in rules.tags(cell) and "lab.Panel(" not in cell.source:  # a lone button
            (output,) = cell.outputs
            assert set(output.data) - {"text/plain"} <= {"text/html"}
            assert "text/html" not in output.data or "<img alt='" in output.data["text/html"]


@pytest.mark.long
def test_nbconvert_shows_the_picture_with_its_words() -> None:
    exporter = HTMLExporter()  # type: ignore[no-untyped-call]
    page, _ = exporter.from_filename(str(lesson_files()["02"]))
    for name in ("counter", "flood"):
        snapshot = PICTURED[name].snapshot
        assert snapshot is not None and snapshot.alt in page
