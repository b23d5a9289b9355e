"""Attacks on requests: authentication, validation and authorization."""

from __future__ import annotations

import functools
import hmac
import time

import eventkit as ek
from eventkit import event as event_module, routing
from eventkit.https import requests as handlers
from eventkit.security import Tokens, access
from tests.secured import CLOUD, PLAIN, House

from .attacking import always, attack, met, patched

DAY = 86_400


def post(house: House, topic: str = "button.click", data: object = 1, **headers: str) -> bool:
    before = len(house.got)
    met(house.post(topic, data, **headers))
    return len(house.got) == before + 1


@attack(
    "https", 401, patched((handlers.Guarded, "identify", lambda self: self.trigger.bus.as_("ann")))
)
def no_token_at_all(house: House) -> bool:
    met(house.ask("POST", "/topics/button.click", b"1", PLAIN, known=False))
    return len(house.got) == 1


@attack("https", 401, patched((hmac, "compare_digest", always(True))))
def a_token_with_a_guessed_secret(house: House) -> bool:
    house.token = house.token[:25] + "guessed"
    return post(house)


@attack(
    "https",
    401,
    lambda house, patch: patch.setattr(house.tokens, "issue", functools.partial(_timeless, house)),
)
def a_token_that_has_ended(house: House) -> bool:
    house.token = house.tokens.issue("ann", hours=1)
    house.tokens._clock = lambda: time.time() + DAY
    return post(house)


def _timeless(house: House, principal: str, hours: float) -> str:
    return Tokens.issue(house.tokens, principal, hours=1e9)


@attack("https", 401, patched((Tokens, "revoke", always(0))))
def a_token_that_was_taken_back(house: House) -> bool:
    house.tokens.revoke("ann")
    return post(house)


@attack("https", 403, patched((handlers.Guarded, "check_origin", always(None))))
def a_page_of_another_site_in_a_browser_with_a_certificate(house: House) -> bool:
    context = house.ca.client_context(house.ca.client("ann"))
    headers = {**PLAIN, "Origin": "https://elsewhere.example"}
    met(house.ask("POST", "/topics/button.a", b"1", headers, context=context, known=False))
    return len(house.got) == 1


@attack("https", 415, patched((handlers, "check_plain_headers", always(None))))
def a_form_that_pretends_to_be_text(house: House) -> bool:
    met(house.ask("POST", "/topics/button.a", b"1", {"Content-Type": "text/plain"}))
    return len(house.got) == 1


BIG = b'"' + b"x" * 200_000 + b'"'


@attack("https", 413, options_without={"max_bytes": 10**7})
def a_body_that_is_too_large(house: House) -> bool:
    met(house.ask("POST", "/topics/button.a", BIG, PLAIN))
    return len(house.got) == 1


@attack("https", 413, options_without={"max_bytes": 10**7})
def a_body_that_hides_its_length(house: House) -> bool:
    connection = house.connect()
    connection.request("POST", "/topics/button.a", iter([BIG]), {**PLAIN, **house.bearer})
    answer = connection.getresponse()
    connection.close()
    met(answer.status)
    return len(house.got) == 1


@attack("https", 429, options={"rate": 0.001, "burst": 5}, options_without={"burst": 1_000})
def a_flood(house: House) -> bool:
    return all(post(house) for _ in range(20))


@attack("https", 403, patched((ek.AccessPolicy, "allows", always(True))))
def publishing_what_one_may_not(house: House) -> bool:
    house.bus.subscribe("counter.set", house.got.append)
    return post(house, "counter.set")


@attack("https", 403, patched((ek.AccessPolicy, "allows", always(True))))
def another_topic_inside_a_cloud_event(house: House) -> bool:
    house.bus.subscribe("counter.set", house.got.append)
    met(house.post_cloud({**CLOUD, "type": "counter.set", "subject": "button.click"}))
    return len(house.got) == 1


_NO_TOPIC_CHECKS = patched(
    (event_module, "check_topic", always(None)),
    *[(module, "check_topic", always(None)) for module in (routing, access)],
)


@attack("https", 400, _NO_TOPIC_CHECKS)
def a_wildcard_where_a_topic_belongs(house: House) -> bool:
    met(house.post_cloud({**CLOUD, "type": "button.>"}))
    return house.got[0].topic == "button.>"


@attack("https", 403, patched((access, "_RESERVED", ())))
def a_forged_audit_event(house: House) -> bool:
    house.policy.allow("ann", publish=">")
    forged: list[ek.Event] = []
    house.bus.subscribe("audit.denied", forged.append)
    met(house.post("audit.denied", {"principal": "bob"}))
    return bool(forged[0].data == {"principal": "bob"})
