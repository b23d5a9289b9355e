from .access import (
    AccessPolicy as AccessPolicy,
    Denial as Denial,
    Identity as Identity,
    Rule as Rule,
    principal_of as principal_of,
)
from .certificates import CertificateAuthority as CertificateAuthority, Credentials as Credentials
from .cipher import (
    Cipher as Cipher,
    CipherError as CipherError,
    NotSealed as NotSealed,
    ReplayGuard as ReplayGuard,
    SeenBefore as SeenBefore,
    Tampered as Tampered,
    UnknownKey as UnknownKey,
)
from .tokens import Tokens as Tokens

__all__: list[str]
