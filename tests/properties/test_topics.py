"""Topic matching agrees with a naive matcher, for all patterns and topics."""

import random

from hypothesis import given, strategies as st

from eventkit.topics import InvalidTopic, TopicTree, check_pattern, check_topic, matches

words = st.sampled_from(["a", "b", "c", "A"])
topics = st.lists(words, min_size=1, max_size=5).map(".".join)
patterns = st.builds(
    lambda front, tail: ".".join(front + tail),
    st.lists(words | st.just("*"), min_size=1, max_size=4),
    st.sampled_from([[], [">"]]),
) | st.just(">")
anything = st.text(st.sampled_from("ab.*> \t"), max_size=6)


def fits(pattern: list[str], topic: list[str]) -> bool:
    """NATS's rule as a recursion on words, written without a look at the tree."""
    if not pattern or not topic:
        return not pattern and not topic
    if pattern == [">"]:
        return True
    return pattern[0] in ("*", topic[0]) and fits(pattern[1:], topic[1:])


def is_valid(name: str, *, wildcards: bool) -> bool:
    words = name.split(".")
    for place, word in enumerate(words):
        if wildcards and (word == "*" or (word == ">" and place == len(words) - 1)):
            continue
        if word == "" or set(word) & set("*> \t"):
            return False
    return True


@given(patterns, topics)
def test_matches_agrees_with_the_naive_matcher(pattern: str, topic: str) -> None:
    assert matches(pattern, topic) == fits(pattern.split("."), topic.split("."))


@given(st.lists(patterns, max_size=12), topics)
def test_the_tree_finds_what_the_naive_matcher_finds(stored: list[str], topic: str) -> None:
    tree: TopicTree[int] = TopicTree()
    for number, pattern in enumerate(stored):
        tree.add(pattern, number)
    expected = [n for n, p in enumerate(stored) if fits(p.split("."), topic.split("."))]
    assert sorted(tree.match(topic)) == expected


@given(st.lists(patterns, max_size=12), st.randoms(use_true_random=False), topics)
def test_what_is_added_and_removed_in_any_order_leaves_no_trace(
    stored: list[str], order: random.Random, topic: str
) -> None:
    tree: TopicTree[int] = TopicTree()
    present: dict[int, str] = {}
    steps = [(number, pattern) for number, pattern in enumerate(stored)] * 2
    order.shuffle(steps)
    for number, pattern in steps:
        if number in present:
            tree.remove(present.pop(number), number)
        else:
            tree.add(pattern, number)
            present[number] = pattern
        expected = [n for n, p in present.items() if fits(p.split("."), topic.split("."))]
        assert sorted(tree.match(topic)) == sorted(expected)
    root = tree._root
    assert not (root.children or root.values)


@given(anything)
def test_a_name_is_refused_exactly_when_a_naive_reading_of_the_rules_refuses_it(name: str) -> None:
    assert is_valid(name, wildcards=False) == _accepted(check_topic, name)
    assert is_valid(name, wildcards=True) == _accepted(check_pattern, name)


def _accepted(check: object, name: str) -> bool:
    assert callable(check)
    try:
        check(name)
    except InvalidTopic:
        return False
    return True
