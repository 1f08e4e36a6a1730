"""The rubric judge: one answer, a score on a scale."""

from __future__ import annotations

import asyncio
from statistics import fmean, variance
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.material import Section, material, question_of, said_in
from freehold.compare.judges.prompt import hash_of, request_of
from freehold.compare.judges.reply import Reply, ask_for, shortened
from freehold.compare.judges.settings import RubricSettings
from freehold.compare.scoring import Scored

VERSION = 1
"""Of how replies are read: another one gives another hash."""


class _Verdict(msgspec.Struct, frozen=True):
    """What the judge has to reply with."""

    score: int
    reasoning: str = ""


class RubricJudge:
    """Scores answers one by one, from 0, worth nothing, to 1."""

    def __init__(self, settings: RubricSettings, ask: Ask) -> None:
        self.settings = settings
        self.hash = hash_of(settings, "rubric", VERSION)
        self._ask = ask
        levels = Annotated[int, Meta(ge=settings.low, le=settings.high)]
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [("score", levels), ("reasoning", str, "")]
        form = msgspec.defstruct("Verdict", fields, bases=(_Verdict,), frozen=True)
        assert issubclass(form, _Verdict)
        self._form: type[_Verdict] = form
        self._schema = {
            "type": "object",
            "properties": {
                "reasoning": {"type": "string"},
                "score": {"type": "integer", "enum": list(range(settings.low, settings.high + 1))},
            },
            "required": ["reasoning", "score"],
            "additionalProperties": False,
        }

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case cannot be shown to a judge."""
        question_of(case, reference=self.settings.reference)

    async def score(self, case: Case, answer: Answer) -> Scored:
        """The mean of as many verdicts as were asked for and given."""
        request = self._request(case, answer)
        model = self.settings.model
        replies = await asyncio.gather(
            *(ask_for(self._ask, model, request, self._form) for _ in range(self.settings.repeats))
        )
        return self._scored(replies)

    async def close(self) -> None:
        """Nothing is held."""

    def _request(self, case: Case, answer: Answer) -> dict[str, Any]:
        question = question_of(case, reference=self.settings.reference)
        shown = material([*question.sections, Section("answer", said_in(answer))])
        blanks = {"low": str(self.settings.low), "high": str(self.settings.high)}
        return request_of("rubric", self.settings, question, shown=shown, form=self._schema, blanks=blanks)

    def _scored(self, replies: list[Reply[_Verdict]]) -> Scored:
        low, high = self.settings.low, self.settings.high
        given = [reply.verdict for reply in replies if reply.verdict is not None]
        values = [(one.score - low) / (high - low) for one in given]
        calls = tuple(call for reply in replies for call in reply.call_ids)
        if not values:
            return Scored(None, shortened(f"No verdict: {replies[0].why}."), calls)
        why = f"{given[0].score} of {low} to {high}. {given[0].reasoning}"
        if len(replies) > 1:
            told = ", ".join("none" if one.verdict is None else str(one.verdict.score) for one in replies)
            why = f"{told} of {low} to {high}. {given[0].reasoning}"
        spread = variance(values) if len(values) > 1 else None
        return Scored(fmean(values), shortened(why), calls, spread)
