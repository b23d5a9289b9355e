"""The client of a NATS server: whom it tells its name and password, and how it ends."""

import asyncio
import gc
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from eventkit import NatsServer
from eventkit.nats.client import DirectClient, options_for

from .conftest import LONG

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


class Connecting:
    """An attempt to connect, and to connect again after the connection was cut."""

    def __init__(self, url: str) -> None:
        self.client = DirectClient(lambda *_: False)
        self._url = url

    async def first(self) -> None:
        options = {"disconnected_cb": _nothing, "reconnected_cb": _nothing}
        await self.client.try_to_connect(
            [self._url], lambda _: None, reconnect_time_wait=0, **options
        )

    async def again(self) -> None:
        await self.first()
        self.client._transport._io_writer.transport.abort()  # type: ignore[union-attr]
        while self.client.is_connected:
            await asyncio.sleep(0)

    async def end_after(self, turns: int) -> bool:
        """End the client after some turns of the loop. Return True if it was connected by then."""
        for _ in range(turns):
            await asyncio.sleep(0)
        was_connected = self.client.is_connected
        await self.client.end(LONG)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return was_connected


async def _nothing() -> None:
    pass


async def end_first(url: str, turns: int) -> bool:
    connecting = Connecting(url)
    attempt = asyncio.create_task(connecting.first())
    was_connected = await connecting.end_after(turns)
    assert attempt.done()
    return was_connected


async def end_again(url: str, turns: int) -> bool:
    connecting = Connecting(url)
    await connecting.again()
    return await connecting.end_after(turns)


@pytest.mark.parametrize("end_at", [end_first, end_again])
def test_a_client_that_is_ended_at_any_moment_leaves_nothing_open(
    end_at: Callable[[str, int], Coroutine[Any, Any, bool]],
) -> None:
    with NatsServer() as server:
        for _ in range(3):
            turns = 1  # before that the attempt has not begun
            while not asyncio.run(end_at(server.url, turns)):
                turns += 1
            assert turns > 5
    gc.collect()  # a transport that is still open complains now
