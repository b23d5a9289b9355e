"""Every link inside the repository leads somewhere, in pages as in notebooks; and pages keep the
rules for headings and pictures that notebooks keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notebooks import links

each_document = pytest.mark.parametrize(
    "path", links.documents(), ids=lambda path: path.relative_to(links.ROOT).as_posix()
)


def test_the_pages_are_found() -> None:
    names = {path.relative_to(links.ROOT).as_posix() for path in links.documents()}
    assert {"README.md", "SECURITY.md", "docs/concepts.md", "docs/teaching.md"} <= names


@each_document
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    assert list(links.dead(links.prose(path), path)) == []


@each_document
@pytest.mark.parametrize("rule", [links.pictures_without_alt_text, links.headings_out_of_order])
def test_a_page_keeps_the_rule(path: Path, rule: Callable[[str], Iterator[str]]) -> None:
    assert list(rule(links.prose(path))) == []


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Where the text of a test stands: beside another page and a notebook's file."""
    (tmp_path / "other.md").write_text(
        "# Its title\n\n## `fire`: now!\n\n## Twice\n\n## Twice\n", encoding="utf-8"
    )
    (tmp_path / "picture.png").write_bytes(b"")
    return tmp_path / "page.md"


@pytest.mark.parametrize(
    "text",
    [
        "[x](other.md)",
        "[x](other.md#its-title)",
        "[`fire`](other.md#fire-now)",
        "[the second](other.md#twice-1)",
        "[x](#here)\n\n# Here",
        '[x](#spot) <a id="spot"></a>',
        "[![A tree](picture.png)](other.md)",
        "[x][there]\n\n[there]: other.md",
        '[x](other.md "its title")',
        "[out](https://jupyter.org/#nowhere) and `[code](no.md)`",
        "```\n[code](no.md)\n```",
    ],
)
def test_a_link_that_leads_somewhere_is_let_be(text: str, page: Path) -> None:
    page.write_text(text, encoding="utf-8")
    assert list(links.dead(links.prose(page), page)) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[x](no.md)", "link to no.md: there is no such file"),
        ("[x](other.md#Its-title)", "link to other.md#Its-title: there is no such heading"),
        ("[x](other.md#twice-2)", "link to other.md#twice-2: there is no such heading"),
        ("[x](#here)", "link to #here: there is no such heading"),
        ("![A tree](no.png)", "link to no.png: there is no such file"),
        ("[![A tree](picture.png)](no.md)", "link to no.md: there is no such file"),
        ("[x][there]\n\n[there]: no.md", "link to no.md: there is no such file"),
        ('<img src="no.png" alt="A tree">', "link to no.png: there is no such file"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(text: str, complaint: str, page: Path) -> None:
    page.write_text(text, encoding="utf-8")
    assert list(links.dead(links.prose(page), page)) == [complaint]


def test_addresses_outside_are_listed_with_the_files_that_name_them() -> None:
    listed = links.external()
    assert listed["https://ui.perfetto.dev"] == ["notebooks/06_measuring_response.ipynb"]
    assert all(files for files in listed.values())
