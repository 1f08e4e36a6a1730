"""How much is staked on the next difference: what makes the sequential test quick, and never what makes it valid.

A bettor starts with a wealth of 1 and, before each difference D in [-1, 1] is seen, stakes a share s of it on "the mean
is above m". The wealth is then multiplied by 1 + s (D - m). Where the mean is m or less, no bettor gains on average
whatever is staked, as long as the stake was chosen before D was seen and the wealth cannot turn negative: the wealth is
a non-negative supermartingale that starts at 1, so it ever reaches 1/alpha with a probability of at most alpha (Ville).

The best constant stake against a mean of m, where the truth is a little above it, is about (mean - m) / E[(D - m)^2]
(Kelly; the second-order expansion of the mean logarithm). Nobody knows the truth, but the margin says what is to be
told apart: `stake` is the best stake where candidate and incumbent are equally good, the variance being learned from
the pairs so far. Four bettors stake multiples of it (`SIZES`), each with a share of the first wealth (`WEIGHTS`), and
the sum of their wealth is the e-value: small multiples win where the truth is close to the margin, large ones where it
is far away.

Sources: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS-B 86 (2024),
arXiv 2010.09686; Ramdas, Grünwald, Vovk and Shafer, Game-theoretic statistics and safe anytime-valid inference,
Statistical Science 38 (2023), arXiv 2210.01948. The multiples were chosen by measurement: `docs/statistics.md`.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
_Numbers = TypeVar("_Numbers", float, Array)

SIZES: Array = np.array([1.0 / 3.0, 1.0, 3.0, 9.0])
WEIGHTS: Array = np.array([0.1, 0.75, 0.08, 0.07])
"""Shares of the first wealth; they sum to 1."""
LOG_WEIGHTS: Array = np.log(WEIGHTS)

BOLDEST = 0.95
"""A single difference never takes more than this share of a bettor's wealth."""

LEAST_SCALE = 0.02
"""Margins smaller than this (0 too) are bet on as if a difference of this size had to be told from none."""

_EARLIER, _EARLIER_SQUARE = 10.0, 0.25
"""Before anything is seen, we act as if this many differences had been, with this mean square."""


def scale_of(margin: float) -> float:
    """The size of a difference that matters, in the unit of the scores."""
    return max(abs(margin), LEAST_SCALE)


def stake(seen: _Numbers, squares: _Numbers, scale: float) -> _Numbers:
    """The stake that suits two models which are equally good, given that `seen` differences have been seen, the sum of
    whose squares is `squares`: scale / (mean square + scale^2). Still to be bounded by `boldest`.
    """
    mean_square = (_EARLIER * _EARLIER_SQUARE + squares) / (_EARLIER + seen)
    return scale / (mean_square + scale * scale)


def boldest(threshold: float) -> float:
    """The most that may be staked against a mean of at most `threshold`, as D can be 1 + threshold below it."""
    room = 1.0 + threshold
    return BOLDEST / room if room > 0.0 else np.inf


def total(logs: Array) -> float:
    """Natural logarithm of the wealth of all bettors together, from the logarithms of what each made of 1."""
    weighted = LOG_WEIGHTS + logs
    largest = float(weighted.max())
    return largest + float(np.log(np.exp(weighted - largest).sum()))
