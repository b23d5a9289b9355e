"""Topics, the patterns that match them, and the tree that finds the patterns for a topic.

A topic is words joined by dots: `button.click`. A pattern may contain NATS's two wildcards. `*`
stands for exactly one word. `>` stands for one or more words, at the end only.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

T = TypeVar("T")

_WORD = r"[^\s.*>\x00-\x1f\x7f]++"
_is_plain = re.compile(rf"{_WORD}(?:\.{_WORD})*+").fullmatch
"""Match a valid topic. `_check` finds out what is wrong with an invalid one."""


class InvalidTopic(ValueError):
    """Raised for a topic or pattern that NATS would refuse or misroute."""


def plain(text: T) -> T:
    """Convert an instance of a str subclass, such as a member of a `str, Enum`, to a plain str.

    Anything else is returned unchanged.
    """
    if type(text) is not str and isinstance(text, str):
        return str.__str__(text)  # type: ignore[return-value]
    return text


def check_topic(topic: object) -> None:
    """Raise InvalidTopic unless `topic` can be fired: words joined by dots, no wildcards."""
    if not isinstance(topic, str) or not _is_plain(topic):
        _check(topic, "topic", wildcards=False)


def check_pattern(pattern: object) -> None:
    """Raise InvalidTopic unless `pattern` can be subscribed to."""
    if not isinstance(pattern, str) or not _is_plain(pattern):
        _check(pattern, "pattern", wildcards=True)


def matches(pattern: str, topic: str) -> bool:
    """Return True if a topic matches a pattern. Both must be valid."""
    tree: TopicTree[bool] = TopicTree()
    tree.add(pattern, True)
    return bool(tree.match(topic))


class TopicTree(Generic[T]):
    """A map from patterns to values. Finding the values for a topic takes about one step for each
    of its words, however many patterns there are. It branches where a word and `*` both match.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: str, value: T) -> None:
        node = self._root
        for word in pattern.split("."):
            node = node.children.setdefault(word, _Node())
        node.values.append(value)

    def remove(self, pattern: str, value: T) -> None:
        """Remove a value that was added under this pattern, and branches that become empty.

        Raises KeyError or ValueError if there is none.
        """
        words = pattern.split(".")
        path = [self._root]
        for word in words:
            path.append(path[-1].children[word])
        path[-1].values.remove(value)
        for parent, word in zip(reversed(path[:-1]), reversed(words), strict=True):
            child = parent.children[word]
            if child.values or child.children:
                break
            del parent.children[word]

    def match(self, topic: str) -> list[T]:
        """Return the values of all patterns that match the topic, in no particular order.

        A pattern that another thread adds or removes meanwhile may or may not be included.
        """
        found: list[T] = []
        words = topic.split(".")
        end = len(words)
        branches = [(self._root, 0)]
        for node, place in branches:  # grows where a word and * both match
            while place < end:
                if rest := node.children.get(">"):
                    found += rest.values
                child = node.children.get(words[place])
                place += 1
                if any_word := node.children.get("*"):
                    if child:
                        branches.append((child, place))
                    child = any_word
                if not child:
                    break
                node = child
            else:
                found += node.values
        return found


class _Node(Generic[T]):
    """A node of the tree: the values of one pattern, and a child for each word that follows."""

    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.values: list[T] = []


def _check(name: object, kind: str, *, wildcards: bool) -> None:
    if not isinstance(name, str):
        raise InvalidTopic(f"a {kind} is a string such as 'button.click'; got {name!r}.")
    words = name.split(".")
    for place, word in enumerate(words, start=1):
        problem = _problem(word, wildcards=wildcards, last=place == len(words))
        if problem:
            raise InvalidTopic(
                f"{name!r} is not a valid {kind}: {problem}. A {kind} is words joined by single "
                "dots"
                + (
                    ", with * for one word and > at the end for the rest."
                    if wildcards
                    else ", without wildcards: * and > belong in subscriptions."
                )
            )


def _problem(word: str, *, wildcards: bool, last: bool) -> str | None:
    if not word:
        return "it has an empty word (an extra dot, or no text at all)"
    if any(letter.isspace() or letter < " " or letter == "\x7f" for letter in word):
        return f"the word {word!r} has a space or control character in it"
    if "*" not in word and ">" not in word:
        return None
    if not wildcards:
        return f"{word!r} has a wildcard in it"
    if len(word) > 1:
        return f"{word!r} has a wildcard inside a word; it must be a word of its own"
    if word == ">" and not last:
        return "> must be the last word"
    return None
