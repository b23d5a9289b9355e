"""One contract for all logs, wherever they live.

A new backend joins by a line in HOMES: a class that opens logs at one place and lets time pass. The
clock is the test's own. Only how old an entry is, a server says by its own clock: there time really
has to pass.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import eventkit as ek

LONG = 20.0  # seconds within which everything happens unless something is broken
LEASE = 2.0


class SqliteHome:
    """A place where one log lives, opened as often as a test wants to."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder / "log.db")
        self.now = 1_800_000_000.0
        self._opened: list[ek.EventLog] = []

    def open(self) -> ek.EventLog:
        log = ek.open_log(self.where, clock=lambda: self.now)
        self._opened.append(log)
        return log

    def pass_time(self, seconds: float) -> None:
        """So many seconds pass, and a little more."""
        self.now += seconds + 0.001

    age = pass_time
    """As `pass_time`, for entries too."""

    def close(self) -> None:
        for log in self._opened:
            log.close()


class NatsHome:
    """A log of its own on one server, which all tests share."""

    def __init__(self, folder: Path) -> None:
        self.name = f"test-{next(_numbers)}"
        self._skipped = 0.0
        self._opened: list[ek.EventLog] = []

    def open(self) -> ek.EventLog:
        log = ek.open_log(_server().url, name=self.name, clock=lambda: time.time() + self._skipped)
        self._opened.append(log)
        return log

    def pass_time(self, seconds: float) -> None:
        self._skipped += seconds + 0.001

    def age(self, seconds: float) -> None:
        time.sleep(seconds + 0.001)

    def close(self) -> None:
        for log in self._opened:
            log.close()


@cache
def _server() -> ek.NatsServer:
    server = ek.NatsServer()
    atexit.register(server.close)
    return server


_numbers = count(1)
HOMES: dict[str, Callable[[Path], Any]] = {"sqlite": SqliteHome, "nats": NatsHome}


@pytest.fixture(params=HOMES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteHome]:
    home = HOMES[request.param](tmp_path)
    yield home
    home.close()


@pytest.fixture
def log(home: SqliteHome) -> ek.EventLog:
    return home.open()


def cloud_event(id: str, topic: str = "a.b", data: object = None) -> ek.CloudEvent:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return ek.CloudEvent(id=id, source="/elsewhere", type=topic, time=moment, data=data)


def fill(log: ek.EventLog, *topics: str) -> list[int]:
    return [log.append(ek.Event(topic, place)) for place, topic in enumerate(topics)]


def topics(entries: Iterator[ek.Entry]) -> list[str]:
    return [entry.topic for entry in entries]


