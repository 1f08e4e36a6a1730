"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 0.25
"""The longest that the first wait may be."""
LONGEST_SECONDS = 8.0


def full_jitter(earlier: int, chance: Callable[[], float]) -> float:
    """Seconds to wait when `earlier` waits have passed already; `chance` gives numbers in [0, 1).

    Anything between nothing and a bound that doubles each time, so that those who failed together do not come
    back together. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(earlier, 16)) * chance()
