"""What TLS and sealing cost, measured on this machine."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ..course.session import Table
from .insecure_servers import Door, connect, post

if TYPE_CHECKING:
    from ...security import CertificateAuthority


class Price(NamedTuple):
    """Medians in seconds: of the first message, its connection included, and of the next one on the
    same connection.
    """

    first: float
    following: float


def median_time(act: Callable[[], object], rounds: int = 1) -> float:
    """Return the median of how many seconds a call takes."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return median(times)


def message_prices(authority: CertificateAuthority, rounds: int) -> dict[str, Price]:
    """Measure messages to a small server over HTTP and HTTPS, alternating."""
    client, server = authority.client_context(), authority.server_context(authority.server())
    times: dict[str, list[Price]] = {"HTTP": [], "HTTPS": []}
    with Door(lambda posted: 202) as http, Door(lambda posted: 202, server) as https:
        for _ in range(rounds):
            times["HTTP"].append(_first_and_next(http.port, None))
            times["HTTPS"].append(_first_and_next(https.port, client))
    return {
        name: Price(*map(median, zip(*measured, strict=True))) for name, measured in times.items()
    }


def price_table(prices: dict[str, Price]) -> Table:
    """Return the prices in milliseconds."""
    return Table(
        ["", "first message, with its connection (ms)", "next message (ms)"],
        [[name, *(f"{seconds * 1e3:.2f}" for seconds in price)] for name, price in prices.items()],
    )


def _first_and_next(port: int, context: ssl.SSLContext | None) -> Price:
    with closing(connect(port, context)) as connection:

        def one_message() -> None:
            assert post(connection, "button.click", 1) == 202

        return Price(median_time(one_message), median_time(one_message))
