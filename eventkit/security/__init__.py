"""Who may say what to whom: access, tokens, encryption and certificates.

    ek.security.AccessPolicy          who may publish and subscribe to what
    ek.security.Identity              a bus as one principal may use it
    ek.security.Tokens                secrets for clients without a certificate
    ek.security.CertificateAuthority  certificates for servers and clients on this machine
    ek.security.Cipher, ReplayGuard   payloads that only the right key opens, and only once

Names are loaded when they are first used. A policy needs nothing beyond eventkit; what needs
cryptography says how to install it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .access import AccessPolicy as AccessPolicy, Rule as Rule, principal_of as principal_of
    from .certificates import (
        CertificateAuthority as CertificateAuthority,
        Credentials as Credentials,
    )
    from .cipher import (
        Cipher as Cipher,
        CipherError as CipherError,
        NotSealed as NotSealed,
        ReplayGuard as ReplayGuard,
        SeenBefore as SeenBefore,
        Tampered as Tampered,
        UnknownKey as UnknownKey,
    )
    from .identity import Denial as Denial, Identity as Identity
    from .tokens import Tokens as Tokens

_HOME = {
    "access": ["AccessPolicy", "Rule", "principal_of"],
    "certificates": ["CertificateAuthority", "Credentials"],
    "cipher": [
        "Cipher",
        "CipherError",
        "NotSealed",
        "ReplayGuard",
        "SeenBefore",
        "Tampered",
        "UnknownKey",
    ],
    "identity": ["Denial", "Identity"],
    "tokens": ["Tokens"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"eventkit.security has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
