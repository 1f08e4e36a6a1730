"""How sure a share is that was counted: exact sums over the binomial distribution."""

from __future__ import annotations

import math
from functools import lru_cache


def at_most(count: int, labels: int, share: float) -> float:
    """The probability of `count` or fewer among `labels` where each one is with probability `share`: the p-value
    against "the share is this or more".
    """
    if count >= labels or share <= 0.0:
        return 1.0
    if count < 0 or share >= 1.0:
        return 0.0
    if count > labels * share:
        return max(0.0, 1.0 - _tail(labels - count - 1, labels, 1.0 - share))
    return _tail(count, labels, share)


@lru_cache(maxsize=64)
def most_allowed(labels: int, share: float, doubt: float, over: int) -> int:
    """The most that may be counted among `labels` where two things are to be sure: that the share lies below `share`,
    and that no more than it is counted among `over` others of the same kind. -1: not even none would do.
    """
    allowed = -1
    while allowed + 1 < labels and is_sure(allowed + 1, labels, share, doubt, over):
        allowed += 1
    return allowed


def is_sure(count: int, labels: int, share: float, doubt: float, over: int, *, part: float = 1.0) -> bool:
    """Whether both things of `most_allowed` are sure. `part`: the others count only with this probability each."""
    if at_most(count, labels, share / part) > doubt:
        return False
    # What is counted falls here or among the others; the more were there, the more would have been here. Of the
    # first ones, up to where they are one too many, each is here with a probability that only the sizes decide.
    too_many = math.floor(share * over + 1e-9) + 1
    return not over or at_most(count, count + too_many, labels / (labels + part * over)) <= doubt


def largest_part(count: int, labels: int, share: float, doubt: float, over: int) -> float:
    """How large a part of others may be taken by lot, so that both things of `most_allowed` are sure of it."""
    if is_sure(count, labels, share, doubt, over):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (
            (middle, high) if is_sure(count, labels, share, doubt, over, part=middle) else (low, middle)
        )
    return low


@lru_cache(maxsize=64)
def fewest_labels(share: float, doubt: float) -> int:
    """How many it takes to be sure of both about as many others, even where none is counted: at the least
    ln(doubt) / ln(1 - share).
    """
    labels = math.ceil(math.log(doubt) / math.log1p(-share) - 1e-9)
    while not is_sure(0, labels, share, doubt, labels):
        labels += 1
    return labels


def _tail(count: int, labels: int, share: float) -> float:
    """The sum up to `count`, which lies below the middle: from the largest term down to what no longer matters."""
    ways = math.lgamma(labels + 1) - math.lgamma(count + 1) - math.lgamma(labels - count + 1)
    term = math.exp(ways + count * math.log(share) + (labels - count) * math.log1p(-share))
    odds = (1.0 - share) / share
    total = 0.0
    for one in range(count, -1, -1):
        total += term
        term *= one / (labels - one + 1) * odds
        if term < total * 1e-17:
            break
    return min(1.0, total)
