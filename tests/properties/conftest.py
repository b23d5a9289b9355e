"""How many examples: 1,000 for each property, or what EVENTKIT_EXAMPLES says."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "thorough",
    max_examples=int(os.environ.get("EVENTKIT_EXAMPLES", "1000")),
    deadline=None,  # a busy machine is no defect
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("thorough")
