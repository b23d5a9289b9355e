"""AccessPolicy decides as a naive reading of its rules does, for all rules and topics."""

from hypothesis import given, strategies as st

from eventkit import AccessPolicy
from eventkit.topics import matches

words = st.sampled_from(["a", "b", "c"])
topics = st.lists(words, min_size=1, max_size=4).map(".".join)
patterns = st.builds(
    lambda front, tail: ".".join(front + tail),
    st.lists(words | st.just("*"), min_size=1, max_size=3),
    st.sampled_from([[], [">"]]),
) | st.just(">")
rules = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["publish", "subscribe"]), patterns), max_size=8
)


def make(given_rules: list[tuple[bool, str, str]]) -> AccessPolicy:
    policy = AccessPolicy()
    for allowed, action, pattern in given_rules:
        (policy.allow if allowed else policy.deny)("ann", **{action: pattern})
    return policy


@given(rules, topics)
def test_allowed_is_what_some_rule_allows_and_none_denies(
    made: list[tuple[bool, str, str]], topic: str
) -> None:
    fitting = [allowed for allowed, what, p in made if what == "publish" and matches(p, topic)]
    policy = make(made)
    for _ in range(2):  # made, then remembered
        assert policy.allows("ann", "publish", topic) == (True in fitting and False not in fitting)


@given(rules, rules, topics)
def test_a_remembered_decision_never_outlives_a_change(
    before: list[tuple[bool, str, str]], after: list[tuple[bool, str, str]], topic: str
) -> None:
    policy = make(before)
    policy.allows("ann", "subscribe", topic)
    for allowed, action, pattern in after:
        (policy.allow if allowed else policy.deny)("ann", **{action: pattern})
    assert policy.allows("ann", "subscribe", topic) == make([*before, *after]).allows(
        "ann", "subscribe", topic
    )


@given(rules, patterns, topics)
def test_within_a_pattern_that_may_be_subscribed_to_only_denied_topics_are_withheld(
    made: list[tuple[bool, str, str]], pattern: str, topic: str
) -> None:
    policy = make(made)
    denied = any(matches(p, topic) for allowed, what, p in made if not allowed and what[0] == "s")
    if policy.allows_pattern("ann", pattern) and matches(pattern, topic):
        assert policy.allows("ann", "subscribe", topic) != denied
