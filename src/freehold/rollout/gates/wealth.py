"""Evidence as wealth: bettors who gain only where the candidate is worse, a group of them from each stage on.

A bettor begins with a wealth of 1 and stakes some of it, before each unit is seen, on the candidate being worse. Where
it is not worse, nobody gains on average, so the chance that the wealth ever reaches 1/alpha is at most alpha, however
often one looks (Ville). The mean of several bettors' wealth is wealth in the same sense. So a group of bettors begins
with each stage: one who has seen a candidate do well for weeks has lost too much to notice soon that it does badly now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from freehold.compare.stats.bets import SIZES, WEIGHTS, boldest, scale_of, stake
from freehold.routing.decisions import Arm

_SIZES: tuple[float, ...] = tuple(float(one) for one in SIZES)
_LOG_WEIGHTS = tuple(math.log(float(one)) for one in WEIGHTS)
_RATIOS = (1.5, 3.0, 10.0, 50.0)
"""How much more often the candidate is hit, in the eyes of each of four bettors."""
_LOG_FOURTH = math.log(0.25)


class Groups(msgspec.Struct):
    """The logarithms of what each bettor made of 1; groups that have not begun have a wealth of 1."""

    of: int
    """How many groups there will be."""
    begun: list[list[float]] = []

    def begin(self, stage: int) -> None:
        """Let the groups of all stages up to this one have begun."""
        while len(self.begun) <= min(stage, self.of - 1):
            self.begun.append([0.0] * 4)

    def add(self, gains: Sequence[float]) -> None:
        """The logarithm of what one unit multiplied each bettor's wealth by."""
        for group in self.begun:
            for place, gain in enumerate(gains):
                group[place] += gain

    def log_e(self, log_weights: Sequence[float]) -> float:
        """Natural logarithm of the mean wealth of all groups."""
        logs = [
            _log_sum(weight + log for weight, log in zip(log_weights, group, strict=True))
            for group in self.begun
        ]
        return _log_sum([*logs, *([0.0] * (self.of - len(logs)))]) - math.log(self.of)


class Differences(msgspec.Struct):
    """An e-process against "the mean of D is at least `threshold`", of differences D from -1 to 1."""

    groups: Groups
    threshold: float
    scale: float
    """The size of a difference that matters: what the stakes are made for."""
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    most: float = 0.0
    """The highest that `log_e` has been: that is what decides."""

    def add(self, difference: float) -> None:
        """The next unit's difference, in an order that does not depend on it."""
        own = stake(float(self.n), self.squares, self.scale)
        # "At least the threshold" is what is bet against, so the signs are turned round.
        most = boldest(-self.threshold)
        excess = self.threshold - difference
        self.groups.add([math.log1p(min(size * own, most) * excess) for size in _SIZES])
        self.n += 1
        self.total += difference
        self.squares += difference * difference
        self.most = max(self.most, self.log_e)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value as it is now."""
        return self.groups.log_e(_LOG_WEIGHTS)

    @property
    def mean(self) -> float | None:
        """Of what was told; None: nothing was."""
        return self.total / self.n if self.n else None


class Events(msgspec.Struct):
    """An e-process against "the candidate is hit no more often", of rare events such as failed calls.

    It is drawn at random who answers a conversation. So where the candidate is hit no more often than the incumbent,
    an event is the candidate's with a probability of at most the share that it had then, whatever else changes with
    the time of day.
    """

    groups: Groups
    n: int = 0
    most: float = 0.0

    def add(self, arm: Arm, share: float) -> None:
        """One event. `share`: the probability with which its unit was drawn to be the candidate's."""
        gains = []
        for ratio in _RATIOS:
            chance = ratio * share / (1.0 - share + ratio * share)
            gains.append(
                math.log(chance / share) if arm == "candidate" else math.log((1.0 - chance) / (1.0 - share))
            )
        self.groups.add(gains)
        self.n += 1
        self.most = max(self.most, self.log_e)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value as it is now."""
        return self.groups.log_e([_LOG_FOURTH] * 4)


def differences(of: int, *, threshold: float, margin: float) -> Differences:
    """The test of a mean, with `of` groups; `margin`: the difference that is to be told from none."""
    return Differences(Groups(of), threshold, scale_of(margin))


def events(of: int) -> Events:
    """The test of rare events, with `of` groups."""
    return Events(Groups(of))


def _log_sum(logs: Iterable[float]) -> float:
    values = list(logs)
    largest = max(values)
    return largest + math.log(sum(math.exp(one - largest) for one in values))
