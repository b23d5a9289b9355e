"""Lesson 11's check: a client that fails with the right server is told why, in words."""

from __future__ import annotations

import http.client
import json
import ssl
from contextlib import closing
from typing import Any

import pytest

from eventkit.lab.lesson11.exercise import PATH, exercise, tried_table


def sends(connection: http.client.HTTPConnection, token: str, data: object) -> int:
    with closing(connection):
        connection.request("POST", PATH, json.dumps(data), {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status


def without_cafile(host: str, port: int, authority: str, token: str, data: object) -> int:
    context = ssl.create_default_context()
    return sends(http.client.HTTPSConnection(host, port, context=context), token, data)


def without_context(host: str, port: int, authority: str, token: str, data: object) -> int:
    return sends(http.client.HTTPSConnection(host, port), token, data)


def without_tls(host: str, port: int, authority: str, token: str, data: object) -> int:
    return sends(http.client.HTTPConnection(host, port, timeout=10), token, data)


def with_a_slip(host: str, port: int, authority: str, token: str, data: object) -> int:
    return ports  # type: ignore[name-defined,no-any-return]  # noqa: F821


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (without_cafile, "give that file to the context as `cafile`"),
        (without_context, "give that file to the context as `cafile`"),
        (without_tls, "it speaks TLS, and your client did not"),
    ],
)
def test_who_cannot_reach_the_right_server_is_told_why_and_sees_no_raw_error(
    client: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercise.check(client)
    told = capsys.readouterr().out
    assert says in told
    assert "The right server got nothing; you raised" in told
    assert "your code raised" not in told
    assert "_ssl.c" not in told


def test_an_error_that_has_nothing_to_do_with_tls_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exercise.check(with_a_slip)
    assert "your code raised NameError: name 'ports' is not defined" in capsys.readouterr().out


def test_the_table_says_what_a_client_did_with_each_server() -> None:
    assert repr(tried_table(without_cafile)).splitlines() == [
        "server                                 the client",
        "the right one                          hung up",
        "vouched for by a stranger              hung up",
        "with another host's certificate        hung up",
        "with an expired certificate            hung up",
        "vouched for by the system's authority  sent everything",
    ]
