"""eventkit: how fast does an event-driven program answer, and what decides it?

    import eventkit as ek

    bus = ek.EventBus()

    @bus.processor("button.click", emits="counter.changed", executor=ek.Threads(4))
    def count(event): ...

The names stand in `__init__.pyi` and are loaded when they are first used, so that
`import eventkit` is quick and parts that you do not use need not be installed.
"""

import lazy_loader

_load, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)

# What `from eventkit import *` brings works without extras. These need one:
_NEED_EXTRAS = {
    *("Arrived", "Bridge", "NatsCluster", "NatsServer", "NotTrusted", "ServerFailed"),
    *("CertificateAuthority", "Cipher", "Greenlets", "HttpsTrigger"),
    *("Processes", "WorkerKilled"),
    *("https", "interleavings", "lab", "nats", "queueing"),
}
__all__ = [name for name in _names if name not in _NEED_EXTRAS]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("eventkit-notebooks")
    if name not in _names:
        raise AttributeError(f"eventkit has no {name!r}. It has: {', '.join(_names)}.")
    return _load(name)
