"""Links in notebooks and documents: those inside the repository must lead somewhere.

`python tests/notebooks/links.py --external` lists those that lead out; no test follows them.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import nbformat

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
LINK = re.compile(
    r"(?<!!)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\(([^)\s]+)[^)]*\)"  # its text may be a picture
    r"|\b(?:href|src)=[\"']([^\"']+)[\"']"
    r"|^\[[^\]]+\]:\s+(\S+)",
    re.MULTILINE,
)
NAMED = re.compile(r"<\w+[^>]*\s(?:id|name)=[\"']([^\"']+)[\"']")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:")
ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}|]+")
OURS = re.compile(r"https?://(?:127\.0\.0\.1|localhost|[\w.-]*\bexample\b)|.*[{[…]")


def documents() -> list[Path]:
    """Every page of prose that is no notebook."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def lessons() -> list[Path]:
    return sorted(ROOT.glob("notebooks/*.ipynb"))


def prose(path: Path) -> str:
    """The Markdown of a document or of a notebook's cells, without blocks of code."""
    if path.suffix != ".ipynb":
        return FENCE.sub("", path.read_text(encoding="utf-8"))
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return prose_of(notebook)


def prose_of(notebook: nbformat.NotebookNode) -> str:
    """All Markdown as one text, without blocks of code: a `#` in them is no heading."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return FENCE.sub("", "\n\n".join(cells))


def targets(text: str) -> list[str]:
    """Where the links and pictures of a text point to."""
    text = INLINE_CODE.sub("", text)
    links = [next(filter(None, found)) for found in LINK.findall(text)]
    return links + [target for _, target in IMAGE.findall(text)]


def anchors(text: str, *, of_notebook: bool) -> set[str]:
    """The names that a text's headings answer to: those of GitHub, in lower case and counted where
    two are alike; in a notebook those of JupyterLab as well.
    """
    headings = [re.sub(r"`|\]\([^)]*\)|\[", "", title) for _, title in HEADING.findall(text)]
    slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]
    seen: Counter[str] = Counter()
    names = set(NAMED.findall(text))
    for slug in slugs:
        names.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    if of_notebook:
        names |= {title.replace(" ", "-") for title in headings}
    return names


def dead(text: str, path: Path) -> Iterator[str]:
    """The links of a text, standing in the file `path`, that lead nowhere in this repository."""
    for target in targets(text):
        if OUTSIDE.match(target):  # the world outside, and attachments
            continue
        file, _, anchor = unquote(target).partition("#")
        other = path.parent / file if file else path
        if file and not other.exists():
            yield f"link to {target}: there is no such file"
        elif anchor:
            there = prose(other) if file else text
            if anchor not in anchors(there, of_notebook=other.suffix == ".ipynb"):
                yield f"link to {target}: there is no such heading"


def pictures_without_alt_text(text: str) -> Iterator[str]:
    """The pictures of a text that say nothing to somebody who can't see them."""
    text = INLINE_CODE.sub("", text)
    for alt, target in IMAGE.findall(text):
        if not alt.strip():
            yield f"image {target} has no alt text"
    for image in HTML_IMAGE.findall(text):
        if not re.search(r"alt=[\"'][^\"']*\S[^\"']*[\"']", image):
            yield f"{image} has no alt text"


def headings_out_of_order(text: str) -> Iterator[str]:
    """Where a text has not one title, before all else, or skips a level on the way down."""
    levels = [(len(marks), title) for marks, title in HEADING.findall(text)]
    if [level for level, _ in levels].count(1) != 1 or levels[0][0] != 1:
        yield "needs exactly one heading of level 1, before all others"
    for (above, _), (level, title) in itertools.pairwise(levels):
        if level > above + 1:
            yield f"heading {title!r} of level {level} follows one of level {above}"


def external() -> dict[str, list[str]]:
    """Each address outside, and the files that name it: pages, notebooks and the package."""
    found: dict[str, list[str]] = {}
    for path in [*documents(), *lessons(), *sorted(ROOT.glob("eventkit/**/*.py"))]:
        text = prose(path) if path.suffix != ".py" else path.read_text(encoding="utf-8")
        for address in sorted({one.rstrip(".,;:*") for one in ADDRESS.findall(text)}):
            if not OURS.match(address):
                found.setdefault(address, []).append(path.relative_to(ROOT).as_posix())
    return dict(sorted(found.items()))


def main(arguments: list[str]) -> int:
    """Print the dead links, or with --external the addresses outside; 1 if a link is dead."""
    parser = argparse.ArgumentParser(description="Where the links of this repository lead.")
    parser.add_argument("--external", action="store_true", help="list the addresses outside")
    if parser.parse_args(arguments).external:
        for address, files in external().items():
            print(address, *files)
        return 0
    complaints = [
        f"{path.relative_to(ROOT).as_posix()}: {complaint}"
        for path in [*documents(), *lessons()]
        for complaint in dead(prose(path), path)
    ]
    print("\n".join(complaints or ["Every link inside the repository leads somewhere."]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
