"""Translates an AccessPolicy into permissions that a NATS server enforces."""

from __future__ import annotations

from ..security.access import AccessPolicy, Action, covers

Permissions = dict[str, dict[str, list[str]]]

PREFIX = "eventkit"
_RESERVED = ("audit.>", "error.>")
NOTHING: Permissions = {"publish": {"deny": [">"]}, "subscribe": {"deny": [">"]}}


def permissions_of(policy: AccessPolicy, principal: str) -> Permissions:
    """Return what a principal may publish and subscribe to on a server.

    Every topic is under `eventkit.` there. Everything else is denied, such as inboxes and the
    server's own API. Raises ValueError for a policy that a server cannot enforce.
    """
    publish = _patterns(policy, principal, "publish", True)
    not_publish = _patterns(policy, principal, "publish", False)
    subscribe = _patterns(policy, principal, "subscribe", True)
    not_subscribe = _patterns(policy, principal, "subscribe", False)
    deeper = [f"{pattern}.>" for pattern in subscribe if pattern.split(".")[-1] == "*"]
    _check_deeper(deeper, subscribe)
    return {
        "publish": _permission(publish, [*not_publish, *_RESERVED]),
        "subscribe": _permission(subscribe, [*not_subscribe, *deeper]),
    }


def _patterns(policy: AccessPolicy, principal: str, action: Action, allowed: bool) -> list[str]:
    """Return the patterns of the rules, without those that another pattern covers."""
    found = dict.fromkeys(
        rule.pattern
        for rule in policy.rules(principal)
        if (rule.action, rule.allowed) == (action, allowed)
    )
    return [
        pattern
        for pattern in found
        if not any(covers(other, pattern) for other in found if other != pattern)
    ]


def _check_deeper(deeper: list[str], allowed: list[str]) -> None:
    """Raise ValueError if denying the deeper topics would deny what another rule allows.

    A server takes the `>` of a subscription for one word. A client that may subscribe to `a.*` may
    also subscribe to `a.>`, unless `a.*.>` is denied.
    """
    for pattern in deeper:
        for other in allowed:
            if _overlap(pattern, other):
                raise ValueError(
                    f"a NATS server cannot keep {pattern.removesuffix('.>')!r} and {other!r} "
                    "apart for one subscriber. Allow all of it with '>', and deny the rest."
                )


def _permission(allow: list[str], deny: list[str]) -> dict[str, list[str]]:
    """Return one permission. To a server an empty "allow" would mean that all is allowed."""
    if not allow:
        return {"deny": [">"]}
    return {"allow": _subjects(allow), "deny": _subjects(deny)}


def _subjects(patterns: list[str]) -> list[str]:
    return [f"{PREFIX}.{pattern}" for pattern in patterns]


def _overlap(one: str, other: str) -> bool:
    """Return True if some topic matches both patterns."""
    mine, theirs = one.split("."), other.split(".")
    for words in zip(mine, theirs, strict=False):
        if ">" in words:
            return True
        if words[0] != words[1] and "*" not in words:
            return False
    return len(mine) == len(theirs)
