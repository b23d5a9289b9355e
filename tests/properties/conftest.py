"""How many examples a property gets: 100, in the long tier 2,000, or what EVENTKIT_EXAMPLES says.

Properties run in both tiers.
"""

import pytest
from hypothesis import HealthCheck, settings

from tests.tiers import rounds

settings.register_profile(
    "tier",
    max_examples=rounds("EVENTKIT_EXAMPLES", quick=100, long=2_000),
    deadline=None,  # a busy machine is no defect
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tier")


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.thorough)
