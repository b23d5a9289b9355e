"""How to connect to NATS servers: safely, and to each of them as the same user."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit


def options_for(url: str, tls: ssl.SSLContext | None, options: dict[str, Any]) -> dict[str, Any]:
    """What nats-py has to know, for one url or several with commas. What `options` say comes first.

    With `tls`, nothing is said before the server has shown its certificate. Raises ValueError for a
    `tls://` address without it, and for one that has no host, or a port that is no number.
    """
    if tls is None and "tls://" in url:
        raise ValueError(
            "a tls:// address needs tls=, such as an authority's client_context(): without it "
            "the server could not be authenticated."
        )
    if not all(_is_place(_place_in(one)) for one in url.split(",")):
        raise ValueError("a server's address is nats://host:port; got one that cannot be read.")
    encryption = {} if tls is None else {"tls": tls, "tls_handshake_first": True}
    return _credentials_in(url.split(",")) | options | encryption


def _credentials_in(urls: list[str]) -> dict[str, str]:
    """The name and password in the urls, unless they name several people.

    A cluster tells its clients of further servers by their addresses alone, and nats-py would show
    those nothing if it had the two from an url only.
    """
    found = {(url.username, url.password) for url in map(urlsplit, urls)}
    user, password = found.pop()
    if found or user is None or password is None:
        return {}
    return {"user": user, "password": password}


def places(urls: Iterable[str]) -> str:
    """Return the hosts and ports in the urls, for messages: never a name, password or token."""
    return ", ".join(map(_place_in, urls))


def address_in(url: str) -> tuple[str | None, int | None]:
    """Return the host and the port. Raises ValueError for a port that is no number."""
    where = urlsplit(url)
    return where.hostname, where.port


_is_place = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d*)?", re.ASCII).fullmatch


def _place_in(url: str) -> str:
    """Return what comes after the last @, if it looks like a host and a port."""
    _, _, rest = url.rpartition("://")
    place = rest.partition("/")[0].rpartition("@")[2]
    return place if _is_place(place) else "an address that cannot be read"