def in_threads(number: int, work: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=work, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()


# Appending


def test_an_event_comes_out_as_it_went_in(log: ek.EventLog) -> None:
    data = {"count": [1, None, "é"]}
    sequence = log.append(ek.Event("counter.changed", data, key="k"))

    (entry,) = log.read()
    assert entry.sequence == sequence
    assert (entry.topic, entry.data, entry.key) == ("counter.changed", data, "k")


def test_bytes_come_out_as_bytes(log: ek.EventLog) -> None:
    log.append(ek.Event("a", b"\x00\xff"))

    assert next(iter(log.read())).data == b"\x00\xff"


def test_an_event_from_outside_keeps_its_source_id_and_time(log: ek.EventLog) -> None:
    event = cloud_event("one", data=7)
    log.append(event)

    assert next(iter(log.read())).event == event


def test_sequences_grow_in_the_order_of_appending(log: ek.EventLog) -> None:
    sequences = fill(log, "a", "b", "a")

    assert sequences == sorted(set(sequences)) and sequences[0] > 0
    assert [entry.sequence for entry in log.read()] == sequences
    assert log.last_sequence == sequences[-1]


def test_an_event_appended_again_is_not_stored_again(log: ek.EventLog) -> None:
    event = ek.Event("a", 1)
    first = log.append(event)
    log.append(ek.Event("a", 2))

    assert log.append(event) == first
    assert [entry.data for entry in log.read()] == [1, 2]


def test_an_event_from_outside_is_known_by_source_and_id_alone(log: ek.EventLog) -> None:
    first = log.append(cloud_event("one", data=1))

    assert log.append(cloud_event("one", topic="other", data=2)) == first
    assert log.append(cloud_event("two", data=1)) != first
    assert [entry.data for entry in log.read()] == [1, 1]


def test_an_event_appended_again_through_another_opening_is_not_stored_again(
    home: SqliteHome,
) -> None:
    event = ek.Event("a")

    assert home.open().append(event) == home.open().append(event)


def test_eight_threads_lose_nothing_and_double_nothing(log: ek.EventLog) -> None:
    sequences: list[list[int]] = [[] for _ in range(8)]

    def work(place: int) -> None:
        for number in range(25):
            sequences[place].append(log.append(ek.Event("a", (place, number))))

    in_threads(8, work)
    stored = {tuple(entry.data): entry.sequence for entry in log.read()}
    assert len(stored) == 200
    for place, got in enumerate(sequences):
        assert got == [stored[place, number] for number in range(25)] == sorted(got)


def test_many_can_be_appended_at_once(log: ek.EventLog) -> None:
    events = [ek.Event("a", number) for number in range(100)]
    log.append(events[50])

    sequences = log.append_all(events)

    assert [entry.data for entry in log.read()] == [50, *range(50), *range(51, 100)]
    assert sequences[50] < sequences[0] < sequences[99]
    assert log.append_all(events) == sequences
    assert log.append_all([]) == []


@pytest.mark.parametrize("topic", ["", "a..b", "a.*", ">", "a b", None])
def test_a_topic_that_nobody_could_read_is_refused(log: ek.EventLog, topic: Any) -> None:
    with pytest.raises(ek.InvalidTopic):
        log.append(ek.Event(topic))
    assert log.last_sequence == 0


def test_what_is_no_event_or_cannot_be_said_in_json_is_refused(log: ek.EventLog) -> None:
    for wrong in ("a", None, {"topic": "a"}, ek.Event("a", object())):
        with pytest.raises(TypeError):
            log.append(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="source and id"):
        log.append(cloud_event(""))
    assert list(log.read()) == []


# Expecting


def test_an_append_that_expects_the_last_event_on_its_topic_is_stored(log: ek.EventLog) -> None:
    first = log.append(ek.Event("account.1"), expect=0)
    log.append(ek.Event("account.2"), expect=0)

    second = log.append(ek.Event("account.1"), expect=first)

    assert log.last_sequence_of("account.1") == second
    assert log.last_sequence_of("account.3") == 0
    for no_topic in ("account.*", "account.>", "a b", "", None):
        with pytest.raises(ek.InvalidTopic):
            log.last_sequence_of(no_topic)  # type: ignore[arg-type]


def test_a_conflict_says_both_numbers_and_stores_nothing(log: ek.EventLog) -> None:
    first, second = fill(log, "account.1", "account.1")

    with pytest.raises(ek.Conflict) as caught:
        log.append(ek.Event("account.1"), expect=first)
    assert (caught.value.expected, caught.value.found) == (first, second)
    assert f"number {first}" in str(caught.value) and f"number {second}" in str(caught.value)

    with pytest.raises(ek.Conflict, match=r"none \(0\)"):
        log.append(ek.Event("account.1"), expect=0)
    assert log.last_sequence == second


def test_of_many_that_expect_the_same_one_is_stored(log: ek.EventLog) -> None:
    outcomes: list[str] = []

    def work(place: int) -> None:
        try:
            log.append(ek.Event("account.1", place), expect=0)
            outcomes.append("stored")
        except ek.Conflict:
            outcomes.append("conflict")

    in_threads(8, work)
    assert sorted(outcomes) == ["conflict"] * 7 + ["stored"]


def test_a_retry_of_what_was_stored_is_no_conflict(log: ek.EventLog) -> None:
    event = ek.Event("account.1")
    first = log.append(event, expect=0)

    assert log.append(event, expect=0) == first


# Reading


def test_reading_begins_behind_the_given_sequence_and_ends_at_the_limit(log: ek.EventLog) -> None:
    sequences = fill(log, *"abcdef")

    assert topics(log.read(after=sequences[1])) == ["c", "d", "e", "f"]
    assert topics(log.read(after=sequences[1], limit=2)) == ["c", "d"]
    assert topics(log.read(limit=0)) == topics(log.read(after=sequences[-1])) == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (">", ["a", "a.b", "a.b.c", "x.b"]),
        ("a", ["a"]),
        ("a.*", ["a.b"]),
        ("a.>", ["a.b", "a.b.c"]),
        ("*.b", ["a.b", "x.b"]),
        ("none", []),
    ],
)
def test_reading_by_pattern(log: ek.EventLog, pattern: str, found: list[str]) -> None:
    fill(log, "a", "a.b", "a.b.c", "x.b")

    assert topics(log.read(topic=pattern)) == found
    assert topics(log.read(topic=pattern, limit=1)) == found[:1]


