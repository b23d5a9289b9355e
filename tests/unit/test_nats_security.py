"""A NATS server with an access policy, and bridges authenticated by their certificates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import eventkit as ek
from eventkit.nats.permissions import permissions_of

LONG = 20.0
NOTHING = {"deny": [">"]}


class Rules:
    """A policy, with a server and a certificate authority."""

    def __init__(self, folder: Path) -> None:
        self.ca = ek.CertificateAuthority(folder)
        self.policy = ek.AccessPolicy()
        self.policy.allow("bob", publish=">", subscribe=">")
        self.server = ek.NatsServer(tls=self.ca, policy=self.policy)

    def join(self, principal: str, *patterns: list[str]) -> ek.Bridge:
        context = self.ca.client_context(self.ca.client(principal))
        bus = ek.EventBus()
        return ek.Bridge(bus, self.server.url, *patterns, tls=context, timeout=LONG)


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Rules]:
    rules = Rules(tmp_path)
    with rules.server:
        yield rules


def ann_may(**patterns: str | list[str]) -> ek.AccessPolicy:
    policy = ek.AccessPolicy()
    policy.allow("ann", **patterns)
    return policy


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_allowed_and_denied_is_said_in_subjects() -> None:
    policy = ann_may(publish="button.>", subscribe="counter.>")
    policy.deny("ann", publish="button.reset", subscribe=["counter.secret", "counter.*.key"])
    assert permissions_of(policy, "ann") == {
        "publish": {
            "allow": ["eventkit.button.>"],
            "deny": ["eventkit.button.reset", "eventkit.audit.>", "eventkit.error.>"],
        },
        "subscribe": {
            "allow": ["eventkit.counter.>"],
            "deny": ["eventkit.counter.secret", "eventkit.counter.*.key"],
        },
    }


def test_where_nothing_is_allowed_everything_is_denied() -> None:
    assert permissions_of(ann_may(publish="a"), "ann")["subscribe"] == NOTHING
    assert permissions_of(ann_may(subscribe="a"), "ann")["publish"] == NOTHING
    assert permissions_of(ek.AccessPolicy(), "ann") == {"publish": NOTHING, "subscribe": NOTHING}


def test_a_policy_that_a_server_would_not_keep_to_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot keep 'a\.\*' and 'a\.b\.>' apart"):
        permissions_of(ann_may(subscribe=["a.*", "a.b.>"]), "ann")
    for well in (["a.*", "a.>"], ["a.*", "b.c.>"], ["a.*", "a.b"], ["a.*", "*.b"]):
        permissions_of(ann_may(subscribe=well), "ann")


TOPICS = ["a.b", "a.c", "a.b.c", "a.secret", "b.a", "b.a.c", "b.secret"]
ALLOWED = ["a.*", "b.>"]
DENIED = ["*.secret", "b.*.c"]


@pytest.mark.parametrize("pattern", ["a.*", "a.>", "a.b", "b.>", "b.*", "*.a", ">", "a.b.c"])
def test_a_server_lets_see_what_the_policy_does_and_no_more(rules: Rules, pattern: str) -> None:
    rules.policy.allow("ann", subscribe=ALLOWED)
    rules.policy.deny("ann", subscribe=DENIED)
    rules.server.reload()
    seen: list[str] = []

    with rules.join("bob", [">"]) as bob:
        try:
            ann = rules.join("ann", [], [pattern])
        except ek.PermissionDenied:
            assert not rules.policy.allows_pattern("ann", pattern)
            return
        ann.bus.subscribe(">", lambda event: seen.append(event.topic))
        expected = [topic for topic in TOPICS if ek.topics.matches(pattern, topic)]
        expected = [topic for topic in expected if rules.policy.allows("ann", "subscribe", topic)]
        for topic in TOPICS:
            bob.bus.fire(topic)
        bob.flush(LONG)
        ann.flush(LONG)  # everything sent to ann has arrived
        ann.close()
    assert seen == expected


def test_a_server_takes_what_the_policy_lets_one_publish_and_no_more(rules: Rules) -> None:
    rules.policy.allow("ann", publish=ALLOWED)
    rules.policy.deny("ann", publish=DENIED)
    rules.server.reload()
    with rules.join("ann", [">"]) as ann:
        for topic in TOPICS:
            ann.bus.fire(topic)
        with pytest.raises(ek.PermissionDenied, match=r"does not allow this publish on 'a\.b\.c'"):
            ann.flush(LONG)
    refused = [letter.event.topic for letter in ann.bus.dead_letters]
    assert refused == [one for one in TOPICS if not rules.policy.allows("ann", "publish", one)]
    assert ann.sent == len(TOPICS) - len(refused) and ann.refused == len(refused)


def test_a_change_of_the_policy_counts_from_the_reload_on_and_disturbs_nobody_else(
    rules: Rules,
) -> None:
    with rules.join("bob", [">"]) as bob:
        with pytest.raises(ek.PermissionDenied, match="refused this name and password"):
            rules.join("ann", ["a"])
        rules.policy.allow("ann", publish="a")
        rules.server.reload()
        rules.join("ann", ["a"]).close()
        bob.bus.fire("a")
        bob.flush(LONG)
        assert bob._sender.breaks == 0


def test_a_change_while_the_server_is_down_counts_when_it_is_up_again(rules: Rules) -> None:
    rules.server.stop()
    rules.policy.allow("ann", publish="a")
    rules.policy.revoke("bob")
    rules.server.reload()
    rules.server.start()
    rules.join("ann", ["a"]).close()
    with pytest.raises(ek.PermissionDenied):
        rules.join("bob", ["a"])


def test_what_waits_when_ones_rights_are_gone_becomes_dead_letters(rules: Rules) -> None:
    rules.policy.allow("ann", publish="a")
    rules.server.reload()
    with rules.join("ann", ["a"]) as ann:
        rules.policy.revoke("ann")
        rules.server.reload()
        wait_until(lambda: not ann.is_connected)
        ann.bus.fire("a", 1)
        with pytest.raises(ek.PermissionDenied, match="refused this name and password"):
            ann.flush(LONG)
        wait_until(lambda: len(ann.bus.dead_letters) == 1)
        rules.policy.allow("ann", publish="a")
        rules.server.reload()
        wait_until(lambda: ann.is_connected)
        ann.bus.fire("a", 2)
        ann.flush(LONG)
    assert (ann.sent, ann.refused) == (1, 1)


def test_an_impostor_without_tls_receives_nothing(rules: Rules) -> None:
    with rules.join("bob", ["a"]) as bob:
        rules.server.stop()
        wait_until(lambda: not bob.is_connected)
        with ek.NatsServer(settings={"listen": rules.server.address}) as impostor:
            bob.bus.fire("a")
            wait_until(lambda: impostor.monitor("varz")["total_connections"] > 0)
            assert not bob.is_connected and bob.waiting == 1
            assert impostor.monitor("varz")["in_msgs"] == 0
        rules.server.start()
        bob.flush(LONG)
        assert bob.sent == 1


def test_without_tls_the_principals_of_a_policy_have_passwords() -> None:
    with ek.NatsServer(policy=ann_may(publish="a")) as server:
        with ek.Bridge(ek.EventBus(), server.url_of("ann"), [">"]) as ann:
            ann.bus.fire("b")
            with pytest.raises(ek.PermissionDenied, match="publish on 'b'"):
                ann.flush(LONG)
        with ek.Bridge(ek.EventBus(), server.url, [">"]) as owner:
            owner.bus.fire("b")
            owner.flush(LONG)


def test_a_principal_is_not_called_as_another_user_is() -> None:
    with pytest.raises(ValueError, match="a principal cannot be called 'ann' here"):
        ek.NatsServer(policy=ann_may(publish="a"), users={"ann": {}})


def test_an_address_that_wants_tls_is_not_taken_without(rules: Rules) -> None:
    with pytest.raises(ValueError, match="a tls:// address needs tls="):
        ek.Bridge(ek.EventBus(), rules.server.url)


def test_no_key_and_no_password_is_in_what_is_said(rules: Rules) -> None:
    with rules.join("bob") as bob:
        assert repr(bob) == f"<Bridge to {rules.server.address}>"
    assert rules.server.url == f"tls://{rules.server.address}"
    assert "PRIVATE" not in rules.server.log
