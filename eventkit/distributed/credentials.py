"""Who somebody is, for every server of a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit


def credentials_in(urls: Iterable[str]) -> dict[str, str]:
    """The name and password in the urls, as options of nats-py's.

    A cluster tells its clients of further servers by their addresses alone, and nats-py would show
    them nothing. If the urls name several people, there is nobody to choose.
    """
    found = {(url.username, url.password) for url in map(urlsplit, urls)}
    user, password = found.pop()
    if found or user is None or password is None:
        return {}
    return {"user": user, "password": password}
