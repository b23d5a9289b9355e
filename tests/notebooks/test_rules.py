"""The rules themselves: a good notebook breaks none, and each has a notebook that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks import record, rules

Notebook = Any


def markdown(source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source)  # type: ignore[no-untyped-call]


def code(source: str, printed: str, *tags: str) -> Any:
    """A code cell as it stands after it ran, with what it printed."""
    output = {"output_type": "stream", "name": "stdout", "text": printed}
    outputs = [nbformat.from_dict(output)] if printed else []  # type: ignore[no-untyped-call]
    return nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]
        source, outputs=outputs, metadata={"tags": list(tags)}
    )


def notebook(*cells: Any) -> Notebook:
    """A notebook that keeps every rule, with `cells` in its middle."""
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    made.cells = [
        markdown("# Title\n\nSee [below](#The-end) and [the next](02_next.ipynb#Its-title)."),
        code("import eventkit as ek", "", "setup", "nbval-ignore-output"),
        markdown(
            "## Pictures\n\n![A click and its journey](click.svg)\n\n```python\n# a comment\n```"
        ),
        code("print(6 * 7)", "42\n"),
        *cells,
        markdown("## The end"),
        code("bus.assert_clean()", ""),
    ]
    for place, cell in enumerate(rules.code_cells(made), start=1):
        cell.execution_count = place
    record.normalise(made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the notebook stands: beside a picture and the next lesson."""
    (tmp_path / "click.svg").write_text("<svg/>", encoding="utf-8")
    following = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[markdown("# Its title")]
    )
    nbformat.write(following, tmp_path / "02_next.ipynb")  # type: ignore[no-untyped-call]
    return tmp_path / "01_this.ipynb"


def broken(made: Notebook, path: Path) -> dict[str, str]:
    """The rules that `made` breaks, each with its first complaint."""
    found = {rule.__name__: next(rule(made, path), "") for rule in rules.RULES}
    return {name: complaint for name, complaint in found.items() if complaint}


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [code("def f():\n    print(1)", "")],
        [code("1 / 0", "", "raises-exception")],
        [code("%time print(1)", "1 ms", "nbval-ignore-output")],
        [code("print(await f())", "1")],
        [markdown("<details><summary>What others call it</summary>\n\nNames.\n\n</details>")],
        [
            markdown(
                "### Deeper\n\n## And back, with `# no heading` and [a site](https://jupyter.org)"
            )
        ],
    ],
)
def test_a_good_notebook_breaks_no_rule(cells: list[Any], path: Path) -> None:
    assert broken(notebook(*cells), path) == {}


def without_count(made: Notebook) -> None:
    made.cells[3].execution_count = None


def nothing_compared(made: Notebook) -> None:
    made.cells[3].metadata.tags = ["nbval-ignore-output"]


def with_widget_state(made: Notebook) -> None:
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}


def with_an_error(made: Notebook) -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    made.cells[3].outputs.append(nbformat.from_dict(error))  # type: ignore[no-untyped-call]


def with_a_picture_that_says_nothing(made: Notebook) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": ""}, "metadata": {}}
    made.cells[3].outputs.append(nbformat.from_dict(picture))  # type: ignore[no-untyped-call]


def with_a_picture_in_html_that_says_nothing(made: Notebook) -> None:
    with_a_picture_that_says_nothing(made)
    made.cells[3].outputs[-1].data = {"text/html": "<img src='data:image/png;base64,'>"}


def with_setup_twice(made: Notebook) -> None:
    made.cells[3].metadata.tags = ["setup"]


def without_setup(made: Notebook) -> None:
    made.cells[1].metadata.tags = ["nbval-ignore-output"]


def unwatched(made: Notebook) -> None:
    made.cells[-1].source = "# assert_clean"


def told_at_length(made: Notebook) -> None:
    made.cells[2].source += "\n\n" + "word " * rules.MOST_WORDS


def with_a_long_beginning(made: Notebook) -> None:
    made.cells[1].source += "\nimport a\n\n# and\nimport b\nimport c"


