"""A false server that wants a client's token, and the certificates that it may show."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .insecure_servers import Door, Posted
from .sending import send

if TYPE_CHECKING:
    from ...security import CertificateAuthority, Credentials

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which Python has no name."""
DAY = 24 * 3600.0


class Theft(NamedTuple):
    """Whether the token was stolen, and what made the client hang up, if it did."""

    stolen: bool
    why_not: str = ""


def tempt(server: ssl.SSLContext, client: ssl.SSLContext, token: str) -> Theft:
    """Let a client that uses `client` send its token to a false server that uses `server`."""
    taken: list[str] = []

    def take(posted: Posted) -> int:
        taken.append(posted.token)
        return 202

    with Door(take, server) as door:
        try:
            send(door.port, client, "button.click", 1, token)
        except ssl.SSLCertVerificationError as error:
            return Theft(bool(taken), error.verify_message)
    return Theft(taken == [token])


def expired_certificate(folder: Path) -> tuple[CertificateAuthority, Credentials]:
    """Return a new authority, and a certificate of a server that it signed two days ago for a
    day.
    """
    from ...security import CertificateAuthority

    late = 2 * DAY
    authority = CertificateAuthority(folder, clock=lambda: time.time() - late)
    own = authority.server()
    late = 0.0
    return authority, own