def test_reading_one_topic_among_many_events_in_pages(log: ek.EventLog) -> None:
    log.append_all(ek.Event(f"a.{number % 2}", number) for number in range(2_250))

    found = [entry.data for entry in log.read(topic="a.1")]
    assert found == list(range(1, 2_250, 2))
    assert [entry.data for entry in log.read(topic="a.1", limit=1_120)] == found[:1_120]
    last = list(log.read(topic="a.0"))[-1]
    assert log.last_sequence_of("a.0") == last.sequence
    assert list(log.read(last.sequence - 1, "a.0")) == [last]


def test_an_event_stored_long_ago_is_not_stored_again(log: ek.EventLog) -> None:
    events = [ek.Event("a", number) for number in range(250)]
    sequences = log.append_all(events)

    for place in (0, 99, 100, 249):
        assert log.append(events[place]) == sequences[place]
    assert log.last_sequence == sequences[-1]


def test_more_than_fits_in_memory_at_once_is_read_in_order(log: ek.EventLog) -> None:
    log.append_all(ek.Event("a", number) for number in range(2_100))

    assert [entry.data for entry in log.read()] == list(range(2_100))
    assert len(list(log.read(limit=2_050))) == 2_050


@pytest.mark.parametrize("wrong", [{"after": -1}, {"after": "1"}, {"limit": -1}, {"topic": "a..b"}])
def test_reading_what_makes_no_sense_is_refused_at_once(
    log: ek.EventLog, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"got|valid pattern"):
        log.read(**wrong)


def test_time_of_storing_is_wall_clock(home: SqliteHome, log: ek.EventLog) -> None:
    log.append(ek.Event("a"))
    home.age(LEASE)
    log.append(ek.Event("a"))

    first, second = log.read()
    assert LEASE <= second.stored - first.stored < LONG
    assert datetime.fromtimestamp(first.stored, UTC).year > 2025


# Following


def test_following_gives_what_is_there_and_then_what_comes(
    home: SqliteHome, log: ek.EventLog
) -> None:
    fill(log, "a")
    entries = log.follow(timeout=LONG)
    assert next(entries).topic == "a"

    other = home.open()
    writer = threading.Thread(target=fill, args=(other, "b", "x.c", "d"))
    writer.start()
    assert [next(entries).topic for _ in range(3)] == ["b", "x.c", "d"]
    writer.join()


def test_following_ends_when_nothing_has_come_for_a_while(log: ek.EventLog) -> None:
    fill(log, "a", "b")

    assert topics(log.follow(topic="b", timeout=0.05)) == ["b"]


def test_following_ends_when_the_log_is_closed(log: ek.EventLog) -> None:
    fill(log, "a")
    is_waiting = threading.Event()
    seen = []

    def work() -> None:
        for entry in log.follow():
            seen.append(entry.topic)
            is_waiting.set()

    follower = threading.Thread(target=work)
    follower.start()
    assert is_waiting.wait(LONG)
    log.close()
    follower.join(LONG)
    assert not follower.is_alive() and seen == ["a"]


# Consumers


def test_a_consumer_claims_oldest_first_and_acknowledges(log: ek.EventLog) -> None:
    sequences = fill(log, "a", "b", "c")
    consumer = log.consumer("mail")

    first, second = consumer.claim(2)
    assert [first.sequence, second.sequence] == sequences[:2]
    assert (first.topic, first.data, first.tries) == ("a", 0, 1)
    consumer.ack(first, second)

    (third,) = consumer.claim(9)
    assert third.sequence == sequences[2]
    assert consumer.claim() == []


