"""The task itself: both forms answer, the answers are scored, and the pairs are tested one after another."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scorers.registry import OpenScorer, scorer_of
from freehold.compare.stats.sequential import PairedTest
from freehold.train.export.proof import Score
from freehold.train.export.questions import Question, said_of
from freehold.train.export.told import Written, common_beginning


class Answered(msgspec.Struct, frozen=True):
    """A question with what both forms wrote."""

    question: Question
    trained: Written
    served: Written
    parted: int | None
    """After how many tokens the two part; None: they are the same."""


def parted_after(trained: Sequence[int], served: Sequence[int]) -> int | None:
    """After how many tokens two answers part; None: they are the same."""
    return None if list(trained) == list(served) else common_beginning(trained, served)


class TaskTest:
    """Scores answers in pairs until it is sure, or there are no more."""

    def __init__(self, scorers: Sequence[ScorerSettings], *, margin: float, alpha: float) -> None:
        """Raises BadRequest: a scorer is not known, or asks a model."""
        self.kinds = tuple(one.kind for one in scorers)
        self.test = PairedTest(margin=margin, alpha=alpha)
        self._scorers: list[OpenScorer] = [scorer_of(one) for one in scorers]
        self._answered: list[Answered] = []
        self._scores: list[tuple[float, float]] = []

    @property
    def decided(self) -> bool:
        """Whether no further question is needed."""
        return self.test.decision is not None

    def check(self, questions: Sequence[Question]) -> None:
        """Raises BadRequest: a scorer cannot take a question's target."""
        for question in questions:
            for scorer in self._scorers:
                scorer.check(question.case)

    def add(self, unit: Sequence[Answered]) -> None:
        """The questions of one group, all of them: they are not independent of each other, and count as one."""
        pairs = asyncio.run(self._scored(unit))
        self._answered += unit
        self._scores += pairs
        if pairs:
            self.test.add(sum(served - trained for trained, served in pairs) / len(pairs))

    def close(self) -> None:
        """Gives back what the scorers hold."""

        async def all_of_them() -> None:
            for scorer in self._scorers:
                await scorer.close()

        asyncio.run(all_of_them())

    @property
    def answered(self) -> Sequence[Answered]:
        """All that were added."""
        return self._answered

    def ended(self) -> dict[str, float]:
        """The share of answers that ended by themselves, by form; empty: there are no answers."""
        if not self._answered:
            return {}
        return {
            "trained": statistics.fmean(one.trained.ended for one in self._answered),
            "served": statistics.fmean(one.served.ended for one in self._answered),
        }

    def score(self) -> Score:
        """What it came to."""
        low, high = self.test.interval() if self.test.n else (-1.0, 1.0)
        parted = [one.parted for one in self._answered if one.parted is not None]
        return Score(
            scorers=self.kinds,
            questions=len(self._answered),
            trained=statistics.fmean(one for one, _ in self._scores) if self._scores else None,
            served=statistics.fmean(one for _, one in self._scores) if self._scores else None,
            difference=self.test.difference,
            low=low,
            high=high,
            same_answers=1.0 - len(parted) / len(self._answered) if self._answered else None,
            first_difference=statistics.median(parted) if parted else None,
            ended=self.ended(),
        )

    async def _scored(self, unit: Sequence[Answered]) -> list[tuple[float, float]]:
        pairs = []
        for one in unit:
            trained = await self._score(one.question.case, one.trained)
            served = await self._score(one.question.case, one.served)
            if trained is not None and served is not None:
                pairs.append((trained, served))
        return pairs

    async def _score(self, case: Case, written: Written) -> float | None:
        reasoning, text = said_of(written.text)
        answer = Answer(
            id="",
            model="",
            text=text,
            reasoning=reasoning,
            finish_reason="stop" if written.ended else "length",
        )
        values = [(await scorer.score(case, answer)).value for scorer in self._scorers]
        certain = [one for one in values if one is not None]
        return sum(certain) / len(certain) if len(certain) == len(values) else None
