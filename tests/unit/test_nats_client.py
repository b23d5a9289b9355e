"""The client of a NATS server: whom it tells its name and password, and how it ends."""

import asyncio
import gc
import ssl

import pytest

from eventkit import NatsServer
from eventkit.nats.client import DirectClient, options_for

ANN = {"user": "ann", "password": "s"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nats://ann:s@127.0.0.1:1", ANN),
        ("nats://ann:s@127.0.0.1:1,nats://ann:s@127.0.0.1:2", ANN),
        ("nats://ann:s@127.0.0.1:1,nats://bob:s@127.0.0.1:2", {}),
        ("nats://token@127.0.0.1:1", {}),
        ("nats://127.0.0.1:1", {}),
    ],
)
def test_a_name_and_password_that_all_urls_share_are_for_every_server(
    url: str, expected: dict[str, str]
) -> None:
    assert options_for(url, None, {}) == expected


def test_what_is_asked_for_comes_before_what_the_url_says() -> None:
    asked = {"user": "bob", "name": "mine"}
    assert options_for("nats://ann:s@127.0.0.1:1", None, asked) == {**ANN, **asked}


def test_with_tls_the_handshake_is_always_first() -> None:
    context = ssl.create_default_context()
    asked = {"tls_handshake_first": False}
    found = options_for("tls://127.0.0.1:1", context, asked)
    assert found == {"tls": context, "tls_handshake_first": True}


def test_a_client_that_never_tried_to_connect_can_be_closed() -> None:
    client = DirectClient(lambda *_: False)
    asyncio.run(client.close())
    asyncio.run(client.disconnect())


def test_a_client_closed_at_any_moment_of_an_attempt_leaves_nothing_open() -> None:
    async def connect_for(turns: int, url: str) -> bool:
        """Let an attempt go on for some turns of the loop. Return True if it was over by then."""
        client = DirectClient(lambda *_: False)
        attempt = asyncio.create_task(client.try_to_connect([url], print))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_over = attempt.done()
        await client.close()
        assert attempt.done()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return was_over

    turns = 1  # before that the attempt has not begun
    with NatsServer() as server:
        while not asyncio.run(connect_for(turns, server.url)):
            turns += 1
    gc.collect()  # a transport that is still open complains now
    assert turns > 5
