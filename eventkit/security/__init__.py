"""Who may say what to whom: access, tokens, encryption and certificates.

    ek.security.AccessPolicy          who may publish and subscribe to what
    ek.security.Identity              a bus as one principal may use it
    ek.security.Tokens                secrets for clients without a certificate
    ek.security.CertificateAuthority  certificates for servers and clients on this machine
    ek.security.Cipher, ReplayGuard   payloads that only the right key opens, and only once

`__init__.pyi` has the names, which are loaded at first use. A policy needs nothing beyond eventkit.
Certificates and ciphers need cryptography and say how to install it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
