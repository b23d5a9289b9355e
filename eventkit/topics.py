"""Topics, the patterns that match them, and the tree that finds who wants a topic.

A topic is words joined by dots: `button.click`. A pattern may hold NATS's two wildcards: `*`
stands for exactly one word, and `>`, at the end only, for one or more words.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

T = TypeVar("T")

_WORD = r"[^\s.*>\x00-\x1f\x7f]++"
_is_plain = re.compile(rf"{_WORD}(?:\.{_WORD})*+").fullmatch
"""Whether a string is a topic, quickly; `_check` takes its time to say what is wrong."""


class InvalidTopic(ValueError):
    """A topic or pattern that NATS would refuse or misroute."""


def plain(text: T) -> T:
    """Return a plain str for an instance of a subclass, such as a member of a `str, Enum`. Anything
    else is returned as it is.
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
    """Whether a topic fits a pattern, both of them valid."""
    tree: TopicTree[bool] = TopicTree()
    tree.add(pattern, True)
    return bool(tree.match(topic))


class TopicTree(Generic[T]):
    """Values stored under patterns. Finding those that match a topic takes a walk along the
    topic's words, however many patterns there are.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: str, value: T) -> None:
        node = self._root
        for word in pattern.split("."):
            node = node.child(word)
        node.values.append(value)

    def remove(self, pattern: str, value: T) -> None:
        """Take out a value added under this very pattern. Raises KeyError or ValueError if it is
        not there. Branches left empty go with it.
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
            parent.cut(word)

    def match(self, topic: str) -> list[T]:
        """The values of all patterns that the topic fits, in no particular order. Another thread
        may add and remove meanwhile: its patterns are then matched or not.
        """
        found: list[T] = []
        words = topic.split(".")
        end = len(words)
        branches = [(self._root, 0)]
        for node, place in branches:  # more are added where a word leads two ways
            while place < end:
                if rest := node.rest:
                    found += rest.values
                way = node.children.get(words[place])
                place += 1
                if any_word := node.any_word:
                    if way:
                        branches.append((way, place))
                    way = any_word
                if not way:
                    break
                node = way
            else:
                found += node.values
        return found


class _Node(Generic[T]):
    """Where a word has led to. The two wildcards have places of their own, since each walk asks."""

    __slots__ = ("any_word", "children", "rest", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.any_word: _Node[T] | None = None
        self.rest: _Node[T] | None = None
        self.values: list[T] = []

    def child(self, word: str) -> _Node[T]:
        node = self.children.setdefault(word, _Node())
        if word == "*":
            self.any_word = node
        if word == ">":
            self.rest = node
        return node

    def cut(self, word: str) -> None:
        if word == "*":
            self.any_word = None
        if word == ">":
            self.rest = None
        del self.children[word]


def _check(name: object, kind: str, *, wildcards: bool) -> None:
    if not isinstance(name, str):
        raise InvalidTopic(f"a {kind} is a string such as 'button.click'; got {name!r}.")
    words = name.split(".")
    for place, word in enumerate(words, start=1):
        problem = _problem(word, wildcards=wildcards, last=place == len(words))
        if problem:
            raise InvalidTopic(
                f"{name!r} is no valid {kind}: {problem}. A {kind} is words joined by single "
                "dots"
                + (
                    ", with * for one word and > at the end for the rest."
                    if wildcards
                    else ", without wildcards: * and > belong in subscriptions."
                )
            )


def _problem(word: str, *, wildcards: bool, last: bool) -> str | None:
    if not word:
        return "it has an empty word (a dot too many, or nothing at all)"
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
