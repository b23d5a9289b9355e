"""Checks of what a caller asks of a log, and the errors that every backend raises."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..checks import is_number, name as check_name, seconds, whole_number
from ..errors import LeaseLost, LogError, QuotaExceeded
from ..topics import check_pattern


def check_append(expect: object, fence: object) -> None:
    """Raise ValueError unless `append` accepts these."""
    if expect is not None:
        _count("expect", expect, "the sequence of the last event on the topic, or 0 for none")
    if fence is not None:
        _count("fence", fence, "the token of a lock", least=1)


def check_reading(after: object, topic: object, limit: object = None) -> None:
    """Raise InvalidTopic or ValueError unless `read` accepts these."""
    check_pattern(topic)
    _count("after", after, "a sequence, or 0 for the beginning")
    if limit is not None:
        _count("limit", limit, "a number of entries, or None for no limit")


def check_consumer(name: object, topic: object, max_tries: object, after: object) -> None:
    """Raise InvalidTopic or ValueError unless `consumer` accepts these."""
    check_name("consumer", name, "mail-senders")
    check_reading(after, topic)
    _count("max_tries", max_tries, "a number of tries", least=1)


def check_claim(n: object, lease: object, wait: object) -> None:
    """Raise ValueError unless `claim` accepts these."""
    _count("n", n, "how many to claim at most", least=1)
    seconds("lease", lease, above_zero=True)
    seconds("wait", wait)


def check_sequences(sequences: Iterable[object]) -> None:
    """Raise ValueError unless all of these can be sequences of entries."""
    for sequence in sequences:
        _count("a dead letter's number", sequence, "a sequence", least=1)


def check_lock(name: object, ttl: object, wait: object) -> None:
    """Raise ValueError unless `lock` accepts these."""
    check_name("lock", name, "counter")
    seconds("ttl", ttl, above_zero=True)
    seconds("wait", wait)


def check_quota(events: object, bytes: object) -> None:
    """Raise ValueError unless `set_quota` accepts these."""
    for name, value in (("events", events), ("bytes", bytes)):
        if value is not None:
            _count(name, value, "a number, or None for no limit")


def check_trim(keep: object, older_than: object) -> None:
    """Raise ValueError unless `trim` accepts these."""
    if keep is None and older_than is None:
        raise ValueError("say what to remove: give keep=, a number, or older_than=, in seconds.")
    if keep is not None:
        _count("keep", keep, "a number of entries")
    if older_than is not None:
        seconds("older_than", older_than)


def check_speed(speed: object) -> None:
    """Raise ValueError unless `replay` accepts this speed."""
    if speed is None:
        return
    if not is_number(speed) or not 0 < speed < math.inf:
        raise ValueError(f"speed is a factor above 0, or None for at once; got {speed!r}.")


def _count(name: str, value: object, meaning: str, *, least: int = 0) -> None:
    """Raise ValueError unless every backend can store this number."""
    if whole_number(name, value, meaning, least=least) > _LARGEST_NUMBER:
        raise ValueError(f"{name} is {meaning}, at most {_LARGEST_NUMBER}; got {value!r}.")


def no_room(what: str, has: int, more: int, most: int) -> QuotaExceeded:
    """Return the error for an append that exceeds the log's quota."""
    return QuotaExceeded(
        f"the log holds {has:,} of at most {most:,} {what}, and {more:,} more do not "
        "fit. Remove old entries with trim(), or raise the quota with set_quota()."
    )


def claim_lost(consumer: str, sequences: list[int]) -> LeaseLost:
    """Return the error for deliveries that are no longer the caller's."""
    return LeaseLost(
        f"{consumer!r} no longer has number {', '.join(map(str, sequences))} from this claim: "
        "it was acknowledged or returned, or its lease ended and another worker has it. Ask for a "
        "longer lease, or extend it while you work."
    )


def lock_lost(token: int, *, has_ended: bool) -> LeaseLost:
    """Return the error for a token whose lock is no longer held."""
    why = "its lease has ended" if has_ended else "it was released or taken by another"
    return LeaseLost(
        f"the lock with token {token} is no longer held: {why}. Take it again and read "
        "what has changed before you write."
    )


def other_pattern(consumer: str, found: str, asked: str) -> ValueError:
    """Return the error for a consumer that exists with another pattern."""
    return ValueError(
        f"the consumer {consumer!r} takes {found!r}, not {asked!r}: ask for it "
        "with that pattern, or give this one another name."
    )


def consumer_gone(consumer: str) -> LogError:
    """Return the error for a consumer that was removed."""
    return LogError(
        f"the consumer {consumer!r} was removed, perhaps by another process: ask the log for it "
        "again with consumer()."
    )


_LARGEST_NUMBER = 2**63 - 1
