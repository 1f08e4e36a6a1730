"""Gates of times and costs: told as a share of the incumbent's, tested as logarithms within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from freehold.rollout.gates.blocks import Block
from freehold.rollout.gates.finding import Finding, Word, word_of
from freehold.rollout.gates.history import Looks, Sample
from freehold.rollout.gates.wealth import Differences, differences
from freehold.routing.decisions import Arm

_WARM = 20
"""Units of the incumbent from which its usual level is known. Nothing is tested before."""
_ROOM = math.log(8.0)
"""What is more than eight times as much as usual, or less than an eighth, counts as that."""
_SIDE_BY_SIDE, _APART = 0.6, 0.4
"""Shares of alpha: of the test of both arms side by side, and of that at cutover."""
_HALF = 0.5


class Level(msgspec.Struct):
    """Both arms at one stage: sums of logarithms."""

    incumbents: int = 0
    incumbent: float = 0.0
    candidates: int = 0
    candidate: float = 0.0

    def add(self, arm: Arm, log: float) -> None:
        """One more."""
        if arm == "candidate":
            self.candidates += 1
            self.candidate += log
        else:
            self.incumbents += 1
            self.incumbent += log


class LevelGate(msgspec.Struct):
    """How much something is, where more is worse: time, money. Means are geometric ones."""

    name: str
    more: str
    """`slower`, `dearer`."""
    tolerance: float | None
    alpha: float
    side: Differences
    cutover: Looks
    block: Block = msgspec.field(default_factory=Block)
    warm: Sample = msgspec.field(default_factory=Sample)
    """Logarithms of the first units of the incumbent: their mean is its usual level."""
    history: Sample = msgspec.field(default_factory=Sample)
    """Of the incumbent, within bounds."""
    stages: dict[int, Level] = {}

    def side_by_side(self, stage: int, arm: Arm, value: float) -> None:
        """A unit that was drawn to be one arm's."""
        place = self._place(stage, arm, value)
        if place is not None and (difference := self.block.add(arm, place)) is not None:
            self.side.add(-difference)

    def pair(self, stage: int, incumbent: float, candidate: float) -> None:
        """A call and its copy."""
        old = self._place(stage, "incumbent", incumbent)
        new = self._place(stage, "candidate", candidate)
        if old is not None and new is not None:
            self.side.add(old - new)

    def apart(self, stage: int, arm: Arm, value: float) -> None:
        """A unit at cutover, where the arms do not answer side by side."""
        place = self._place(stage, arm, value)
        if place is not None and arm == "candidate":
            self.cutover.add(place, self.history)

    def begin(self, stage: int) -> None:
        """The stage has begun."""
        self.side.groups.begin(stage)

    @property
    def usual(self) -> float | None:
        """What a unit of the incumbent usually is; None: not known yet."""
        return None if self.warm.n < _WARM else math.exp(self.warm.total / self.warm.n)

    def finding(self, stage: int, show: Callable[[float], str]) -> Finding:
        """What it says at this stage. `show`: a value as people read it."""
        here = self.stages.get(stage, Level())
        old = _mean(here.incumbents, here.incumbent)
        if old is None:
            every = self.stages.values()
            old = _mean(sum(one.incumbents for one in every), sum(one.incumbent for one in every))
        new = _mean(here.candidates, here.candidate)
        need = math.log(1.0 / (self.alpha * _SIDE_BY_SIDE))
        surety = 1.0 if self.side.most >= need else max(0.0, self.side.log_e / need)
        if old is None or new is None:
            word: Word = "no evidence"
            told = "Nothing is known yet of both models at this stage."
        else:
            more = new / old - 1.0
            how = f"{more:.0%} {self.more}" if more >= 0 else f"{-more:.0%} less"
            told = f"{show(new)}, with the incumbent {show(old)}: {how}"
            if self.tolerance is None:
                word, told = "no harm", f"{told}; any is tolerated."
            else:
                worse = more > self.tolerance
                if worse:
                    surety = max(surety, self.cutover.surety(self.history))
                word = word_of(worse=worse, surety=surety)
                told = f"{told}; {self.tolerance:.0%} more is tolerated."
        return Finding(
            gate=self.name, word=word, told=told, incumbent=old, candidate=new, units=here.candidates,
            surety=surety,
        )  # fmt: skip

    def _place(self, stage: int, arm: Arm, value: float) -> float | None:
        """Where it is between an eighth (0) and eight times (1) of what is usual; None: that is not known yet."""
        log = math.log(value)
        self.stages.setdefault(stage, Level()).add(arm, log)
        if self.warm.n < _WARM:
            if arm == "incumbent":
                self.warm.add(log)
            return None
        usual = self.warm.total / self.warm.n
        place = min(1.0, max(0.0, _HALF + (log - usual) / (2.0 * _ROOM)))
        if arm == "incumbent":
            self.history.add(place)
        return place


def level_gate(name: str, more: str, *, tolerance: float | None, alpha: float, stages: int) -> LevelGate:
    """A gate of which nothing is known yet."""
    margin = math.log1p(tolerance or 0.0) / (2.0 * _ROOM)
    side = differences(stages, threshold=0.0, margin=margin)
    return LevelGate(name, more, tolerance, alpha, side, Looks(alpha * _APART))


def _mean(n: int, total: float) -> float | None:
    return math.exp(total / n) if n else None
