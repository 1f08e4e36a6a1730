"""How a verdict came about: the interval as it tightened."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from freehold.compare.stats.sequential import PairedTest


class Step(msgspec.Struct, frozen=True):
    """What was known after so many units."""

    n: int
    difference: float
    low: float
    high: float


def course_of(differences: Sequence[float], *, margin: float, alpha: float, steps: int = 60) -> list[Step]:
    """The test of these differences at up to `steps` times, closer together at the beginning; the last is the end."""
    if not len(differences):
        return []
    wanted = set(np.unique(np.geomspace(1, len(differences), steps).round().astype(int)).tolist())
    test = PairedTest(margin=margin, alpha=alpha)
    course: list[Step] = []
    for difference in differences:
        test.add(difference)
        if test.n in wanted:
            assert test.difference is not None
            low, high = test.interval()
            course.append(Step(test.n, test.difference, low, high))
    return course
