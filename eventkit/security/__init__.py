"""Access rules, identities, tokens, certificates and encryption.

    ek.security.AccessPolicy          which principal may publish and subscribe to which topics
    ek.security.Identity              a bus, limited to what one principal may do
    ek.security.Tokens                bearer tokens for clients without a certificate
    ek.security.CertificateAuthority  certificates for servers and clients on this machine
    ek.security.Cipher, ReplayGuard   encrypted payloads, and protection against replays

`__init__.pyi` lists the names, which are loaded at first use. Certificates and ciphers need the
cryptography package. If it is missing, the error says how to install it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
