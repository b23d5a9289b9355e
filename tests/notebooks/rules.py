"""What every lesson's file must hold to. Each rule takes a notebook and yields what is wrong."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from tests.notebooks import links, record

Notebook = Any  # nbformat's nodes are untyped
Cell = Any

# nbval acts on some of these, the tests on others; the rest name the parts of a lesson.
TAGS = {"setup", "nbval-ignore-output", "raises-exception"}
TAGS |= {"predict", "widget", "exercise", "check", "break-it"}
# What would tell one machine from another, or one run from the next.
LOCAL = re.compile(
    r"0x[0-9a-fA-F]{6,}|/(?:home|root|Users|tmp|work|private|var/folders)/[^\s'\"<]*"
    r"|\b[A-Z]:\\[^\s'\"<]*|ipykernel_\d+|site-packages"
)
DETAILS = re.compile(r"<details.*?</details>", re.DOTALL)
HTML = re.compile(r"<!--.*?-->|<[^>]+>", re.DOTALL)
WORD = re.compile(r"[A-Za-z0-9][\w'’-]*")
MOST_WORDS = 1_700
EMBEDDED = re.compile(r"data:[\w/+;-]+;base64,[\w+/=]+")


def read(path: Path) -> Notebook:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def tags(cell: Cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def is_compared(cell: Cell) -> bool:
    """Whether nbval holds this cell's output against the committed one."""
    return cell.cell_type == "code" and "nbval-ignore-output" not in tags(cell)


def code_cells(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell: Cell) -> Iterator[str]:
    """Everything that a reader can read in a cell's outputs."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield "\n".join(output.get("traceback", []))
        for kind, value in output.get("data", {}).items():
            if isinstance(value, str) and not kind.startswith(("image/png", "image/jpeg")):
                yield EMBEDDED.sub("", value)


def at(notebook: Notebook, cell: Cell) -> str:
    first = next(iter(cell.source.splitlines()), "")
    return f"cell {notebook.cells.index(cell)} ({first[:40]!r})"


def prints(source: str) -> bool:
    """Whether a cell's own statements, outside any function, print or display something."""
    python = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    todo: list[ast.AST] = [ast.parse(python)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            if name in {"print", "display", "verdict"}:
                return True
        todo.extend(ast.iter_child_nodes(node))
    return False


def was_run(notebook: Notebook, path: Path) -> Iterator[str]:
    """nbval never compares a cell without an execution count: it would pass whatever it printed."""
    for place, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != place:
            yield f"{at(notebook, cell)}: execution count {cell.execution_count}, not {place}"
        if is_compared(cell) and not cell.outputs and prints(cell.source):
            yield f"{at(notebook, cell)}: prints, but has no committed output"
    if not any(is_compared(cell) and cell.outputs for cell in code_cells(notebook)):
        yield "no cell has an output that is compared"


def was_recorded(notebook: Notebook, path: Path) -> Iterator[str]:
    """One tool makes the outputs. A browser would leave its traces, the state of widgets too."""
    recorded = copy.deepcopy(notebook)
    record.normalise(recorded)
    if recorded != notebook:
        yield "not as the recorder leaves a notebook: run `make notebooks`"


def tags_are_known(notebook: Notebook, path: Path) -> Iterator[str]:
    for cell in notebook.cells:
        for tag in sorted(tags(cell) - TAGS):
            yield f"{at(notebook, cell)}: unknown tag {tag!r}; known are {sorted(TAGS)}"
        if re.search(r"NBVAL_|PYTEST_VALIDATE", cell.source):
            yield f"{at(notebook, cell)}: a comment steers nbval; use a tag"


def errors_are_meant(notebook: Notebook, path: Path) -> Iterator[str]:
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in tags(cell):
            yield f"{at(notebook, cell)}: ends in an error without the tag raises-exception"


def is_the_same_everywhere(notebook: Notebook, path: Path) -> Iterator[str]:
    for cell in code_cells(notebook):
        for text in texts(cell):
            for found in LOCAL.findall(text):
                yield f"{at(notebook, cell)}: {found!r} in the output is of one machine or one run"


def headings_nest(notebook: Notebook, path: Path) -> Iterator[str]:
    yield from links.headings_out_of_order(links.prose_of(notebook))


def pictures_have_alt_text(notebook: Notebook, path: Path) -> Iterator[str]:
    yield from links.pictures_without_alt_text(links.prose_of(notebook))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            shown = output.get("data", {})
            yield from links.pictures_without_alt_text(shown.get("text/html", ""))
            said = output.get("metadata", {})
            pictures = [kind for kind in shown if kind.startswith("image/")]
            if "text/html" not in shown and not all(said.get(k, {}).get("alt") for k in pictures):
                yield f"{at(notebook, cell)}: shows a picture that has no alt text"


def links_lead_somewhere(notebook: Notebook, path: Path) -> Iterator[str]:
    yield from links.dead(links.prose_of(notebook), path)


def has_one_setup_cell(notebook: Notebook, path: Path) -> Iterator[str]:
    cells = [cell for cell in code_cells(notebook) if "setup" in tags(cell)]
    if cells != code_cells(notebook)[:1]:
        yield "needs one cell tagged setup: its first code cell"


def ends_clean(notebook: Notebook, path: Path) -> Iterator[str]:
    """A failure in a thread passes silently, unless somebody asks for it in the end."""
    cells = code_cells(notebook)
    if not cells or not re.search(r"\bassert_clean\(", cells[-1].source):
        yield "the last code cell must call assert_clean()"


def is_formatted(notebook: Notebook, path: Path) -> Iterator[str]:
    """A comment for the formatter says nothing to a learner: write the cell without."""
    for cell in code_cells(notebook):
        if re.search(r"#\s*fmt:", cell.source):
            yield f"{at(notebook, cell)}: a comment for the formatter; write it without"


def folds_what_others_call_it(notebook: Notebook, path: Path) -> Iterator[str]:
    """In the first lessons, the words of other tools mean nothing yet to many learners."""
    unfolded = DETAILS.sub("", links.prose_of(notebook))
    if path.name[:2] in {"00", "01", "02", "03"} and "What others call it" in unfolded:
        yield "'What others call it' must be inside <details>"


def is_short(notebook: Notebook, path: Path) -> Iterator[str]:
    """What must be read: all prose but code, tables and what is folded."""
    text = HTML.sub(" ", DETAILS.sub("", links.prose_of(notebook)))
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("|")]
    words = len(WORD.findall("\n".join(lines)))
    if words > MOST_WORDS:
        yield f"{words} words of prose; at most {MOST_WORDS}"


def begins_easily(notebook: Notebook, path: Path) -> Iterator[str]:
    """The first code that a learner of this course sees is three lines long."""
    if path.name.startswith("00"):
        for cell in code_cells(notebook)[:1]:
            code = re.findall(r"^\s*[^#\s]", cell.source, re.MULTILINE)
            if len(code) > 3:
                yield f"{at(notebook, cell)}: {len(code)} lines of code; at most 3"


RULES = [
    was_run,
    was_recorded,
    tags_are_known,
    errors_are_meant,
    is_the_same_everywhere,
    headings_nest,
    pictures_have_alt_text,
    links_lead_somewhere,
    has_one_setup_cell,
    ends_clean,
    is_formatted,
    folds_what_others_call_it,
    is_short,
    begins_easily,
]
