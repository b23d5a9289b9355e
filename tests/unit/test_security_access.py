"""AccessPolicy: denied by default, deny beats allow, and a change counts at once."""

import threading

import pytest

import eventkit as ek
from eventkit.security import Rule, access


@pytest.fixture
def policy() -> ek.AccessPolicy:
    policy = ek.AccessPolicy()
    policy.allow("ann", publish=["button.>", "key.*"], subscribe="counter.>")
    policy.deny("ann", publish="button.reset")
    return policy


def test_what_no_rule_allows_is_denied() -> None:
    assert not ek.AccessPolicy().allows("ann", "publish", "button.click")


@pytest.mark.parametrize("topic", ["button.click", "button.left.click", "key.a"])
def test_what_a_rule_allows_is_allowed(policy: ek.AccessPolicy, topic: str) -> None:
    assert policy.allows("ann", "publish", topic)


@pytest.mark.parametrize("topic", ["button", "buttons.click", "key.a.b", "BUTTON.click"])
def test_what_is_close_to_a_rule_is_denied(policy: ek.AccessPolicy, topic: str) -> None:
    assert not policy.allows("ann", "publish", topic)


def test_deny_beats_allow_in_either_order(policy: ek.AccessPolicy) -> None:
    assert not policy.allows("ann", "publish", "button.reset")
    policy.allow("ann", publish="button.reset")
    assert not policy.allows("ann", "publish", "button.reset")


def test_to_publish_and_to_subscribe_are_two_rights(policy: ek.AccessPolicy) -> None:
    assert not policy.allows("ann", "subscribe", "button.click")
    assert not policy.allows("ann", "publish", "counter.changed")


def test_one_principal_has_nothing_of_another(policy: ek.AccessPolicy) -> None:
    assert not policy.allows("bob", "publish", "button.click")
    assert not policy.allows("Ann", "publish", "button.click")


def test_a_change_counts_at_once_though_the_decision_was_remembered(
    policy: ek.AccessPolicy,
) -> None:
    assert policy.allows("ann", "publish", "button.click")
    policy.deny("ann", publish="button.click")
    assert not policy.allows("ann", "publish", "button.click")


def test_who_is_revoked_may_nothing_and_can_be_allowed_anew(policy: ek.AccessPolicy) -> None:
    policy.revoke("ann")
    assert not policy.allows("ann", "publish", "button.click")
    assert policy.principals() == []
    policy.allow("ann", publish="button.reset")
    assert policy.allows("ann", "publish", "button.reset")


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("counter.changed", True),
        ("counter.*", True),
        ("counter.>", True),
        ("counter.*.x", True),
        ("counter.secret.>", False),
        ("counter.secret.key", False),
        ("counter", False),
        ("*.changed", False),
        (">", False),
    ],
)
def test_a_pattern_is_allowed_if_all_its_topics_are_and_not_all_are_denied(
    policy: ek.AccessPolicy, pattern: str, allowed: bool
) -> None:
    policy.deny("ann", subscribe="counter.secret.>")
    assert policy.allows_pattern("ann", pattern) is allowed


def test_rules_are_listed_as_they_were_made(policy: ek.AccessPolicy) -> None:
    assert policy.rules("ann") == (
        Rule("publish", "button.>", True),
        Rule("publish", "key.*", True),
        Rule("subscribe", "counter.>", True),
        Rule("publish", "button.reset", False),
    )
    assert policy.rules("bob") == ()
    assert repr(policy) == "<AccessPolicy of 4 rules for 1 principals>"


def test_memory_stays_flat_when_topics_are_made_up(
    policy: ek.AccessPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_DECISIONS", 100)
    for number in range(1_000):
        assert policy.allows("ann", "publish", f"button.{number}")
    assert len(policy._decided) <= 100


def test_a_decision_made_by_old_rules_is_not_remembered_beyond_a_change(
    policy: ek.AccessPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding, changed = threading.Event(), threading.Event()
    tree_of = policy._tree

    def slow_tree(principal: str, action: access.Action) -> object:
        tree = tree_of(principal, action)
        deciding.set()
        assert changed.wait(20)
        return tree

    monkeypatch.setattr(policy, "_tree", slow_tree)
    slow = threading.Thread(target=policy.allows, args=("ann", "publish", "button.click"))
    slow.start()
    assert deciding.wait(20)
    policy.revoke("ann")
    changed.set()
    slow.join(20)
    monkeypatch.undo()
    assert not policy.allows("ann", "publish", "button.click")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a\nb", "*", ">", "ä", "x" * 65, None, 1])
def test_a_name_that_no_certificate_could_hold_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        ek.AccessPolicy().allow(name, publish="a")  # type: ignore[arg-type]


def test_bad_patterns_are_refused_and_change_nothing(policy: ek.AccessPolicy) -> None:
    before = policy.rules("ann")
    with pytest.raises(ek.InvalidTopic, match="wildcard inside a word"):
        policy.allow("ann", publish=["fine", "not*fine"])
    assert policy.rules("ann") == before


def test_a_rule_about_nothing_is_refused(policy: ek.AccessPolicy) -> None:
    with pytest.raises(ValueError, match="revoke"):
        policy.deny("ann")


def test_an_action_that_there_is_not_is_refused(policy: ek.AccessPolicy) -> None:
    with pytest.raises(ValueError, match="'publish', 'subscribe'"):
        policy.allows("ann", "read", "a")  # type: ignore[arg-type]


@pytest.mark.parametrize("topic", ["", "a..b", "a.*", ">", None, []])
def test_a_topic_that_is_none_is_not_decided_upon(policy: ek.AccessPolicy, topic: object) -> None:
    with pytest.raises(ek.InvalidTopic):
        policy.allows("ann", "publish", topic)  # type: ignore[arg-type]
