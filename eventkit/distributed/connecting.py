"""How one connects to NATS servers: safely, and as the same somebody to each of them."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit


def options_for(url: str, tls: ssl.SSLContext | None, options: dict[str, Any]) -> dict[str, Any]:
    """What nats-py has to know, for one url or several with commas. What `options` say comes first.

    With `tls`, nothing is said before the server has shown its certificate. Raises ValueError for a
    `tls://` address without it.
    """
    if tls is None and "tls://" in url:
        raise ValueError(
            "a tls:// address needs tls=, such as an authority's client_context(): without it "
            "nobody would know who answers."
        )
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
