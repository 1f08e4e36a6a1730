"""Gates of rare events: calls that the model did not answer, that it declined, of which something was lost."""

from __future__ import annotations

import math

import msgspec

from freehold.rollout.gates.finding import Finding, Word, word_of
from freehold.rollout.gates.history import Looks, Sample
from freehold.rollout.gates.wealth import Events, events
from freehold.routing.decisions import Arm

_SIDE_BY_SIDE, _APART = 0.6, 0.4
"""Shares of alpha: of the test of both arms side by side, and of that at cutover."""
_EVEN = 0.5
"""Of a call and its copy, each is as likely to be the one that is hit."""


class Pairing(msgspec.Struct):
    """Both arms at one stage: 1 is a hit."""

    incumbent: Sample = msgspec.field(default_factory=Sample)
    candidate: Sample = msgspec.field(default_factory=Sample)

    def of(self, arm: Arm) -> Sample:
        """The sample of one arm."""
        return self.candidate if arm == "candidate" else self.incumbent


class RateGate(msgspec.Struct):
    """How often something happens that should not."""

    name: str
    what: str
    """Behind a share of calls: `of calls were not answered`."""
    tolerance: float
    relative: bool
    """Whether the tolerance is a share of the incumbent's hits, and not of all units."""
    alpha: float
    events: Events
    cutover: Looks
    stages: dict[int, Pairing] = {}

    def side_by_side(self, stage: int, arm: Arm, share: float, *, hit: bool) -> None:
        """A unit that was drawn to be one arm's, with this probability to be the candidate's."""
        self._seen(stage).of(arm).add(0.0)
        if hit:
            self.hit(stage, arm, share)

    def hit(self, stage: int, arm: Arm, share: float) -> None:
        """A unit that was told before is hit after all."""
        self._seen(stage).of(arm).total += 1.0
        self.events.add(arm, share)

    def pair(self, stage: int, *, incumbent: bool, candidate: bool) -> None:
        """A call and its copy."""
        seen = self._seen(stage)
        seen.incumbent.add(float(incumbent))
        seen.candidate.add(float(candidate))
        if incumbent != candidate:
            self.events.add("candidate" if candidate else "incumbent", _EVEN)

    def apart(self, stage: int, arm: Arm, *, hit: bool) -> None:
        """A unit at cutover, where the arms do not answer side by side."""
        if arm == "candidate":
            self.cutover.add(float(hit), self.history)
        self._seen(stage).of(arm).add(float(hit))

    def begin(self, stage: int) -> None:
        """The stage has begun."""
        self.events.groups.begin(stage)

    @property
    def history(self) -> Sample:
        """The incumbent's units of all stages."""
        found = Sample()
        for seen in self.stages.values():
            found.n += seen.incumbent.n
            found.total += seen.incumbent.total
        return found

    def finding(self, stage: int) -> Finding:
        """What it says at this stage."""
        here = self._seen(stage)
        incumbent = here.incumbent if here.incumbent.n else self.history
        old, new = incumbent.mean, here.candidate.mean
        surety = self._side_by_side()
        if old is None or new is None:
            word: Word = "no evidence"
            told = "Nothing is known yet of both models at this stage."
        else:
            worse = new - old > (self.tolerance * old if self.relative else self.tolerance)
            if worse:
                surety = max(surety, self.cutover.surety(self.history))
            word = word_of(worse=worse, surety=surety)
            more = f"{self.tolerance:.0%} more often" if self.relative else f"{self.tolerance:.1%} more"
            told = f"{new:.1%} {self.what}, with the incumbent {old:.1%}; {more} is tolerated."
        return Finding(
            gate=self.name, word=word, told=told, incumbent=old, candidate=new, units=here.candidate.n,
            surety=surety,
        )  # fmt: skip

    def _side_by_side(self) -> float:
        need = math.log(1.0 / (self.alpha * _SIDE_BY_SIDE))
        return 1.0 if self.events.most >= need else max(0.0, self.events.log_e / need)

    def _seen(self, stage: int) -> Pairing:
        return self.stages.setdefault(stage, Pairing())


def rate_gate(
    name: str, what: str, *, tolerance: float, alpha: float, stages: int, relative: bool = False
) -> RateGate:
    """A gate of which nothing is known yet."""
    return RateGate(name, what, tolerance, relative, alpha, events(stages), Looks(alpha * _APART))
