"""The shop of the lesson's second half: its stock, and how far its orders are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ...log import open_log


def pieces_left(shop: Path) -> int:
    """Return the number of pieces in stock."""
    with closing(sqlite3.connect(shop / "stock.db")) as stock:
        pieces: int = stock.execute("SELECT pieces FROM stock").fetchone()[0]
        return pieces


def report(shop: Path) -> str:
    """Return in one line what is in stock, and how many orders wait or are unfinished."""
    with open_log(shop / "orders.db") as log:
        progress = log.consumer("shop", "order.*").progress()
    return f"{pieces_left(shop)} pieces left; {progress}"
