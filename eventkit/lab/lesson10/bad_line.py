"""A log behind a line that can be cut, and the table of what came of each click on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..course.session import Table
from ..processes.tcp_proxy import Cable

if TYPE_CHECKING:
    from ...nats import NatsServer


def url_over(line: Cable, server: NatsServer) -> str:
    """Return the url at which the server is reached over this line."""
    return server.url.replace(server.address, line.address)


def troubles_table(as_new: Iterable[Sequence[Any]], as_the_same: Iterable[Sequence[Any]]) -> Table:
    """Return a table of what became of a click, by trouble, when it was sent again in two ways.

    Each row is of the trouble, what the sender heard, and how often the click was stored: by then,
    a little later, and after it was sent again.
    """
    return Table(
        [
            "the click is",
            "the sender hears",
            "stored by then",
            "stored later",
            "sent again as a new event",
            "sent again as the same",
        ],
        [[*one, other[-1]] for one, other in zip(as_new, as_the_same, strict=True)],
    )
