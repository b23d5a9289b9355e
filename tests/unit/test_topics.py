"""Topics and patterns keep NATS's documented rules for subjects and wildcards.

Source: https://docs.nats.io/nats-concepts/subjects ("Characters allowed and recommended for
subject names", "Wildcards").
"""

import pytest

from eventkit.topics import InvalidTopic, TopicTree, check_pattern, check_topic, matches

VALID_TOPICS = [
    "a",
    "time.us",
    "time.us.east.atlanta",
    "orders.retail.placed",
    "with-dash.and_underscore",
    "UPPER.lower.MiXed",
    "0.1.2",
    "$SYS.ACCOUNT.connect",
    "$JS.API.INFO",
    "$KV.bucket.key",
    "_INBOX.abc123",
    "größe.λ.時間",
    "a:b.c/d.e=f.#",
]

INVALID_TOPICS = [
    ("", "empty word"),
    (".", "empty word"),
    (".a", "empty word"),
    ("a.", "empty word"),
    ("a..b", "empty word"),
    ("a b", "space or control character"),
    ("a.b ", "space or control character"),
    ("a.\tb", "space or control character"),
    ("a\r\nb", "space or control character"),
    ("a.\x00", "space or control character"),
    ("a.\x7f", "space or control character"),
    ("a.b\u00a0c", "space or control character"),
    ("a.*", "wildcard"),
    ("*", "wildcard"),
    (">", "wildcard"),
    ("a.>", "wildcard"),
    ("a.b*", "wildcard"),
    ("a>b", "wildcard"),
    (None, "a string"),
    (b"a.b", "a string"),
    (7, "a string"),
]

VALID_PATTERNS = [
    *VALID_TOPICS,
    "*",
    ">",
    "*.*",
    "*.>",
    "time.*.east",
    "time.us.>",
    "*.*.east.>",
    "$SYS.>",
    "$SYS.*.connect",
]

INVALID_PATTERNS = [
    ("", "empty word"),
    ("a..*", "empty word"),
    (".>", "empty word"),
    (">.", "last word"),
    ("a b.*", "space or control character"),
    (">.a", "last word"),
    ("a.>.b", "last word"),
    (">.>", "last word"),
    ("fo*.bar", "inside a word"),
    ("*o.bar", "inside a word"),
    ("foo.b*r", "inside a word"),
    ("foo.**", "inside a word"),
    ("foo.ba>", "inside a word"),
    ("foo.>>", "inside a word"),
    ("foo.*>", "inside a word"),
    (None, "a string"),
    (b"a.*", "a string"),
]

MATCHING = [
    ("time.us", "time.us"),
    ("*", "a"),
    ("*", "$SYS"),
    (">", "a"),
    (">", "a.b.c"),
    (">", "$SYS.connect"),
    ("*.*", "a.b"),
    ("time.*.east", "time.us.east"),
    ("time.*.east", "time.eu.east"),
    ("time.us.*", "time.us.east"),
    ("time.us.>", "time.us.east"),
    ("time.us.>", "time.us.east.atlanta"),
    ("*.*.east.>", "time.us.east.atlanta"),
    ("*.>", "a.b"),
    ("*.>", "a.b.c"),
    ("foo.*.*", "foo.bar.baz"),
    ("$SYS.>", "$SYS.ACCOUNT.x"),
]

NOT_MATCHING = [
    ("time.us", "time.eu"),
    ("time.us", "time.us.east"),
    ("time.us.east", "time.us"),
    ("time.us", "Time.us"),
    ("time.us", "time.US"),
    ("time.us", "time.usa"),
    ("*", "a.b"),
    ("*.*", "a"),
    ("*.*", "a.b.c"),
    ("time.*.east", "time.us.west"),
    ("time.*.east", "time.east"),
    ("time.*.east", "time.us.ny.east"),
    ("time.us.*", "time.us"),
    ("time.us.*", "time.us.east.atlanta"),
    ("time.us.>", "time.us"),
    ("time.us.>", "time.eu.east"),
    ("*.>", "a"),
    ("foo.*", "bar.foo"),
    ("$SYS.>", "$JS.API"),
]


@pytest.mark.parametrize("topic", VALID_TOPICS)
def test_a_topic_that_nats_takes_is_taken(topic: str) -> None:
    check_topic(topic)


@pytest.mark.parametrize(("topic", "reason"), INVALID_TOPICS)
def test_a_topic_that_nats_refuses_is_refused_with_the_reason(topic: object, reason: str) -> None:
    with pytest.raises(InvalidTopic, match=reason):
        check_topic(topic)


@pytest.mark.parametrize("pattern", VALID_PATTERNS)
def test_a_pattern_that_nats_takes_is_taken(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(("pattern", "reason"), INVALID_PATTERNS)
def test_a_pattern_that_nats_refuses_is_refused_with_the_reason(
    pattern: object, reason: str
) -> None:
    with pytest.raises(InvalidTopic, match=reason):
        check_pattern(pattern)


@pytest.mark.parametrize(("pattern", "topic"), MATCHING)
def test_the_topic_fits_the_pattern(pattern: str, topic: str) -> None:
    assert matches(pattern, topic)


@pytest.mark.parametrize(("pattern", "topic"), NOT_MATCHING)
def test_the_topic_does_not_fit_the_pattern(pattern: str, topic: str) -> None:
    assert not matches(pattern, topic)


def test_the_message_shows_the_topic_and_where_wildcards_belong() -> None:
    with pytest.raises(InvalidTopic) as refusal:
        check_topic("button.*")
    assert "'button.*'" in str(refusal.value)
    assert "* and > belong in subscriptions" in str(refusal.value)


def test_one_value_may_stand_under_several_patterns_and_is_found_once_for_each() -> None:
    tree: TopicTree[str] = TopicTree()
    for pattern in ("a.b", "a.*", "a.>", "*.b", ">", "b.a"):
        tree.add(pattern, pattern)
    assert sorted(tree.match("a.b")) == sorted(["a.b", "a.*", "a.>", "*.b", ">"])


def test_removing_a_value_that_is_not_there_is_an_error() -> None:
    tree: TopicTree[int] = TopicTree()
    tree.add("a.b", 1)
    with pytest.raises(KeyError):
        tree.remove("a.c", 1)
    with pytest.raises(ValueError, match="not in"):
        tree.remove("a.b", 2)
    assert tree.match("a.b") == [1]
