"""The template with which Voilà serves the demo apps: a start page, large type, no other host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

NAME = "eventkit"


class Card(NamedTuple):
    """An app on the start page."""

    file: str
    title: str
    question: str


def write_template(cards: Iterable[Card], folder: Path) -> None:
    """Write the template to where Voilà looks with JUPYTER_PATH=`folder`/jupyter."""
    place = folder / "jupyter" / "voila" / "templates" / NAME
    shutil.copytree(Path(__file__).with_name("template"), place, dirs_exist_ok=True)
    listed = json.dumps([card._asdict() for card in cards], ensure_ascii=False)
    (place / "cards.j2").write_text(f"{{% set cards = {listed} %}}\n", encoding="utf-8")
