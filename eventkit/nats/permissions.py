"""An AccessPolicy as the permissions of a NATS server, which then decides alone."""

from __future__ import annotations

from ..security.access import AccessPolicy, Action, covers

Permissions = dict[str, dict[str, list[str]]]

PREFIX = "eventkit"
_RESERVED = ("audit.>", "error.>")
NOTHING: Permissions = {"publish": {"deny": [">"]}, "subscribe": {"deny": [">"]}}


def permissions_of(policy: AccessPolicy, principal: str) -> Permissions:
    """What a principal may publish and subscribe to on a server, where every topic is under
    `eventkit.`, and nothing else: no inbox of anybody's and no part of the server's own interface.

    Raises ValueError for a policy that a server would not keep to.
    """
    publish = _patterns(policy, principal, "publish", True)
    subscribe = _patterns(policy, principal, "subscribe", True)
    deeper = [f"{pattern}.>" for pattern in subscribe if pattern.split(".")[-1] == "*"]
    _check_deeper(deeper, subscribe)
    return {
        "publish": _said(publish, [*_patterns(policy, principal, "publish", False), *_RESERVED]),
        "subscribe": _said(subscribe, [*_patterns(policy, principal, "subscribe", False), *deeper]),
    }


def _patterns(policy: AccessPolicy, principal: str, action: Action, allowed: bool) -> list[str]:
    """Those of the rules, without any that another one covers."""
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
    """A server takes the `>` of a subscription for a word: who may subscribe to `a.*` may to `a.>`
    as well. So what is deeper is denied, which must not take away what another rule allows.
    """
    for pattern in deeper:
        for other in allowed:
            if _overlap(pattern, other):
                raise ValueError(
                    f"a NATS server cannot keep {pattern.removesuffix('.>')!r} and {other!r} "
                    "apart for one subscriber. Allow all of it with '>', and deny what is too much."
                )


def _said(allow: list[str], deny: list[str]) -> dict[str, list[str]]:
    """To a server an empty list of what is allowed would mean that everything is."""
    if not allow:
        return {"deny": [">"]}
    return {"allow": _subjects(allow), "deny": _subjects(deny)}


def _subjects(patterns: list[str]) -> list[str]:
    return [f"{PREFIX}.{pattern}" for pattern in patterns]


def _overlap(one: str, other: str) -> bool:
    """Whether some topic fits both patterns."""
    mine, theirs = one.split("."), other.split(".")
    for words in zip(mine, theirs, strict=False):
        if ">" in words:
            return True
        if words[0] != words[1] and "*" not in words:
            return False
    return len(mine) == len(theirs)