def test_a_consumer_takes_what_fits_its_pattern(log: ek.EventLog) -> None:
    fill(log, "a.x", "b.x", "a.y")
    consumer = log.consumer("mail", "a.*")

    assert [one.topic for one in consumer.claim(9)] == ["a.x", "a.y"]
    fill(log, "b.z", "a.z")
    assert [one.topic for one in consumer.claim(9)] == ["a.z"]


def test_a_consumer_may_begin_later(log: ek.EventLog) -> None:
    sequences = fill(log, "a", "b", "c")

    assert [one.topic for one in log.consumer("late", after=sequences[1]).claim(9)] == ["c"]


def test_consumers_know_nothing_of_each_other(log: ek.EventLog) -> None:
    fill(log, "a")

    for name in ("one", "two"):
        (delivery,) = log.consumer(name).claim()
        log.consumer(name).ack(delivery)
    assert [one.name for one in log.consumers()] == ["one", "two"]


def test_a_consumer_remembers_over_closing(home: SqliteHome) -> None:
    log = home.open()
    fill(log, "a", "b")
    consumer = log.consumer("mail")
    consumer.ack(*consumer.claim())
    log.close()

    assert [one.topic for one in home.open().consumer("mail").claim(9)] == ["b"]


def test_one_entry_is_with_one_claimer_at_a_time(home: SqliteHome) -> None:
    consumers = [home.open().consumer("mail") for _ in range(2)]
    fill(home.open(), *("a" for _ in range(100)))
    claimed: list[int] = []

    def work(place: int) -> None:
        while deliveries := consumers[place % 2].claim(3, LONG):
            claimed.extend(one.sequence for one in deliveries)

    in_threads(4, work)
    assert len(claimed) == len(set(claimed)) == 100


def test_what_is_not_acknowledged_is_delivered_again_when_the_lease_ends(
    home: SqliteHome, log: ek.EventLog
) -> None:
    fill(log, "a", "b")
    consumer = log.consumer("mail")
    consumer.claim(2, LEASE)
    assert consumer.claim(2, LEASE) == []

    home.pass_time(LEASE)

    again = consumer.claim(2, LEASE)
    assert [(one.topic, one.tries) for one in again] == [("a", 2), ("b", 2)]


def test_an_acknowledgement_is_refused_once_somebody_else_has_the_claim(
    home: SqliteHome, log: ek.EventLog
) -> None:
    sequence, _ = fill(log, "a", "b")
    consumer = log.consumer("mail")
    slow = consumer.claim(1, LEASE)
    home.pass_time(LEASE)
    (quick,) = consumer.claim(1, LONG)

    for refused in (consumer.ack, consumer.nack, consumer.extend):
        with pytest.raises(ek.LeaseLost, match=f"number {sequence}"):
            refused(*slow)
    consumer.ack(quick)
    with pytest.raises(ek.LeaseLost):
        consumer.ack(*slow)


def test_acknowledgements_that_are_still_due_count_beside_one_that_is_refused(
    home: SqliteHome, log: ek.EventLog
) -> None:
    fill(log, "a", "b")
    consumer = log.consumer("mail")
    slow = consumer.claim(1, LEASE)
    home.pass_time(LEASE)
    quick = consumer.claim(2, LONG)

    with pytest.raises(ek.LeaseLost):
        consumer.ack(*slow, quick[1])
    assert consumer.progress().unfinished == 1


def test_a_claim_can_be_extended(home: SqliteHome, log: ek.EventLog) -> None:
    fill(log, "a")
    consumer = log.consumer("mail")
    (delivery,) = consumer.claim(1, LEASE)
    home.pass_time(LEASE / 2)
    consumer.extend(delivery, lease=LEASE)
    home.pass_time(LEASE * 0.75)

    assert consumer.claim(1, LEASE) == []
    consumer.ack(delivery)


def test_what_has_failed_comes_again_after_its_delay(home: SqliteHome, log: ek.EventLog) -> None:
    fill(log, "a", "b")
    consumer = log.consumer("mail")
    first, second = consumer.claim(2, LONG)
    consumer.nack(first)
    consumer.nack(second, delay=LEASE)

    (again,) = consumer.claim(2, LONG)
    assert (again.topic, again.tries) == ("a", 2)
    home.pass_time(LEASE)
    (again,) = consumer.claim(2, LONG)
    assert (again.topic, again.tries) == ("b", 2)


