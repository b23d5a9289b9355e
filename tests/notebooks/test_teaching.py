"""docs/teaching.md: its minutes add up, and leave each lesson the time that it says it takes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks import links, rules

PAGE = (links.ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
each_lesson = pytest.mark.parametrize("lesson", links.lessons(), ids=lambda path: path.stem)


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.split(r"^#+ ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    table = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table[2:]]


CLOCK = {row[0]: [int(cell) for cell in row[1:]] for row in rows("The clock of a lesson")}


def numbers(cell: str) -> list[str]:
    """The lessons that a cell links to, by number."""
    return re.findall(r"notebooks/(\d\d)_", cell)


@pytest.mark.parametrize(("plan", "minutes"), [("Two hours", 120), ("One day", 420)])
def test_the_minutes_of_a_plan_add_up(plan: str, minutes: int) -> None:
    *parts, total = [int(row[-1]) for row in rows(plan)]
    assert sum(parts) == total == minutes


def test_each_lesson_of_the_day_has_its_minutes_in_class() -> None:
    taught = [(number, int(row[-1])) for row in rows("One day") for number in numbers(row[0])]
    assert taught == [(number, CLOCK[number][-1]) for number, _ in taught]


def test_each_meeting_of_the_four_weeks_is_filled_and_every_lesson_has_its_turn() -> None:
    meetings = [(numbers(row[1]), int(row[2]), int(row[3])) for row in rows("Four weeks")]
    assert [number for lessons, _, _ in meetings for number in lessons] == list(CLOCK)
    for lessons, minutes, homework in meetings:
        assert minutes == sum(CLOCK[number][-1] for number in lessons)
        assert minutes + homework == 90


@each_lesson
def test_the_clock_of_a_lesson_adds_up_to_what_the_lesson_takes_or_more(lesson: Path) -> None:
    *parts, in_class = CLOCK[lesson.stem[:2]]
    said = re.search(r"About (\d+) minutes", links.prose_of(rules.read(lesson)))
    assert said
    assert sum(parts) == in_class >= int(said[1])


@each_lesson
def test_of_each_lesson_it_is_said_what_learners_get_wrong(lesson: Path) -> None:
    said = section("What they get wrong, and what to say")
    assert said.count(f"- **{lesson.stem[:2]}.** They say: ") == 1


def questions(lesson: Path) -> Iterator[int]:
    """How many questions a lesson asks at each panel that has a numbered list of them."""
    cells = rules.read(lesson).cells
    for asking, panel in itertools.pairwise(cells):
        if asking.cell_type == "markdown" and "widget" in rules.tags(panel):
            _, *asked = re.split(r"^\d+\. ", asking.source, flags=re.MULTILINE)
            if any("?" in question for question in asked):
                yield len(asked)


@each_lesson
def test_each_numbered_question_at_a_panel_has_its_answer(lesson: Path) -> None:
    said = section("Answers to the questions at the panels")
    answers = re.findall(rf"^- \*\*{lesson.stem[:2]}, .*\n(?:  .*\n)*", said, re.MULTILINE)
    given = [len(re.findall(r"^  \d+\. ", answer, re.MULTILINE)) for answer in answers]
    asked = list(questions(lesson))
    assert [count for count in given if count] == asked
    assert answers or "Try it" not in links.prose_of(rules.read(lesson))


def test_questions_are_looked_for_where_there_are_some() -> None:
    assert sum(bool(list(questions(lesson))) for lesson in links.lessons()) >= 9


@each_lesson
def test_of_each_lesson_it_is_said_what_it_costs_a_hub(lesson: Path) -> None:
    costs = [row[0] for row in rows("Thirty people on one JupyterHub")]
    assert costs.count(lesson.stem[:2]) == 1
