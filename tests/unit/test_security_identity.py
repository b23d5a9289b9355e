"""Identity: a bus as one principal may use it; what is denied raises and is recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import eventkit as ek
from eventkit.security import Denial, Identity

from .conftest import LONG, Gate

EXECUTORS: dict[str, Callable[[], Any]] = {
    "threads": lambda: ek.Threads(1),
    "event loop": ek.EventLoop,
    "selector": ek.Selector,
}


@pytest.fixture
def policy() -> ek.AccessPolicy:
    policy = ek.AccessPolicy()
    policy.allow("ann", publish=["button.>", "answer"], subscribe=["counter.>", "answer"])
    return policy


@pytest.fixture
def bus(policy: ek.AccessPolicy) -> Iterator[ek.EventBus]:
    with ek.EventBus(policy) as bus:
        yield bus


@pytest.fixture
def ann(bus: ek.EventBus) -> Identity:
    identity: Identity = bus.as_("ann")
    return identity


@pytest.fixture
def denials(bus: ek.EventBus) -> list[Denial]:
    recorded: list[Denial] = []
    bus.subscribe("audit.denied", lambda event: recorded.append(event.data))
    return recorded


def values(got: list[ek.Event]) -> list[object]:
    return [event.data for event in got]


def test_who_may_publish_publishes(bus: ek.EventBus, ann: Identity, denials: list[Denial]) -> None:
    got: list[ek.Event] = []
    bus.subscribe("button.click", got.append)
    event = ann.fire("button.click", 1, key="left")
    ann.publish(ek.Event("button.click", 2))
    assert got[0] is event
    assert values(got) == [1, 2]
    assert denials == []


def test_who_may_not_publish_is_refused_and_recorded_and_nobody_gets_it(
    bus: ek.EventBus, ann: Identity, denials: list[Denial]
) -> None:
    got: list[ek.Event] = []
    bus.subscribe("counter.>", got.append)
    with pytest.raises(ek.PermissionDenied, match=r"ann may not publish on 'counter\.set'"):
        ann.fire("counter.set", "payload")
    assert got == []
    (denial,) = denials
    assert (denial.principal, denial.action, denial.topic) == ("ann", "publish", "counter.set")


def test_a_denial_does_not_hold_what_was_sent(
    bus: ek.EventBus, ann: Identity, denials: list[Denial], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ek.PermissionDenied) as caught:
        ann.fire("counter.set", "planted-secret")
    assert "planted-secret" not in f"{denials} {caught.value!r} {caplog.text}"


def test_who_may_subscribe_gets_the_events(bus: ek.EventBus, ann: Identity) -> None:
    got: list[ek.Event] = []
    with ann.subscribe("counter.>", got.append):
        bus.fire("counter.changed", 1)
    bus.fire("counter.changed", 2)
    assert values(got) == [1]


def test_who_may_not_subscribe_to_all_of_a_pattern_is_refused_and_recorded(
    ann: Identity, denials: list[Denial]
) -> None:
    with pytest.raises(ek.PermissionDenied, match="may not see '>'"):
        ann.subscribe(">", print)
    assert [(one.action, one.topic) for one in denials] == [("subscribe", ">")]


def test_a_topic_denied_within_a_pattern_is_withheld_and_the_others_come(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity, denials: list[Denial]
) -> None:
    policy.deny("ann", subscribe="counter.secret")
    got: list[ek.Event] = []
    ann.subscribe("counter.*", got.append)
    bus.fire("counter.secret", 1)
    bus.fire("counter.changed", 2)
    assert values(got) == [2]
    assert [one.topic for one in denials] == ["counter.secret"]
    bus.assert_clean()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_revocation_bites_what_is_still_queued(
    executor: str,
    bus: ek.EventBus,
    policy: ek.AccessPolicy,
    ann: Identity,
    denials: list[Denial],
    gate: Gate,
) -> None:
    got: list[ek.Event] = []
    how = EXECUTORS[executor]()
    bus.subscribe("gate", gate, executor=how)
    ann.subscribe("counter.changed", got.append, executor=how)
    bus.fire("gate")
    gate.wait_entered()
    bus.fire("counter.changed", 1)
    policy.revoke("ann")
    gate.open()
    bus.drain(LONG)
    assert got == []
    assert [one.topic for one in denials] == ["counter.changed"]


def test_coroutine_functions_and_generator_functions_are_guarded_in_their_own_kind(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity
) -> None:
    async def awaiting(event: ek.Event) -> object:
        return event.data

    def yielding(event: ek.Event) -> Any:
        yield ek.Delay(0)
        return event.data

    answers: list[ek.Event] = []
    bus.subscribe("answer", answers.append)
    ann.subscribe("counter.a", awaiting, emits="answer", executor=ek.EventLoop())
    ann.subscribe("counter.b", yielding, emits="answer", executor=ek.Selector())
    bus.fire("counter.a", 1)
    bus.fire("counter.b", 2)
    bus.drain(LONG)
    policy.revoke("ann")
    bus.fire("counter.a", 3)
    bus.fire("counter.b", 4)
    bus.drain(LONG)
    assert sorted(str(one) for one in values(answers)) == ["1", "2"]
    bus.assert_clean()


def test_what_a_processor_emits_must_be_allowed_at_subscribing(
    ann: Identity, denials: list[Denial]
) -> None:
    with pytest.raises(ek.PermissionDenied, match=r"publish on 'counter\.set'"):
        ann.subscribe("counter.changed", print, emits="counter.set")
    assert len(denials) == 1


def test_what_a_processor_emits_must_still_be_allowed_when_it_is_done(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity, denials: list[Denial]
) -> None:
    answers: list[ek.Event] = []
    bus.subscribe("answer", answers.append)

    @ann.processor("counter.changed", emits="answer")
    def revoked_meanwhile(event: ek.Event) -> int:
        policy.deny("ann", publish="answer")
        return 1

    bus.fire("counter.changed")
    assert answers == []
    assert [(one.action, one.topic) for one in denials] == [("publish", "answer")]


def test_decorators_are_the_same_as_subscribe(bus: ek.EventBus, ann: Identity) -> None:
    got: list[object] = []

    @ann.listener("counter.>")
    def show(event: ek.Event) -> None:
        got.append(event.data)

    bus.fire("counter.changed", 1)
    assert got == [1]
    with pytest.raises(ValueError, match="emits nothing"):
        ann.listener("counter.>", emits="answer")


def test_an_answer_is_seen_by_who_may_see_it(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity, denials: list[Denial]
) -> None:
    bus.subscribe("button.ask", lambda event: event.data + 1, emits="answer")
    assert ann.request("button.ask", 1, LONG).data == 2
    policy.deny("ann", subscribe="answer")
    with pytest.raises(ek.PermissionDenied, match="answer"):
        ann.request("button.ask", 1, LONG)
    with pytest.raises(ek.PermissionDenied):
        ann.request("counter.ask", 1, LONG)
    assert len(denials) == 2


def test_who_asks_a_processor_that_may_not_see_the_question_is_told_at_once(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity
) -> None:
    ann.subscribe("counter.ask", lambda event: 1, emits="answer", executor=ek.Threads(1))
    policy.revoke("ann")
    with pytest.raises(ek.PermissionDenied):
        bus.request("counter.ask", None, LONG)


@pytest.mark.parametrize("topic", ["audit.denied", "error.button.click"])
def test_the_records_of_the_bus_cannot_be_forged(
    policy: ek.AccessPolicy, ann: Identity, denials: list[Denial], topic: str
) -> None:
    policy.allow("ann", publish=">")
    with pytest.raises(ek.PermissionDenied, match="reserved for the bus"):
        ann.fire(topic)
    assert len(denials) == 1


def test_a_failure_is_not_seen_by_who_may_not_see_what_failed(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity
) -> None:
    policy.allow("ann", subscribe="error.>")
    got: list[str] = []
    ann.subscribe("error.>", lambda event: got.append(event.topic))

    def fails(event: ek.Event) -> None:
        raise RuntimeError("no")

    bus.subscribe(">", fails)
    bus.fire("button.click")
    bus.fire("counter.changed")
    assert got == ["error.counter.changed"]


def test_withholding_the_record_of_a_denial_is_no_endless_matter(
    bus: ek.EventBus, policy: ek.AccessPolicy, ann: Identity, denials: list[Denial]
) -> None:
    policy.allow("ann", subscribe=">")
    policy.deny("ann", subscribe="audit.>")
    got: list[ek.Event] = []
    ann.subscribe(">", got.append)
    with pytest.raises(ek.PermissionDenied):
        ann.fire("counter.set")
    assert got == []
    assert len(denials) == 1


def test_a_handler_that_fires_what_its_identity_may_not_is_a_failed_handler(
    bus: ek.EventBus, ann: Identity
) -> None:

    def oversteps(event: ek.Event) -> None:
        ann.fire("counter.set")

    ann.subscribe("counter.changed", oversteps)
    bus.fire("counter.changed")
    (letter,) = bus.dead_letters
    assert isinstance(letter.error, ek.PermissionDenied)


def test_what_subscribe_refuses_an_identity_refuses_in_the_same_words(ann: Identity) -> None:
    with pytest.raises(TypeError, match="function of one argument"):
        ann.subscribe("counter.a", "not callable")  # type: ignore[type-var]
    with pytest.raises(TypeError, match="must take one argument"):
        ann.subscribe("counter.a", lambda: None)  # type: ignore[type-var]
    with pytest.raises(ek.InvalidTopic):
        ann.subscribe("counter..a", print)


def test_a_guarded_handler_keeps_its_name(bus: ek.EventBus, ann: Identity) -> None:
    def shows(event: ek.Event) -> None: ...

    assert ann.subscribe("counter.a", shows).name == "shows"
    assert repr(ann) == f"<Identity 'ann' on {bus.source}>"


def test_a_bus_without_a_policy_hands_out_no_identities() -> None:
    with ek.EventBus() as bus, pytest.raises(ValueError, match="has no policy"):
        bus.as_("ann")


def test_an_identity_has_a_name_that_a_certificate_can_hold(bus: ek.EventBus) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        bus.as_("ann\nbob")


def test_whoever_holds_the_bus_itself_may_do_everything(bus: ek.EventBus) -> None:
    got: list[ek.Event] = []
    bus.subscribe(">", got.append)
    bus.fire("anything")
    assert len(got) == 1


# Events that carry events


def test_no_batch_and_no_failed_batch_carries_what_is_denied() -> None:
    """Judged before it enters the flow, and what was revoked meanwhile at delivery again."""
    policy = ek.AccessPolicy()
    policy.allow("ann", subscribe=["pay.>", "error.pay.>"])
    policy.deny("ann", subscribe="pay.secret")
    got: list[str] = []
    clock = ek.ManualClock()

    def handle(event: ek.Event) -> None:
        got.extend(one.topic for one in event.data)

    with ek.EventBus(policy) as bus:
        bus.as_("ann").subscribe("pay.>", handle, flow=ek.Batch(9, 1, clock=clock))
        for topic in ("pay.late", "pay.public", "pay.secret"):
            bus.fire(topic, topic)
        policy.deny("ann", subscribe="pay.late")
        denied: list[str] = []
        bus.subscribe("audit.denied", lambda event: denied.append(event.data.topic))
        clock.advance(1)
        bus.drain()
    assert got == ["pay.public"]
    assert denied == ["pay.late"]


def test_the_error_event_of_a_failed_batch_is_withheld_from_whom_part_of_it_is_denied() -> None:
    policy = ek.AccessPolicy()
    policy.allow("ann", subscribe=["pay.>", "error.pay.>"])
    policy.deny("ann", subscribe="pay.secret")
    got: list[str] = []
    with ek.EventBus(policy) as bus:
        bus.subscribe("pay.>", lambda event: 1 / 0, flow=ek.Batch(2, 1, clock=ek.ManualClock()))
        bus.as_("ann").subscribe(
            "error.pay.>", lambda event: got.append(event.data.event.data[1].topic)
        )
        for topics in (("pay.public", "pay.secret"), ("pay.public", "pay.public")):
            for topic in topics:
                bus.fire(topic)
        bus.drain()
    assert got == ["pay.public"]