def test_what_fails_too_often_becomes_a_dead_letter(log: ek.EventLog) -> None:
    fill(log, "a", "b")
    consumer = log.consumer("mail", max_tries=2)
    for tries in (1, 2):
        first = consumer.claim(2, LONG)[0]
        assert (first.topic, first.tries) == ("a", tries)
        consumer.nack(first)

    assert consumer.claim(2, LONG) == []
    (dead,) = consumer.dead_letters()
    assert (dead.topic, dead.tries, dead.data) == ("a", 2, 0)


def test_a_lease_that_ends_too_often_makes_a_dead_letter(
    home: SqliteHome, log: ek.EventLog
) -> None:
    fill(log, "a")
    consumer = log.consumer("mail", max_tries=2)
    for _ in range(2):
        assert len(consumer.claim(1, LEASE)) == 1
        assert consumer.dead_letters() == []
        home.pass_time(LEASE)

    assert consumer.claim(1, LEASE) == []
    assert [one.topic for one in consumer.dead_letters()] == ["a"]


def test_dead_letters_can_be_put_back_or_discarded(log: ek.EventLog) -> None:
    sequences = fill(log, "a", "b", "c")
    consumer = log.consumer("mail", max_tries=1)
    consumer.nack(*consumer.claim(3, LONG))

    assert consumer.put_back(sequences[1], 999) == 1
    (again,) = consumer.claim(3, LONG)
    assert (again.topic, again.tries) == ("b", 1)
    consumer.ack(again)
    assert consumer.discard(sequences[0]) == 1
    assert [one.topic for one in consumer.dead_letters()] == ["c"]
    assert consumer.put_back() == 1
    assert consumer.dead_letters() == []


def test_progress_says_what_waits_what_is_unfinished_and_what_is_dead(log: ek.EventLog) -> None:
    fill(log, "a", "a", "b", "a", "a")
    consumer = log.consumer("mail", "a", max_tries=1)
    assert consumer.progress() == (4, 0, 0)

    failed, done, *_ = consumer.claim(3, LONG)
    consumer.nack(failed)
    consumer.ack(done)
    assert consumer.progress() == (1, 1, 1)


def test_a_claim_waits_for_something_to_come(home: SqliteHome, log: ek.EventLog) -> None:
    claimed: list[ek.Delivery] = []
    consumer = log.consumer("mail")
    waiter = threading.Thread(target=lambda: claimed.extend(consumer.claim(wait=LONG)))
    waiter.start()
    fill(home.open(), "a")
    waiter.join(LONG)

    assert [one.topic for one in claimed] == ["a"]
    assert consumer.claim(wait=0.05) == []


def test_a_consumer_can_be_removed_and_made_afresh(log: ek.EventLog) -> None:
    fill(log, "a")
    consumer = log.consumer("mail", "a")
    claimed = consumer.claim()
    consumer.remove()

    assert log.consumers() == []
    with pytest.raises(ek.LeaseLost):
        consumer.ack(*claimed)
    with pytest.raises(ek.LogError, match="was removed"):
        consumer.progress()
    assert len(log.consumer("mail", ">").claim()) == 1


def test_the_last_number_of_tries_that_was_given_holds_for_all(
    home: SqliteHome, log: ek.EventLog
) -> None:
    fill(log, "a")
    once, twice = log.consumer("mail", max_tries=1), log.consumer("mail", max_tries=2)
    once.nack(*once.claim(1, LEASE))
    assert (once.progress().dead, twice.progress().dead) == (0, 0)
    once.claim(1, LEASE)
    home.pass_time(LEASE)
    for consumer in (once, twice):
        assert (consumer.progress().dead, len(consumer.dead_letters())) == (1, 1)
    assert twice.claim() == []
    assert once.put_back() == 1


def test_a_consumer_of_that_name_with_another_pattern_is_refused(log: ek.EventLog) -> None:
    log.consumer("mail", "a")

    with pytest.raises(ValueError, match="takes 'a', not 'b'"):
        log.consumer("mail", "b")


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", "ä", None, "a" * 65])
def test_a_name_that_some_backend_could_not_keep_is_refused(log: ek.EventLog, name: Any) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        log.consumer(name)
    with pytest.raises(ValueError, match="letters, digits"):
        log.lock(name)


