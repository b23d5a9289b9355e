"""What holds for every test of the repository."""

from __future__ import annotations

from hypothesis import settings

# A stalled machine makes an example slow, not wrong: the time limit of pytest-timeout is enough.
settings.register_profile("eventkit", deadline=None)
settings.load_profile("eventkit")
