"""Lesson 11: a client that sends its token to the right server and to no other."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import security
from ..course.exercise import Exercise, Wrong, attempted
from ..course.session import Table
from .impostor import expired_certificate
from .insecure_servers import HOST, Door, Posted

if TYPE_CHECKING:
    from ...security import CertificateAuthority

Client = Callable[[str, int, str, str, object], int]

PATH, TOKEN, DATA = "/topics/button.click", "a-token-to-keep-secret", {"count": 1}

RIGHT = "the right one"
STRANGER = "vouched for by a stranger"
OTHER_HOST = "with another host's certificate"
EXPIRED = "with an expired certificate"
PUBLIC = "vouched for by the system's authority"


def post(host: str, port: int, authority: str, token: str, data: object) -> int:
    """Post `data` as JSON to /topics/button.click with a bearer token, and return the status of
    the answer. Raises ssl.SSLError, before anything is sent, unless the server has a valid
    certificate for `host`, signed by the authority in the file `authority` and by no other.
    """
    # solution begins
    import http.client
    import json
    import ssl

    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/topics/button.click", json.dumps(data), headers)
        return connection.getresponse().status
    finally:
        connection.close()
    # solution ends


class Met(NamedTuple):
    """A client's result with one server: the status that it returned or the error that it raised,
    and what reached the server.
    """

    returned: Any
    error: Exception | None
    posted: list[Posted]
    refused: int
    """How often the client hung up during the handshake."""

    @property
    def told(self) -> str:
        if self.posted:
            return "sent everything"
        return "hung up" if self.refused else "sent nothing"


def tried(client: Client) -> dict[str, Met]:
    """Run the client against five servers, of which one is the right one."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            name: _meet(client, context, authority)
            for name, context, authority in _servers(Path(folder))
        }


def tried_table(client: Client) -> Table:
    """Return a table of what the client did with each of the five servers."""
    return Table(
        ["server", "the client"], [[name, met.told] for name, met in tried(client).items()]
    )


def _servers(folder: Path) -> Iterator[tuple[str, ssl.SSLContext, str]]:
    """Yield each server's name, its context, and the file of the authority to trust."""
    house, lapsed = expired_certificate(folder / "house")
    stranger = security.CertificateAuthority(folder / "stranger")
    public = security.CertificateAuthority(folder / "public")
    authority = str(house.certificate)
    yield RIGHT, house.server_context(house.server()), authority
    yield STRANGER, stranger.server_context(stranger.server()), authority
    yield OTHER_HOST, house.server_context(house.server("127.0.0.2")), authority
    yield EXPIRED, house.server_context(lapsed), authority
    with _trusted_by_the_system(public):
        yield PUBLIC, public.server_context(public.server()), authority


@contextlib.contextmanager
def _trusted_by_the_system(ca: CertificateAuthority) -> Iterator[None]:
    """Add this authority to those that came with the machine: OpenSSL reads this variable."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(ca.certificate)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


def _meet(client: Client, context: ssl.SSLContext, authority: str) -> Met:
    posted: list[Posted] = []

    def take(one: Posted) -> int:
        posted.append(one)
        return 202 if one.token == TOKEN else 401

    returned, error = None, None
    with Door(take, context) as door:
        try:
            returned = client(HOST, door.port, authority, TOKEN, DATA)
        except Exception as problem:
            error = problem
    return Met(returned, error, posted, door.refused)


def diagnose(attempt: Client) -> str | None:
    met = tried(attempt)
    attempted(met[RIGHT].returned)
    if said := _not_delivered(met[RIGHT]):
        return said + _case(RIGHT, met)
    for name, said in _not_kept(met):
        return said + _case(name, met)
    return None


def _case(name: str, met: dict[str, Met]) -> str:
    """Describe what one server got and what the client did."""
    one = met[name]
    got = [
        f"POST {posted.path} {'with' if posted.token == TOKEN else 'without'} the token"
        for posted in one.posted
    ]
    end = f"raised {type(one.error).__name__}" if one.error else f"returned {one.returned!r}"
    server = "right server" if name == RIGHT else f"server {name}"
    return f".\n  The {server} got {', '.join(got) or 'nothing'}; you {end}."


def _not_delivered(right: Met) -> str | None:
    """Return what the client did wrong with the right server, or None."""
    if right.error is not None:
        return _why_raised(right.error)
    if not right.posted:
        return "nothing reached the right server: a client that sends nothing is safe, and no use"
    (*_, last) = right.posted
    if TOKEN in last.path:
        return (
            "the token stood in the URL. TLS hides it on the line, but a path is written into "
            "logs and histories at both ends: send it in the header Authorization"
        )
    if last.token != TOKEN:
        return "the right server was not told who you are: send Authorization: Bearer <token>"
    if _json(last.body) != DATA or last.path != PATH:
        return f"the right server should get {json.dumps(DATA)} at {PATH}, and got something else"
    if right.returned != 202:
        return f"the right server answered 202, and you returned {right.returned!r}"
    return None


def _why_raised(error: Exception) -> str:
    """Return what an error of a client says that was raised with the right server.

    Raises the error itself if it has nothing to do with TLS.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "your client hung up on the right server, because it does not know its authority. "
            "The machine's own authorities have not vouched for it, but the one in the file "
            "`authority` has: give that file to the context as `cafile`"
        )
    if isinstance(error, ConnectionResetError):
        return (
            "the right server hung up on your client: it speaks TLS, and your client did not. Use "
            "http.client.HTTPSConnection with a context"
        )
    raise error