def test_what_makes_no_sense_is_refused(log: ek.EventLog) -> None:
    consumer = log.consumer("mail")
    fill(log, "a")
    (delivery,) = consumer.claim()
    wrong: list[Callable[[], object]] = [
        lambda: log.consumer("x", max_tries=0),
        lambda: consumer.claim(0),
        lambda: consumer.claim(1, 0),
        lambda: consumer.claim(1, float("nan")),
        lambda: consumer.claim(wait=-1),
        lambda: consumer.nack(delivery, delay=-1),
        lambda: consumer.extend(delivery, lease=0),
        lambda: log.lock("x", ttl=0),
        lambda: log.lock("x", wait=-1),
        lambda: log.set_quota(events=-1),
        lambda: log.set_quota(bytes=1.5),  # type: ignore[arg-type]
        lambda: log.trim(),
        lambda: log.trim(keep=-1),
        lambda: log.trim(older_than=-1),
    ]
    for call in wrong:
        with pytest.raises(ValueError, match=r"got|say what"):
            call()


# Locks


def test_a_lock_is_held_by_one_and_the_other_is_told_for_how_long(home: SqliteHome) -> None:
    one, two = home.open(), home.open()
    with one.lock("counter", ttl=LONG):
        with pytest.raises(ek.Held, match="'counter'") as caught:
            two.lock("counter").acquire()
        assert 0 < caught.value.seconds <= LONG
        two.lock("another").acquire()
    two.lock("counter").acquire()


def test_a_lock_can_be_waited_for(home: SqliteHome) -> None:
    held = home.open().lock("counter", ttl=LONG)
    held.acquire()
    got: list[int] = []
    waiter = threading.Thread(
        target=lambda: got.append(home.open().lock("counter", wait=LONG).acquire())
    )
    waiter.start()
    assert held.release()
    waiter.join(LONG)

    assert got and got[0] > held.token


def test_tokens_grow_with_every_taking_of_any_lock(home: SqliteHome, log: ek.EventLog) -> None:
    tokens = []
    for name in ("a", "b", "a"):
        with log.lock(name) as lock:
            tokens.append(lock.token)
    log.close()
    tokens.append(home.open().lock("c").acquire())

    assert tokens == sorted(set(tokens))


def test_a_lock_ends_with_its_time_and_renewing_prolongs_it(
    home: SqliteHome, log: ek.EventLog
) -> None:
    lock = log.lock("counter", ttl=LEASE)
    token = lock.acquire()
    home.pass_time(LEASE / 2)
    lock.renew()
    home.pass_time(LEASE * 0.75)
    with pytest.raises(ek.Held):
        log.lock("counter").acquire()
    assert lock.token == token

    home.pass_time(LEASE / 2)
    with pytest.raises(ek.LeaseLost):
        lock.renew()
    assert not lock.release()
    log.lock("counter").acquire()


def test_a_holder_may_write_with_its_token(log: ek.EventLog) -> None:
    with log.lock("counter", ttl=LONG) as lock:
        log.append(ek.Event("a"), fence=lock.token)
        lock.renew()
        log.append(ek.Event("a"), fence=lock.token)

    with pytest.raises(ek.LeaseLost):
        log.append(ek.Event("a"), fence=lock.token)
    assert len(list(log.read())) == 2


def test_a_token_is_refused_when_its_time_is_over_and_when_somebody_else_has_the_lock(
    home: SqliteHome, log: ek.EventLog
) -> None:
    paused = log.lock("counter", ttl=LEASE)
    paused.acquire()
    home.pass_time(LEASE)
    with pytest.raises(ek.LeaseLost):
        log.append(ek.Event("a"), fence=paused.token)

    with home.open().lock("counter", ttl=LONG) as newer:
        with pytest.raises(ek.LeaseLost):
            log.append(ek.Event("a"), fence=paused.token)
        assert not paused.release()  # which must not take it from the newer holder
        log.append(ek.Event("a"), fence=newer.token)


def test_a_lock_that_was_not_taken_has_no_token(log: ek.EventLog) -> None:
    lock = log.lock("counter")

    with pytest.raises(RuntimeError, match="not been taken"):
        _ = lock.token
    assert not lock.release()


