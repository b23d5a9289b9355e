"""Attacks on authorization, by an identity in the same process."""

from __future__ import annotations

from typing import Any

import eventkit as ek
from eventkit.security import Identity, access
from tests.secured import LONG, House

from .attacking import always, attack, patched


def gets(house: House, topic: str) -> list[ek.Event]:
    got: list[ek.Event] = []
    house.bus.subscribe(topic, got.append)
    return got


@attack("bus", ek.PermissionDenied, patched((ek.AccessPolicy, "allows", always(True))))
def firing_what_one_may_not(house: House) -> bool:
    got = gets(house, "counter.set")
    house.bus.as_("ann").fire("counter.set")
    return len(got) == 1


def _stale(self: ek.AccessPolicy, rules: Any) -> None:
    self._rules = rules


@attack("bus", ek.PermissionDenied, patched((ek.AccessPolicy, "_replace", _stale)))
def living_on_a_decision_that_was_remembered(house: House) -> bool:
    ann = house.bus.as_("ann")
    ann.fire("button.click")
    house.policy.deny("ann", publish="button.click")
    ann.fire("button.click")
    return len(house.got) == 2


@attack("bus", ek.PermissionDenied, patched((ek.AccessPolicy, "allows_pattern", always(True))))
def subscribing_to_all_there_is(house: House) -> bool:
    house.bus.as_("ann").subscribe(">", print)
    return True


@attack("bus", ek.PermissionDenied, patched((Identity, "may_see", always(True))))
def seeing_a_denied_topic_within_a_pattern(house: House) -> bool:
    house.policy.deny("ann", subscribe="counter.secret")
    got: list[ek.Event] = []
    house.bus.as_("ann").subscribe("counter.*", got.append)
    house.bus.fire("counter.secret")
    return len(got) == 1


@attack("bus", ek.PermissionDenied, patched((Identity, "may_see", always(True))))
def getting_what_was_queued_before_a_revocation(house: House) -> bool:
    got: list[ek.Event] = []
    threads = ek.Threads(1)
    house.bus.subscribe("first", lambda event: house.policy.revoke("ann"), executor=threads)
    house.bus.as_("ann").subscribe("counter.a", got.append, executor=threads)
    house.bus.fire("first")
    house.bus.fire("counter.a")
    house.bus.drain(LONG)
    return len(got) == 1


@attack("bus", ek.PermissionDenied, patched((Identity, "_check_publish", always(None))))
def a_processor_that_emits_what_its_owner_may_not(house: House) -> bool:
    got = gets(house, "counter.set")
    house.bus.as_("ann").subscribe("counter.a", lambda event: 1, emits="counter.set")
    house.bus.fire("counter.a")
    return len(got) == 1


@attack("bus", ek.PermissionDenied, patched((Identity, "_check_publish", always(None))))
def a_processor_that_emits_what_its_owner_may_no_longer(house: House) -> bool:
    got = gets(house, "button.out")
    house.bus.as_("ann").subscribe("counter.a", lambda event: 1, emits="button.out")
    house.policy.deny("ann", publish="button.out")
    house.bus.fire("counter.a")
    return len(got) == 1


def _forges(house: House, topic: str) -> bool:
    house.policy.allow("ann", publish=">")
    got = gets(house, topic)
    house.bus.as_("ann").fire(topic, "forged")
    return "forged" in [event.data for event in got]


@attack("bus", ek.PermissionDenied, patched((access, "_RESERVED", ())))
def forging_the_record(house: House) -> bool:
    return _forges(house, "audit.denied")


@attack("bus", ek.PermissionDenied, patched((access, "_RESERVED", ())))
def forging_a_failure(house: House) -> bool:
    return _forges(house, "error.button.click")


def _as_its_topic_says(self: Identity, event: ek.Event) -> bool:
    return self._policy.allows(self.principal, "subscribe", event.topic)


@attack("bus", ek.PermissionDenied, patched((Identity, "may_see_all_of", _as_its_topic_says)))
def reading_a_secret_out_of_its_failure(house: House) -> bool:
    house.policy.allow("ann", subscribe="error.>")
    seen: list[object] = []
    house.bus.as_("ann").subscribe("error.>", lambda event: seen.append(event.data.event.data))

    def fails(event: ek.Event) -> None:
        raise RuntimeError("no")

    house.bus.subscribe("vault", fails)
    house.bus.fire("vault", "secret")
    house.bus.dead_letters.clear()
    return seen == ["secret"]


@attack("bus", ek.PermissionDenied, patched((Identity, "may_see", always(True))))
def reading_an_answer_that_is_not_ones_own(house: House) -> bool:
    house.bus.subscribe("button.ask", lambda event: "secret", emits="vault.answer")
    answer = house.bus.as_("ann").request("button.ask", timeout=LONG)
    return bool(answer.data == "secret")
