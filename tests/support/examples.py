"""How Hypothesis searches here: the same examples each time, and no clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

examples = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""For a property that takes less than a millisecond."""

few_examples = settings(examples, max_examples=40)
"""For one that needs an event loop."""