# Quotas and trimming


def test_a_quota_of_events_refuses_one_too_many_and_says_the_figures(home: SqliteHome) -> None:
    log = home.open()
    log.set_quota(events=2)
    event = ek.Event("a")
    log.append(event)
    fill(home.open(), "b")

    with pytest.raises(ek.QuotaExceeded, match="2 of at most 2 events, and 1 more"):
        log.append(ek.Event("a"))
    log.append(event)  # is there already
    assert log.usage()[::2] == (2, 2)


def test_a_quota_of_bytes_refuses_what_does_not_fit(log: ek.EventLog) -> None:
    log.append(ek.Event("a", "x" * 1_000))
    size = log.usage().bytes
    assert 1_000 < size < 2_000
    log.set_quota(bytes=size + 500)

    with pytest.raises(ek.QuotaExceeded, match="bytes"):
        log.append(ek.Event("a", "x" * 1_000))
    log.append(ek.Event("a", "x"))


def test_many_at_once_do_not_get_beyond_the_quota(log: ek.EventLog) -> None:
    events = [ek.Event("a", number) for number in range(4)]
    log.append(events[0])
    log.set_quota(events=3)

    with pytest.raises(ek.QuotaExceeded):
        log.append_all(events)
    assert log.usage().events <= 3
    log.set_quota(events=4)
    assert len(set(log.append_all(events))) == log.usage().events == 4


def test_a_quota_can_be_lifted(log: ek.EventLog) -> None:
    log.set_quota(events=0)
    with pytest.raises(ek.QuotaExceeded):
        log.append(ek.Event("a"))
    log.set_quota()

    log.append(ek.Event("a"))
    assert log.usage().max_events is None


def test_trimming_makes_room_and_keeps_counting_on(log: ek.EventLog) -> None:
    sequences = fill(log, *"abcd")
    log.set_quota(events=4)

    assert log.trim(keep=1) == 3
    assert topics(log.read()) == ["d"]
    assert log.usage().events == 1
    assert log.append(ek.Event("e")) > sequences[-1]


def test_a_log_trimmed_empty_still_knows_its_last_sequence(log: ek.EventLog) -> None:
    last = fill(log, "a", "b")[-1]

    assert log.trim(keep=0) == 2
    assert log.last_sequence == last
    assert log.usage()[:2] == (0, 0)
    assert log.append(ek.Event("c")) > last


def test_trimming_by_age(home: SqliteHome, log: ek.EventLog) -> None:
    fill(log, "a", "b")
    home.age(LEASE)
    fill(log, "c", "d")

    assert log.trim(older_than=LEASE / 2, keep=3) == 1
    assert log.trim(older_than=LEASE / 2) == 1
    assert topics(log.read()) == ["c", "d"]


def test_trimming_leaves_what_a_consumer_has_not_acknowledged(log: ek.EventLog) -> None:
    fill(log, "a", "b", "a", "b")
    consumer = log.consumer("mail", "b", max_tries=1)
    (first,) = consumer.claim(1, LONG)

    assert log.trim(keep=0) == 1
    consumer.nack(first)  # dead, and still not acknowledged
    assert log.trim(keep=0) == 0
    consumer.discard()
    assert log.trim(keep=0) == 2
    assert log.trim(keep=0, unread=True) == 1
    assert consumer.claim() == []


# Together with a bus


def test_a_bus_persists_what_fits(log: ek.EventLog) -> None:
    with ek.EventBus() as bus:
        subscription = bus.persist(log, "counter.>")
        bus.fire("counter.changed", 1)
        assert log.last_sequence > 0  # stored when fire returns
        bus.fire("other", 2)
        subscription.cancel()
        bus.fire("counter.changed", 3)
        bus.assert_clean()

    assert [entry.data for entry in log.read()] == [1]


def test_a_bus_persists_on_threads(log: ek.EventLog) -> None:
    with ek.EventBus() as bus:
        bus.persist(log, "a", executor=ek.Threads(8))
        for number in range(50):
            bus.fire("a", number)
        bus.drain(LONG)
        bus.assert_clean()

    assert sorted(entry.data for entry in log.read()) == list(range(50))


