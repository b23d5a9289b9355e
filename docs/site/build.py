"""Build the site: `python docs/site/build.py FOLDER [LESSON...]`.

Sphinx reads the project's own pages and lessons from FOLDER/source and writes FOLDER/html. What a
page without a kernel needs is changed in between: recorded replays play, links lead to headings as
Sphinx names them, and a prediction's code, which contains the answers, is folded. Named lessons are
built alone, with the first page.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
from sphinx.cmd.build import main as sphinx

from eventkit.lab.lesson05 import picker_page
from eventkit.lab.replay_view.page import as_html

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]  # fmt: skip
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]+)?\)")


def main(folder: Path, lessons: list[str]) -> int:
    """Build the site anew, and return Sphinx's exit status. A warning is an error."""
    if unknown := set(lessons) - {path.stem for path in LESSONS}:
        print(f"no such lesson: {', '.join(sorted(unknown))}. There are:", file=sys.stderr)
        print("\n".join(path.stem for path in LESSONS), file=sys.stderr)
        return 2
    for made in ("source", "html"):
        shutil.rmtree(folder / made, ignore_errors=True)
    write_sources(folder / "source", lessons)
    settings = ["-q", "-W", "--keep-going", "-c", str(Path(__file__).parent)]
    return sphinx([*settings, str(folder / "source"), str(folder / "html")])


def write_sources(folder: Path, lessons: list[str]) -> None:
    """Write what Sphinx reads."""
    chosen = [path for path in LESSONS if not lessons or path.stem in lessons]
    pages = PAGES if not lessons else ["README.md"]
    known = {*pages, *(f"notebooks/{path.name}" for path in chosen)}
    for page in pages:
        text = with_links((ROOT / page).read_text("utf-8"), page, known)
        write(folder / page.replace("README", "index"), text + contents(page, pages, chosen))
    for path in chosen:
        write_lesson(path, folder / "notebooks" / path.name, known)
    (folder / "docs").mkdir(exist_ok=True)
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy(picture, folder / "docs")
    write(folder / "api.md", api())


def write(path: Path, text: str) -> None:
    """Write a file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_lesson(path: Path, to: Path, known: set[str]) -> None:
    """Write a lesson whose recorded replays play."""
    lesson = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, f"notebooks/{path.name}", known)
        if "predict" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
        for output in cell.get("outputs", []):
            show(output)
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(lesson, to)  # type: ignore[no-untyped-call]


def show(output: Any) -> None:
    """Turn an output that needs a kernel into one that does not."""
    ours = output.get("metadata", {}).get("eventkit", {})
    if "replay" in ours:
        output.data = {"text/html": as_html(ours["replay"])}
    elif "picker" in ours:
        output.data = {"text/html": picker_page.as_html()}
    output.get("data", {}).pop(WIDGET, None)


def with_links(text: str, page: str, known: set[str]) -> str:
    """Return a page's text with links to what is on the site. Other files are named, not linked."""

    def link(found: re.Match[str]) -> str:
        said, path, anchor = found.groups()
        there = str((ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT))
        if path and there not in known and not there.endswith(".png"):
            return str(said)
        to = path.replace("README", "index") + ("#" + slug(anchor) if anchor else "")
        return f"[{said}]({to})"

    return _LINK.sub(link, text)


def slug(anchor: str) -> str:
    """Return a heading's anchor as Sphinx has it, from the one that JupyterLab has."""
    words = re.sub(r"[^\w\- ]", "", unquote(anchor).lower())
    return words.replace(" ", "-")


def contents(page: str, pages: Iterable[str], lessons: Iterable[Path]) -> str:
    """Return the table of contents for the side of all pages. The first page has it."""
    if page != "README.md":
        return ""
    named = [one.removesuffix(".md") for one in pages if one != "README.md"]
    lines = "\n".join([*(f"notebooks/{path.stem}" for path in lessons), "api", *named])
    return f"\n```{{toctree}}\n:hidden:\n\n{lines}\n```\n"


def api() -> str:
    """Return the page of all public names, in the order of the package's stub."""
    stub = ast.parse((ROOT / "eventkit" / "__init__.pyi").read_text("utf-8"))
    parts: dict[str, list[str]] = {}
    for line in stub.body:
        if isinstance(line, ast.ImportFrom) and line.module and not line.module.startswith("lab"):
            part = parts.setdefault(line.module.partition(".")[0], [])
            part += [alias.name for alias in line.names]
    sections = [f"## eventkit.{name}\n\n{described(part)}" for name, part in parts.items()]
    return "# The package, name by name\n\n" + "\n".join(sections)


def described(names: Iterable[str]) -> str:
    """Return the directive that describes each name by its docstring."""
    kinds = ((name, "class" if name[0].isupper() else "function") for name in names)
    lines = [
        f".. auto{kind}:: eventkit.{name}\n" + ("   :members:\n" if kind == "class" else "")
        for name, kind in kinds
    ]
    return "```{eval-rst}\n" + "\n".join(lines) + "```\n"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Say where to build it: python docs/site/build.py FOLDER [LESSON...]")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
