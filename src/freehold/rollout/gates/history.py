"""Two samples that were not drawn side by side: at cutover, where the incumbent answers nobody any more.

Neither is taken for the truth: the candidate is surely worse where the least that its mean can be is more than the most
that the incumbent's can be. One looks when the candidate's sample has doubled, and each look has a smaller chance of
error than the one before it, so that all together have at most the one that was promised.
"""

from __future__ import annotations

import math

import msgspec

_FIRST_LOOK = 8
_HALVINGS, _HALVINGS_OF_SURETY = 40, 10


class Sample(msgspec.Struct):
    """Numbers from 0 to 1, of which only how many and their sum is known."""

    n: int = 0
    total: float = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.n += 1
        self.total += value

    @property
    def mean(self) -> float | None:
        """None: there is none."""
        return self.total / self.n if self.n else None


class Looks(msgspec.Struct):
    """Whether the candidate's mean surely is above the incumbent's, whenever one looks."""

    alpha: float
    candidate: Sample = msgspec.field(default_factory=Sample)
    looks: int = 0
    sure: bool = False

    def add(self, value: float, incumbent: Sample) -> None:
        """One more of the candidate's; `incumbent`: its sample as of now."""
        self.candidate.add(value)
        if self.candidate.n < _FIRST_LOOK << self.looks:
            return
        self.looks += 1
        room = _room(self.alpha, self.looks)
        if incumbent.n and lower_bound(self.candidate, room) > upper_bound(incumbent, room):
            self.sure = True

    def surety(self, incumbent: Sample) -> float:
        """How much evidence there is, as a share of what is needed."""
        if self.sure:
            return 1.0
        if not (self.candidate.n and incumbent.n):
            return 0.0
        room = _room(self.alpha, max(1, self.looks))
        low, high = 0.0, room
        for _ in range(_HALVINGS_OF_SURETY):
            middle = 0.5 * (low + high)
            if lower_bound(self.candidate, middle) > upper_bound(incumbent, middle):
                low = middle
            else:
                high = middle
        return min(0.99, low / room)


def _room(alpha: float, look: int) -> float:
    """What a bound of this look may leave out, as a logarithm. The sum of 6 / (pi k)^2 over all looks is 1, and half of
    each is for one of the two bounds.
    """
    return -math.log(0.5 * alpha * 6.0 / (math.pi * look) ** 2)


def upper_bound(sample: Sample, room: float) -> float:
    """The most that the mean can be: more than that is refuted at exp(-room) (Chernoff and Hoeffding's bound)."""
    mean = sample.total / sample.n
    low, high = mean, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if sample.n * _divergence(mean, middle) > room:
            high = middle
        else:
            low = middle
    return high


def lower_bound(sample: Sample, room: float) -> float:
    """The least that the mean can be."""
    return 1.0 - upper_bound(Sample(sample.n, sample.n - sample.total), room)


def _divergence(mean: float, other: float) -> float:
    """Of Bernoulli's distributions with these means (Kullback and Leibler), in nats."""
    found = 0.0
    if mean > 0.0:
        found += mean * math.log(mean / other) if other > 0.0 else math.inf
    if mean < 1.0:
        found += (1.0 - mean) * math.log((1.0 - mean) / (1.0 - other)) if other < 1.0 else math.inf
    return found