def test_what_cannot_be_stored_is_a_dead_letter(log: ek.EventLog) -> None:
    log.set_quota(events=0)
    with ek.EventBus() as bus:
        bus.persist(log, "a")
        bus.fire("a", 1)
        bus.fire("a", object())

        errors = [type(one.error) for one in bus.dead_letters]
        assert errors == [ek.QuotaExceeded, TypeError]


def test_replay_fires_in_order_what_fits(log: ek.EventLog) -> None:
    sequences = fill(log, "a.x", "b", "a.y", "a.z")
    seen: list[ek.Event] = []
    with ek.EventBus() as bus:
        bus.subscribe(">", seen.append)
        assert log.replay(bus, after=sequences[0], topic="a.*") == 2

    assert [(event.topic, event.data) for event in seen] == [("a.y", 2), ("a.z", 3)]
    assert all(isinstance(event, ek.Replayed) for event in seen)
    assert [event.sequence for event in seen if isinstance(event, ek.Replayed)] == sequences[2:]


def test_a_bus_that_persists_into_the_log_it_is_replayed_from_stores_nothing_twice(
    log: ek.EventLog,
) -> None:
    with ek.EventBus() as bus:
        bus.persist(log, ">")
        bus.fire("a", 1)
        bus.fire("a", 2)
        assert log.replay(bus) == 2
        bus.assert_clean()

    assert [entry.data for entry in log.read()] == [1, 2]


def test_replay_ends_with_what_was_there_when_it_began(log: ek.EventLog) -> None:
    fill(log, "a", "a")
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: log.append(ek.Event("a")))
        assert log.replay(bus) == 2


def test_replay_keeps_the_distances_in_time_divided_by_its_speed(log: ek.EventLog) -> None:
    start = ek.Event("x").time
    for milliseconds in (0, 30_000, 30_000, 90_000):
        log.append(ek.Event("a", time=start + milliseconds * 1_000_000))
    with ek.EventBus() as bus, bus.record() as timeline:
        bus.subscribe("a", lambda event: None)
        begun = time.perf_counter_ns()
        log.replay(bus, speed=1_000)

    # counted from before the first, which may itself have been late
    after = [(journey.fired - begun) / 1e9 for journey in timeline.journeys()]
    assert after[1] >= 0.029
    assert after[3] >= 0.089


def test_replay_can_be_stopped(log: ek.EventLog) -> None:
    log.append(ek.Event("a"))
    log.append(ek.Event("a", time=ek.Event("x").time + 10**15))
    stop = threading.Event()
    with ek.EventBus() as bus:
        bus.subscribe("a", lambda event: stop.set())
        assert log.replay(bus, speed=1, stop=stop) == 1

    with pytest.raises(ValueError, match="speed"):
        log.replay(bus, speed=0)


# Closing


def test_a_closed_log_says_so_and_can_be_closed_again(log: ek.EventLog) -> None:
    fill(log, "a")
    consumer, lock = log.consumer("mail"), log.lock("counter")
    delivery = consumer.claim()
    log.close()
    log.close()

    for call in (
        lambda: log.append(ek.Event("a")),
        lambda: log.append_all([ek.Event("a")]),
        lambda: log.read(),
        lambda: log.follow(),
        lambda: log.last_sequence,
        lambda: log.consumer("x"),
        lambda: log.lock("x"),
        lambda: log.usage(),
        lambda: log.trim(keep=0),
        lambda: consumer.claim(),
        lambda: consumer.ack(*delivery),
        lambda: consumer.dead_letters(),
        lock.acquire,
    ):
        with pytest.raises(ek.LogClosed, match="closed"):
            call()


def test_what_was_stored_is_there_when_it_is_opened_again(home: SqliteHome) -> None:
    with home.open() as log:
        sequences = fill(log, "a", "b")

    with home.open() as log:
        assert [entry.sequence for entry in log.read()] == sequences


def test_closing_while_others_append_loses_nothing_that_was_acknowledged(home: SqliteHome) -> None:
    log = home.open()
    acknowledged: list[int] = []

    def work(place: int) -> None:
        try:
            while True:
                acknowledged.append(log.append(ek.Event("a")))
                if len(acknowledged) > 50:
                    log.close()
        except ek.LogClosed:
            pass

    in_threads(4, work)
    assert sorted(acknowledged) == [entry.sequence for entry in home.open().read()]
