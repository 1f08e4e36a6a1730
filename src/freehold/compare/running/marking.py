"""Marks answers with the scorers of a suite, and takes over the scores that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import KeptScore, Known
from freehold.compare.case import Case
from freehold.compare.halting import Halted, ScorerFailed
from freehold.compare.pair import NOT_RECORDED, Pair
from freehold.compare.scoring import PairScorer, Scored, Scorer
from freehold.core.errors import FreeholdError, StoreError

Scores = Mapping[Known, Scored]
_FAILED = Scored(0.0, "there is no answer")
_FAILED_AGAINST = Scored(-1.0, "there is no answer")


class Named(msgspec.Struct, frozen=True):
    """A scorer with the name that it has for people."""

    kind: str
    scorer: Scorer | None = None
    pairs: PairScorer | None = None


class Marker:
    """All scorers of a suite."""

    def __init__(self, scorers: Sequence[Named], keep: Callable[[KeptScore], None]) -> None:
        """`keep` is handed every score that was not there already."""
        self._scorers = tuple(scorers)
        self._keep = keep

    async def mark(self, case: Case, answer: Answer, known: Scores) -> list[Scored]:
        """What each scorer that judges one answer says of this one. Raises ScorerFailed, and what judges raise."""
        return [
            await self._score(one.kind, one.scorer, case, answer, known)
            for one in self._scorers
            if one.scorer is not None
        ]

    async def pair(
        self,
        drawn: int,
        case: Case,
        incumbent: tuple[Answer, Sequence[Scored]],
        candidate: tuple[Answer, Sequence[Scored]],
        known: Scores,
    ) -> Pair:
        """The pair of two answers with their marks. Raises as `mark` does."""
        old, new = incumbent[0], candidate[0]
        if NOT_RECORDED in (old.failure, new.failure):
            return Pair(
                drawn=drawn, case=case, incumbent=old, candidate=new, difference=None, why="not recorded"
            )
        if old.failure is not None:
            return Pair(
                drawn=drawn, case=case, incumbent=old, candidate=new, difference=None, why="incumbent failed"
            )
        against = [
            await self._compare(one.kind, one.pairs, case, (old, new), known)
            for one in self._scorers
            if one.pairs is not None
        ]
        differences = [
            None if one.value is None or other.value is None else other.value - one.value
            for one, other in zip(incumbent[1], candidate[1], strict=True)
        ]
        differences += [one.value for one in against]
        certain = [one for one in differences if one is not None]
        is_sure = len(certain) == len(differences)
        return Pair(
            drawn=drawn,
            case=case,
            incumbent=old,
            candidate=new,
            difference=sum(certain) / len(certain) if is_sure else None,
            why=None if is_sure else "no verdict",
            incumbent_score=None if against else _mean(incumbent[1]),
            candidate_score=None if against else _mean(candidate[1]),
        )

    async def _score(self, kind: str, scorer: Scorer, case: Case, answer: Answer, known: Scores) -> Scored:
        if answer.failure is not None:
            return _FAILED
        there = known.get(Known(answer.id, "", scorer.hash))
        if there is not None:
            return there
        try:
            scored = _checked(await scorer.score(case, answer), 0.0)
        except (Halted, StoreError):
            raise
        except Exception as error:  # whatever a scorer does, what was paid for is kept
            raise _at_fault(kind, case, error) from error
        self._keep(KeptScore(answer.id, scorer.hash, scored))
        return scored

    async def _compare(
        self, kind: str, scorer: PairScorer, case: Case, answers: tuple[Answer, Answer], known: Scores
    ) -> Scored:
        old, new = answers
        if new.failure is not None:
            return _FAILED_AGAINST
        there = known.get(Known(new.id, old.id, scorer.hash))
        if there is not None:
            return there
        try:
            scored = _checked(await scorer.compare(case, old, new), -1.0)
        except (Halted, StoreError):  # of a judge, who is asked as any model is
            raise
        except Exception as error:
            raise _at_fault(kind, case, error) from error
        self._keep(KeptScore(new.id, scorer.hash, scored, against=old.id))
        return scored


def _checked(scored: Scored, least: float) -> Scored:
    """The score. Raises ValueError: it is none, and would count for more than a case may (NaN is none either)."""
    if scored.value is not None and not least <= scored.value <= 1.0:
        raise ValueError(f"{scored.value} is not between {least:g} and 1")
    return scored


def _mean(scores: Sequence[Scored]) -> float | None:
    values = [one.value for one in scores if one.value is not None]
    return sum(values) / len(values) if values and len(values) == len(scores) else None


def _at_fault(kind: str, case: Case, error: Exception) -> ScorerFailed:
    where = f"The scorer `{kind}` failed at case `{case.id}`"
    if isinstance(error, FreeholdError):
        return ScorerFailed(f"{where}: {error.message}", hint=error.hint or _HINT)
    return ScorerFailed(f"{where}: {f'{type(error).__name__}: {error}'.strip().rstrip(':')}", hint=_HINT)


_HINT = "Every answer is kept. Mend it and run the same command again: nothing is paid for twice."
