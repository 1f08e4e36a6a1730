"""The pairwise judge: which of two answers is better, asked in both orders."""

from __future__ import annotations

import asyncio
from statistics import fmean, variance
from typing import Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.material import Section, material, question_of, said_in
from freehold.compare.judges.prompt import hash_of, request_of
from freehold.compare.judges.reply import Reply, ask_for, shortened
from freehold.compare.judges.settings import PairwiseSettings
from freehold.compare.scoring import Scored

VERSION = 1
"""Of how replies are read: another one gives another hash."""
_SCHEMA = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "better": {"type": "string", "enum": ["A", "B", "tie"]},
    },
    "required": ["reasoning", "better"],
    "additionalProperties": False,
}
_WORTH = {"A": 1, "B": -1, "tie": 0}
_WORDS = {1: "the candidate's", -1: "the incumbent's", 0: "neither", None: "no verdict"}


class _Verdict(msgspec.Struct, frozen=True):
    """What the judge has to reply with."""

    better: Literal["A", "B", "tie"]
    reasoning: str = ""


class Look(msgspec.Struct, frozen=True):
    """What was said of two answers, for the candidate: 1, 0 or -1; None: no verdict."""

    incumbent_first: int | None
    candidate_first: int | None
    why: str
    call_ids: tuple[str, ...]

    @property
    def value(self) -> int | None:
        """What both orders agree on; 0, a tie, where they do not; None where one of them is missing."""
        first, second = self.incumbent_first, self.candidate_first
        if first is None or second is None:
            return None
        return first if first == second else 0


class PairwiseJudge:
    """Judges two answers against each other: 1 where the candidate's is better, -1 where the incumbent's is."""

    def __init__(self, settings: PairwiseSettings, ask: Ask) -> None:
        self.settings = settings
        self.hash = hash_of(settings, "pairwise", VERSION)
        self._ask = ask

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case cannot be shown to a judge."""
        question_of(case, reference=self.settings.reference)

    async def compare(
        self, case: Case, incumbent: Answer, candidate: Answer, seen: list[Look] | None = None
    ) -> Scored:
        """The mean of as many looks as were wanted and came to a verdict; they are added to `seen`. Two answers that
        are the same are a tie, for which nobody is asked.
        """
        if said_in(incumbent) == said_in(candidate):
            return Scored(0.0, "Both answers are the same.")
        looks = await asyncio.gather(
            *(self._look(case, incumbent, candidate) for _ in range(self.settings.repeats))
        )
        if seen is not None:
            seen += looks
        calls = tuple(call for look in looks for call in look.call_ids)
        values = [look.value for look in looks if look.value is not None]
        if not values:
            return Scored(None, shortened(f"No verdict: {looks[0].why}."), calls)
        told = next(look for look in looks if look.value is not None)
        why = told.why
        if len(looks) > 1:
            each = ", ".join("none" if look.value is None else str(look.value) for look in looks)
            why = f"{each}. {why}"
        return Scored(fmean(values), shortened(why), calls, variance(values) if len(values) > 1 else None)

    async def close(self) -> None:
        """Nothing is held."""

    async def _look(self, case: Case, incumbent: Answer, candidate: Answer) -> Look:
        first, second = await asyncio.gather(
            self._in_order(case, incumbent, candidate), self._in_order(case, candidate, incumbent)
        )
        incumbent_first = None if first.verdict is None else -_WORTH[first.verdict.better]
        candidate_first = None if second.verdict is None else _WORTH[second.verdict.better]
        why = "; ".join(reply.why for reply in (first, second) if reply.why)
        if first.verdict is not None and second.verdict is not None:
            why = (
                f"Better: {_WORDS[incumbent_first]} with the incumbent's first, {_WORDS[candidate_first]} the other "
                f"way round. {first.verdict.reasoning} / {second.verdict.reasoning}"
            )
        return Look(incumbent_first, candidate_first, why, first.call_ids + second.call_ids)

    async def _in_order(self, case: Case, a: Answer, b: Answer) -> Reply[_Verdict]:
        question = question_of(case, reference=self.settings.reference)
        sections = [*question.sections, Section("answer-A", said_in(a)), Section("answer-B", said_in(b))]
        request = request_of(
            "pairwise", self.settings, question, shown=material(sections), form=_SCHEMA, blanks={}
        )
        return await ask_for(self._ask, self.settings.model, request, _Verdict)
