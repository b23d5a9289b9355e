"""Tokens: shown once, stored as a hash, compared in constant time, revoked or expired."""

import hmac

import pytest

from eventkit.security import Tokens


def test_a_token_is_its_principals_and_no_two_are_alike() -> None:
    tokens = Tokens()
    issued = [tokens.issue(name) for name in ("ann", "bob", "ann")]
    assert [tokens.principal_of(one) for one in issued] == ["ann", "bob", "ann"]
    assert len(set(issued)) == 3


def test_any_other_text_is_nobodys() -> None:
    tokens = Tokens()
    token = tokens.issue("ann")
    other = tokens.issue("bob")
    mixed = "_".join([*token.split("_", 2)[:2], other.split("_", 2)[2]])
    for wrong in ("", "ek", "ek__", token[:-1], token + "x", token.upper(), " " + token, mixed,
                  "xx" + token[2:], "ek_\udcff_\udcff"):  # fmt: skip
        assert tokens.principal_of(wrong) is None


def test_the_secret_is_kept_nowhere() -> None:
    tokens = Tokens()
    secret = tokens.issue("ann").split("_", 2)[2]
    assert secret not in f"{tokens!r} {vars(tokens)}"


@pytest.mark.parametrize("wrong", ["ek_0000000000000000_x", "", "ek_"])
def test_a_number_that_nobody_has_takes_a_comparison_too(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert Tokens().principal_of(wrong) is None
    assert [len(one) for one in compared[0]] == [32, 32]


def test_a_token_ends() -> None:
    now = [0.0]
    tokens = Tokens(clock=lambda: now[0])
    token = tokens.issue("ann", hours=1)
    now[0] = 3_599.9
    assert tokens.principal_of(token) == "ann"
    now[0] = 3_600.0
    assert tokens.principal_of(token) is None
    assert repr(tokens) == "<Tokens: 0 stored>"


def test_revoking_takes_all_tokens_of_one_principal() -> None:
    tokens = Tokens()
    ann, bob = [tokens.issue("ann"), tokens.issue("ann")], tokens.issue("bob")
    assert tokens.revoke("ann") == 2
    assert [tokens.principal_of(one) for one in ann] == [None, None]
    assert tokens.principal_of(bob) == "bob"


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        Tokens().issue("a b")
    with pytest.raises(ValueError, match="more than 0 hours"):
        Tokens().issue("ann", hours=0)
