"""The bus across machines: a real nats-server, bridges between buses, and a log on a server.

This is the only package that imports nats-py.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