def changed_after_it_ran(made: Notebook) -> None:
    made.cells[-1].execution_count = 9


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (without_count, "was_run"),
        (changed_after_it_ran, "was_run"),
        (nothing_compared, "was_run"),
        (with_widget_state, "was_recorded"),
        (with_an_error, "errors_are_meant"),
        (with_a_picture_that_says_nothing, "pictures_have_alt_text"),
        (with_a_picture_in_html_that_says_nothing, "pictures_have_alt_text"),
        (with_setup_twice, "has_one_setup_cell"),
        (without_setup, "has_one_setup_cell"),
        (unwatched, "ends_clean"),
        (told_at_length, "is_short"),
    ],
)
def test_a_spoilt_notebook_breaks_the_rule(
    spoil: Callable[[Notebook], None], rule: str, path: Path
) -> None:
    made = notebook()
    spoil(made)
    assert list(broken(made, path)) == [rule]


@pytest.mark.parametrize(("spoil", "rule"), [(with_a_long_beginning, "begins_easily")])
def test_a_spoilt_first_lesson_breaks_the_rule(
    spoil: Callable[[Notebook], None], rule: str, path: Path
) -> None:
    made = notebook()
    spoil(made)
    assert broken(made, path) == {}
    assert list(broken(made, path.with_name("00_this.ipynb"))) == [rule]


@pytest.mark.parametrize("number", ["00", "03", "04"])
def test_only_the_first_lessons_fold_what_others_call_it(number: str, path: Path) -> None:
    found = broken(notebook(markdown("What others call it")), path.with_name(f"{number}_x.ipynb"))
    assert list(found) == ([] if number == "04" else ["folds_what_others_call_it"])


def test_what_is_folded_or_in_a_table_or_code_is_no_prose(path: Path) -> None:
    words = "word " * rules.MOST_WORDS
    unread = [f"| {words} |", f"```text\n{words}\n```", f"<details>\n\n{words}\n\n</details>"]
    assert broken(notebook(*map(markdown, unread)), path) == {}


@pytest.mark.parametrize(
    ("cell", "rule", "complaint"),
    [
        (code("x = [\n    1,\n]  # fmt: skip", ""), "is_formatted", "write it without"),
        (markdown("What others call it:"), "folds_what_others_call_it", "inside <details>"),
        (code("for i in range(3):\n    print(i)", ""), "was_run", "has no committed output"),
        (code("lab.verdict('holds', True)", ""), "was_run", "has no committed output"),
        (code("x = 1", "", "nbval-skip"), "tags_are_known", "unknown tag 'nbval-skip'"),
        (code("# NBVAL_SKIP\nx = 1", ""), "tags_are_known", "use a tag"),
        (code("print(f)", "<f at 0x7f3a2b1c>"), "is_the_same_everywhere", "'0x7f3a2b1c'"),
        (code("print(p)", "/home/ann/x.db"), "is_the_same_everywhere", "'/home/ann/x.db'"),
        (code("print(p)", r"C:\Users\ann"), "is_the_same_everywhere", "of one machine"),
        (code("print(p)", "lib/site-packages/x"), "is_the_same_everywhere", "site-packages"),
        (markdown("# Second title"), "headings_nest", "exactly one heading of level 1"),
        (
            markdown("#### Too deep"),
            "headings_nest",
            "'Too deep' of level 4 follows one of level 2",
        ),
        (markdown("![](click.svg)"), "pictures_have_alt_text", "click.svg has no alt text"),
        (markdown('<img src="click.svg">'), "pictures_have_alt_text", "has no alt text"),
        (markdown("[x](no.ipynb)"), "links_lead_somewhere", "no such file"),
        (markdown("![A tree](tree.svg)"), "links_lead_somewhere", "no such file"),
        (markdown("[x](#Nowhere)"), "links_lead_somewhere", "no such heading"),
        (markdown("[x](02_next.ipynb#Nowhere)"), "links_lead_somewhere", "no such heading"),
    ],
)
def test_a_bad_cell_breaks_the_rule(cell: Any, rule: str, complaint: str, path: Path) -> None:
    found = broken(notebook(cell), path)
    assert list(found) == [rule]
    assert complaint in found[rule]


def test_a_notebook_without_a_title_breaks_the_rule(path: Path) -> None:
    made = notebook()
    made.cells[0].source = "## Not a title"
    assert "exactly one heading of level 1" in broken(made, path)["headings_nest"]


def test_every_rule_has_a_notebook_that_breaks_it() -> None:
    shown = {
        mark.args[1][i][1]
        for test in (
            test_a_spoilt_notebook_breaks_the_rule,
            test_a_spoilt_first_lesson_breaks_the_rule,
            test_a_bad_cell_breaks_the_rule,
        )
        for mark in getattr(test, "pytestmark", [])
        for i in range(len(mark.args[1]))
    }
    assert shown == {rule.__name__ for rule in rules.RULES}