def _not_kept(met: dict[str, Met]) -> Iterator[tuple[str, str]]:
    """Yield each server that the client should have refused, with what is wrong."""
    sent = {name for name, one in met.items() if one.posted and name != RIGHT}
    noticed = {name for name in sent if met[name].refused}
    for name in sorted(noticed):
        yield (
            name,
            (
                f"from the server {name} you hung up, and then tried again and sent everything. "
                "To notice an attack and go on has only lost time: let the error be raised"
            ),
        )
    for these, meaning in MEANINGS.items():
        if set(these) <= sent:
            yield these[0], meaning
    for name in sorted(sent):
        yield name, f"the token was sent to a server that is {name}"
    for name, one in met.items():
        if name != RIGHT and not isinstance(one.error, ssl.SSLError):
            yield name, _no_word(name, one)


def _no_word(name: str, one: Met) -> str:
    if one.error is not None:
        return f"a server {name}: raise ssl.SSLError; you raised {type(one.error).__name__}"
    return (
        f"you hung up on the server {name}, and returned {one.returned!r}. Nothing was stolen, and "
        "nothing was delivered: the caller has to be told, so let the error be raised"
    )


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


MEANINGS = {
    (STRANGER, OTHER_HOST, EXPIRED, PUBLIC): (
        "the token was sent to all five servers. It was encrypted each time, for whichever server "
        "was there. Encrypted does not mean to the right one: have the certificate verified"
    ),
    (OTHER_HOST,): (
        "the token was sent to a server that showed the genuine certificate of another host. Your "
        "authority knows it, but it is not the one you called: have the host name checked"
    ),
    (PUBLIC,): (
        "the token was sent to a server that an authority of the system had vouched for. Your own "
        "authority was added to those, so each of them can still vouch for this host: believe the "
        "one in the file, and no other"
    ),
    (EXPIRED,): (
        "the token was sent to a server whose certificate had expired. Its key may have leaked "
        "since, and no one would tell you: the date is part of what the authority has signed"
    ),
}


# Wrong answers


def _send(context: ssl.SSLContext, host: str, port: int, token: str, data: object,
          query: str = "") -> int:  # fmt: skip
    connection = HTTPSConnection(host, port, timeout=10, context=context)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("POST", PATH + query, json.dumps(data), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _verifies_nothing(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _send(context, host, port, token, data)


def _any_host(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    return _send(context, host, port, token, data)


def _one_more(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context()
    context.load_verify_locations(authority)
    return _send(context, host, port, token, data)


def _any_time(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return _send(context, host, port, token, data)


def _in_the_url(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context(cafile=authority)
    return _send(context, host, port, "", data, f"?token={token}")


def _no_token(host: str, port: int, authority: str, token: str, data: object) -> int:
    return _send(ssl.create_default_context(cafile=authority), host, port, "", data)


def _goes_on(host: str, port: int, authority: str, token: str, data: object) -> int:
    try:
        return post(host, port, authority, token, data)
    except ssl.SSLError:
        return _verifies_nothing(host, port, authority, token, data)


def _keeps_quiet(host: str, port: int, authority: str, token: str, data: object) -> int:
    try:
        return post(host, port, authority, token, data)
    except ssl.SSLError:
        return 0


def _sends_nothing(host: str, port: int, authority: str, token: str, data: object) -> int:
    return 202


exercise = Exercise(
    name="repair_the_client",
    solution=post,
    diagnose=diagnose,
    hints=(
        "Which three things does a certificate say, and which of them did the careless client ask "
        "about? All of it happens in the `context`.",
        "`ssl.create_default_context(cafile=...)` makes a context that believes the authority in "
        "that file and checks dates and host name. Every line that switches something off can go.",
        "Give the context to `http.client.HTTPSConnection(host, port, context=context)`. The token "
        "belongs into the headers: `{'Authorization': f'Bearer {token}'}`. Catch nothing.",
    ),
    praise="Four servers got nothing, and the caller was told. The fifth got it all.",
    wrong=[
        Wrong("encrypted means the right peer", _verifies_nothing, "to all five servers"),
        Wrong("known to the authority means the right host", _any_host, "host name checked"),
        Wrong("one more authority does no harm", _one_more, "believe the one in the file"),
        Wrong("a certificate is good for ever", _any_time, "had expired"),
        Wrong("TLS hides the URL, so it may hold a secret", _in_the_url, "stood in the URL"),
        Wrong("to reach a server is to be known to it", _no_token, "who you are"),
        Wrong("an error is there to be got round", _goes_on, "only lost time"),
        Wrong("no exception, no problem", _keeps_quiet, "has to be told"),
        Wrong("who sends nothing is safe", _sends_nothing, "and no use"),
    ],
)
