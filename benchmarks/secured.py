"""What safety costs: a decision, an event sealed and opened, a request over TLS."""

from __future__ import annotations

import http.client
import tempfile
import timeit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import eventkit as ek
from eventkit.security import Tokens

from .comparing import Row, Timed, compare, statement

_HEADERS = {"Content-Type": "application/json"}


def measure(quick: bool) -> list[Row]:
    rounds = 3 if quick else 31
    number = 200 if quick else 5_000
    return [
        *_decide(rounds, number * 10),
        *_seal_and_open(rounds, number),
        *_fire_as_somebody(rounds, number),
        *_post(3 if quick else 15, 10 if quick else 200),
    ]


def _decide(rounds: int, number: int) -> list[Row]:
    allows = _policy().allows
    return compare(
        "decide who may",
        {
            "0.5 µs allowed": _so_long(0.5e-6),
            "eventkit": _on_its_own("allows('ann', 'publish', 'bench.a')", number, allows=allows),
        },
        rounds=rounds,
        goal=1.0,
    )


def _seal_and_open(rounds: int, number: int) -> list[Row]:
    """What an event of 200 bytes costs from one end to the other: decided, sealed, and opened."""
    cipher = ek.Cipher("bench", ek.Cipher.new_key())
    event = ek.to_cloud(ek.Event("bench.a", "x" * 200), "/bench")
    allows = _policy().allows
    names = {"allows": allows, "seal": cipher.seal, "open": cipher.open, "event": event}
    code = "allows('ann', 'publish', 'bench.a'); open(seal(event))"
    return compare(
        "decide, seal, open 200 bytes",
        {"10 µs allowed": _so_long(10e-6), "eventkit": _on_its_own(code, number, **names)},
        rounds=rounds,
        goal=1.0,
    )


def _fire_as_somebody(rounds: int, number: int) -> list[Row]:
    with ek.EventBus(_policy()) as bus:
        bus.subscribe("bench.a", lambda event: None)
        return compare(
            "fire under a policy",
            {
                "the bus itself": statement("bus.fire('bench.a', 1)", number, bus=bus),
                "eventkit": statement("ann.fire('bench.a', 1)", number, ann=bus.as_("ann")),
            },
            rounds=rounds,
        )


def _post(rounds: int, number: int) -> list[Row]:
    """Requests one after another on a connection that stays open, with a token, to a listener."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca = ek.CertificateAuthority(folder)
        bus = stack.enter_context(ek.EventBus(_policy()))
        bus.subscribe("bench.a", lambda event: None)
        plain = stack.enter_context(_served(bus, ca, tls=False))
        secured = stack.enter_context(_served(bus, ca, tls=True))
        return compare(
            "POST on an open connection",
            {"HTTP": _posting(plain, number), "eventkit, HTTPS": _posting(secured, number)},
            rounds=rounds,
            goal=1.3,
        )


@contextmanager
def _served(
    bus: ek.EventBus, ca: ek.CertificateAuthority, *, tls: bool
) -> Iterator[Callable[[], http.client.HTTPResponse]]:
    """How to post once. Without TLS there is no such trigger: it is taken away for comparison."""
    tokens = Tokens()
    context = ca.server_context(ca.server())
    patience = 600.0  # one waits while the other is timed
    trigger = ek.HttpsTrigger(bus, context, tokens=tokens, rate=1e6, burst=10**6, timeout=patience)
    if not tls:
        make = trigger._new_server
        trigger._new_server = lambda **_: make()  # type: ignore[method-assign]
    headers = {**_HEADERS, "Authorization": f"Bearer {tokens.issue('ann')}"}
    with trigger:
        connection = (
            http.client.HTTPSConnection(trigger.host, trigger.port, context=ca.client_context())
            if tls
            else http.client.HTTPConnection(trigger.host, trigger.port)
        )

        def post() -> http.client.HTTPResponse:
            connection.request("POST", "/topics/bench.a", b'{"n": 1}', headers)
            return connection.getresponse()

        yield post
        connection.close()


def _posting(post: Callable[[], http.client.HTTPResponse], number: int) -> Timed:
    def run() -> float:
        start = perf_counter()
        for _ in range(number):
            answer = post()
            answer.read()
            assert answer.status == 202
        return (perf_counter() - start) / number

    return run


def _policy() -> ek.AccessPolicy:
    policy = ek.AccessPolicy()
    policy.allow("ann", publish="bench.>", subscribe="bench.>")
    return policy


def _so_long(seconds: float) -> Timed:
    """A limit that is a time and nothing to run."""
    return lambda: seconds


def _on_its_own(code: str, number: int, **names: Any) -> Timed:
    """Time a statement on this thread's own clock, which stands still while others have the
    processor: there is nobody in the same round who would be held up alike.
    """
    timer = timeit.Timer(code, globals=names, timer=thread_time)
    return lambda: timer.timeit(number) / number
