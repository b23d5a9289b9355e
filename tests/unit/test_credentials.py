"""What a client shows servers that it has only heard of."""

import pytest

from eventkit.distributed.credentials import credentials_in


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["nats://ann:secret@127.0.0.1:1"], {"user": "ann", "password": "secret"}),
        (
            ["nats://ann:s@127.0.0.1:1", "nats://ann:s@127.0.0.1:2"],
            {"user": "ann", "password": "s"},
        ),
        (["nats://ann:s@127.0.0.1:1", "nats://bob:s@127.0.0.1:2"], {}),
        (["nats://token@127.0.0.1:1"], {}),
        (["nats://127.0.0.1:1"], {}),
    ],
)
def test_a_name_and_password_that_all_urls_share_are_for_every_server(
    urls: list[str], expected: dict[str, str]
) -> None:
    assert credentials_in(urls) == expected
