"""Apps made of lessons: what is in them, and what is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from eventkit.lab import export
from tests.notebooks import links, rules

MAKEFILE = (links.ROOT / "Makefile").read_text(encoding="utf-8")
SHOWN = [path for path in links.lessons() if path.stem in MAKEFILE.partition("DEMO :=")[2]]
each_shown = pytest.mark.parametrize("lesson", SHOWN, ids=lambda path: path.stem)


def test_three_lessons_are_shown() -> None:
    assert [path.stem[:2] for path in SHOWN] == ["02", "03", "05"]


def test_each_app_has_a_card_with_the_lessons_title_and_question(tmp_path: Path) -> None:
    export.main(["demo", *map(str, SHOWN), "--to", str(tmp_path)])

    (cards,) = tmp_path.rglob("cards.j2")
    listed = json.loads(cards.read_text(encoding="utf-8").partition("cards = ")[2][:-4])
    assert [card["file"] for card in listed] == [path.name for path in SHOWN]
    for card, path in zip(listed, SHOWN, strict=True):
        head = rules.read(path).cells[0].source
        assert f" · {card['title']}\n\n**{card['question']}**" in head


def test_the_template_asks_no_other_host(tmp_path: Path) -> None:
    export.main(["demo", str(SHOWN[0]), "--to", str(tmp_path)])

    written = [path for path in (tmp_path / "jupyter").rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"conf.json", "page.html", "tree-lab.html"}
    assert [path for path in written if "//" in path.read_text(encoding="utf-8")] == []


@each_shown
def test_an_app_speaks_of_no_cell_no_number_of_a_lesson_and_no_next_lesson(lesson: Path) -> None:
    text = links.prose_of(export.app(rules.read(lesson)))

    assert text.startswith("# ")
    assert not [word for word in (" cell", lesson.stem[:2], "lesson", "Next:") if word in text]
    assert list(links.headings_out_of_order(text)) == []


@each_shown
def test_an_app_runs_the_set_up_unseen_the_prediction_and_the_lessons_panel(lesson: Path) -> None:
    setup, predict, panel, *again = (
        cell.source for cell in rules.code_cells(export.app(rules.read(lesson)))
    )

    assert setup.startswith("%%capture\nimport ")
    assert "\nlab.setup(" in setup
    assert "lab.Prediction(" in predict
    assert all(source.endswith(".again()") for source in again) and again
    assert again == [f"{predict.partition(' = ')[0]}.again()"]
    assert re.match(r"panel = lab\.(CounterPanel|RacePanel|InterleavingPicker)\(", panel)


def test_a_lesson_without_a_panel_cannot_be_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = rules.read(SHOWN[0])
    for cell in lesson.cells:
        cell.metadata.pop("tags", None)
    path = tmp_path / "lesson.ipynb"
    nbformat.write(lesson, path)  # type: ignore[no-untyped-call]

    with pytest.raises(SystemExit) as refused:
        export.main(["demo", str(path), "--to", str(tmp_path / "demo")])

    assert refused.value.code == 2
    assert "no cell tagged widget" in capsys.readouterr().err
