"""The gate of quality: judged copies in shadow, and what people say of calls."""

from __future__ import annotations

import math

import msgspec

from freehold.core.figures import counted
from freehold.rollout.gates.blocks import Block
from freehold.rollout.gates.finding import Finding, Word, word_of
from freehold.rollout.gates.history import Looks, Sample
from freehold.rollout.gates.wealth import Differences, differences
from freehold.routing.decisions import Arm

_LEAST_PRAISE = 5
"""Good votes that each arm needs before votes can say that the candidate may replace the incumbent. Where people only
complain, every vote is bad, and no difference between the arms means nothing.
"""
_LEAST_SHARE = 0.05
_GOOD = 0.5
_PAIRS, _VOTES, _APART = 0.5, 0.3, 0.2
"""Shares of alpha for harm: of judged pairs, of votes on both arms side by side, and of votes since cutover."""


class Scores(msgspec.Struct):
    """One source of differences of quality, tested for harm and for the verdict."""

    harm: Differences
    good: Differences

    def add(self, difference: float, *, whole: bool = True) -> None:
        """The candidate's score minus the incumbent's, of one unit. Not `whole`: it can speak against it alone."""
        self.harm.add(difference)
        if whole:
            self.good.add(-difference)

    @property
    def mean(self) -> float | None:
        """The candidate's score minus the incumbent's; None: nothing was told."""
        return self.harm.mean


class QualityGate(msgspec.Struct):
    """Differences of scores: of judged pairs, and of votes of both arms."""

    tolerance: float
    alpha: float
    """For harm."""
    alpha_good: float
    """The chance that a candidate which is worse by the tolerance or more may replace the incumbent."""
    pairs: Scores
    votes: Scores
    cutover: Looks
    block: Block = msgspec.field(default_factory=Block)
    incumbents: Sample = msgspec.field(default_factory=Sample)
    candidates: Sample = msgspec.field(default_factory=Sample)
    praise: dict[Arm, int] = {}

    def judged(self, difference: float, *, whole: bool) -> None:
        """A pair that somebody judged: the candidate's score minus the incumbent's. Not `whole`: its form alone."""
        self.pairs.add(difference, whole=whole)

    def voted(self, arm: Arm, score: float, *, side_by_side: bool) -> None:
        """What somebody said of a call, from 0 to 1."""
        if score > _GOOD:
            self.praise[arm] = self.praise.get(arm, 0) + 1
        if not side_by_side:
            if arm == "candidate":
                self.cutover.add(1.0 - score, _bad(self.incumbents))
            return
        (self.candidates if arm == "candidate" else self.incumbents).add(score)
        difference = self.block.add(arm, score)
        if difference is not None:
            self.votes.add(difference)

    def begin(self, stage: int) -> None:
        """The stage has begun. What is known of quality is known: the verdict does not begin anew."""
        for one in (self.pairs.harm, self.votes.harm):
            one.groups.begin(stage)

    @property
    def evidence(self) -> int:
        """Judged pairs, and votes on the candidate."""
        return self.pairs.harm.n + self.candidates.n + self.cutover.candidate.n

    @property
    def may_replace(self) -> bool:
        """Whether it surely is not worse than is tolerated."""
        need = math.log(2.0 / self.alpha_good)
        return self.pairs.good.most >= need or (self.votes.good.most >= need and self.are_votes_mixed)

    @property
    def are_votes_mixed(self) -> bool:
        """Whether people also praise, so that a vote tells of the answer and not only of who votes."""
        arms: tuple[tuple[Arm, Sample], ...] = (
            ("incumbent", self.incumbents),
            ("candidate", self.candidates),
        )
        return all(
            self.praise.get(arm, 0) >= max(_LEAST_PRAISE, _LEAST_SHARE * sample.n) for arm, sample in arms
        )

    def finding(self) -> Finding:
        """What it says now."""
        sureties = [0.0]
        for one, share in ((self.pairs, _PAIRS), (self.votes, _VOTES)):
            if one.mean is not None and one.mean < -self.tolerance:
                need = -math.log(self.alpha * share)
                sureties.append(one.harm.log_e / need if one.harm.most < need else 1.0)
        old, new = self.incumbents.mean, self.cutover.candidate.mean
        if old is not None and new is not None and old - (1.0 - new) > self.tolerance:
            sureties.append(self.cutover.surety(_bad(self.incumbents)))
        surety = max(sureties)
        word: Word = "no evidence" if not self.evidence else word_of(worse=surety > 0.0, surety=surety)
        if word == "no harm" and self.may_replace:
            word = "may replace"
        return Finding(
            gate="quality", word=word, told=self._told(), incumbent=self.incumbents.mean,
            candidate=self.candidates.mean, units=self.evidence,
            surety=surety,
        )  # fmt: skip

    def _told(self) -> str:
        parts = []
        if self.pairs.mean is not None:
            parts.append(f"{self.pairs.mean:+.3f} over {counted(self.pairs.harm.n, 'judged pair')}")
        if self.votes.mean is not None:
            parts.append(f"{self.votes.mean:+.3f} by {counted(self.candidates.n, 'vote')}")
            if not self.are_votes_mixed:
                parts.append("but hardly anybody praises, so votes cannot speak for it")
        if self.cutover.candidate.n:
            parts.append(f"{counted(self.cutover.candidate.n, 'vote')} since cutover")
        if not parts:
            return "Nobody has judged or voted yet."
        return f"{'; '.join(parts)}; {-self.tolerance:+.3f} is tolerated."


def _bad(scores: Sample) -> Sample:
    """How bad, where it was told how good."""
    return Sample(scores.n, scores.n - scores.total)


def quality_gate(*, tolerance: float, alpha: float, alpha_good: float, stages: int) -> QualityGate:
    """A gate of which nothing is known yet."""
    good = [differences(1, threshold=tolerance, margin=tolerance) for _ in range(2)]
    for one in good:
        one.groups.begin(0)
    pairs, votes = (Scores(differences(stages, threshold=0.0, margin=tolerance), one) for one in good)
    return QualityGate(tolerance, alpha, alpha_good, pairs, votes, Looks(alpha * _APART))
