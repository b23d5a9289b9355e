"""Invalid options are refused by the call that receives them, and secrets are not quoted."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek
from eventkit.security import CipherError, ReplayGuard, Tokens

NOT_A_NUMBER: list[Any] = [None, "1", b"1", [], -1, 0, math.nan, math.inf, True, ...]
KEY = b"planted-secret-planted-secret-32"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> ek.CertificateAuthority:
    return ek.CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("hours", [*NOT_A_NUMBER, 1e300])
def test_hours_are_checked(ca: ek.CertificateAuthority, hours: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: Tokens().issue("ann", hours=hours),
        lambda: ca.client("ann", hours=hours),
        lambda: ca.server(hours=hours),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="hours"):
            call()


@pytest.mark.parametrize("value", [*NOT_A_NUMBER, threading.TIMEOUT_MAX * 2])
def test_a_replay_guard_checks_its_limits(value: Any) -> None:
    with pytest.raises(ValueError, match="max_age"):
        ReplayGuard(value)
    with pytest.raises(ValueError, match="capacity"):
        ReplayGuard(capacity=value)


@pytest.mark.parametrize("clock", [None, 1.0, "now"])
def test_a_clock_can_be_called(tmp_path: Path, clock: Any) -> None:
    makers: list[Callable[[], object]] = [
        lambda: Tokens(clock=clock),
        lambda: ReplayGuard(clock=clock),
        lambda: ek.CertificateAuthority(tmp_path, clock=clock),
    ]
    for make in makers:
        with pytest.raises(TypeError, match="clock"):
            make()


@pytest.mark.parametrize("own", [Path("x.pem"), "x.pem", ("x.pem", "x.key"), 1])
def test_contexts_take_credentials_and_nothing_like_them(
    ca: ek.CertificateAuthority, own: Any
) -> None:
    with pytest.raises(TypeError, match="Credentials"):
        ca.server_context(own)
    with pytest.raises(TypeError, match="Credentials"):
        ca.client_context(own)


@pytest.mark.parametrize("name", [2130706433, b"127.0.0.1", None, b"\x7f\x00\x00\x01"])
def test_a_servers_name_is_a_string(ca: ek.CertificateAuthority, name: Any) -> None:
    with pytest.raises(ValueError, match="this machine"):
        ca.server(name)


@pytest.mark.parametrize("patterns", [1, b"a.b", None, [1], ["a.b", None], [["a"]]])
def test_patterns_of_the_wrong_kind_are_refused_and_change_nothing(patterns: Any) -> None:
    policy = ek.AccessPolicy()
    for change in (policy.allow, policy.deny):
        with pytest.raises((TypeError, ValueError)):
            change("ann", publish=patterns)
    assert policy.rules("ann") == ()


@pytest.mark.parametrize("arguments", [(KEY, KEY), ("one", KEY[:-1]), ("one", KEY.decode())])
def test_a_cipher_does_not_quote_the_key_that_it_refuses(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        ek.Cipher(*arguments)
    assert "planted-secret" not in str(caught.value)


@pytest.mark.parametrize("guard", [60.0, "guard", Tokens()])
def test_a_cipher_takes_a_guard_and_nothing_like_it(guard: Any) -> None:
    with pytest.raises(TypeError, match="guard"):
        ek.Cipher("one", KEY, guard=guard)


def test_an_error_of_a_cipher_can_be_copied() -> None:
    import copy
    import pickle

    error = CipherError("text")
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(again), str(again)) == (CipherError, "text")
