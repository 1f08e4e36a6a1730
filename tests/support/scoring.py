"""Cases and answers for scorers, as a suite and a model would have them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from freehold.compare.answer import Answer, ToolCall
from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scorers.registry import OpenScorer, scorer_of
from freehold.compare.scoring import Scored


def case_of(target: object = None, *, id: str = "one", given: bool = True) -> Case:
    raw = msgspec.Raw(msgspec.json.encode(target)) if given else msgspec.Raw()
    return Case(id=id, request=msgspec.Raw(b'{"messages":[]}'), target=raw)


def answer_of(text: str = "", *calls: tuple[str, object]) -> Answer:
    told = tuple(
        ToolCall(name, one if isinstance(one, str) else msgspec.json.encode(one).decode())
        for name, one in calls
    )
    return Answer(id="a", model="local/some", text=text, tool_calls=told)


def scorer(kind: str, **settings: Any) -> OpenScorer:
    return scorer_of(ScorerSettings(kind=kind, settings=msgspec.Raw(msgspec.json.encode(settings))))


def scored(kind: str, target: object, answer: str | Answer, **settings: Any) -> Scored:
    """The score of one answer, by a scorer that is made and closed for it."""

    async def once() -> Scored:
        one = scorer(kind, **settings)
        try:
            told = answer if isinstance(answer, Answer) else answer_of(answer)
            return await one.score(case_of(target), told)
        finally:
            await one.close()

    return asyncio.run(once())


def value(kind: str, target: object, answer: str | Answer, **settings: Any) -> float | None:
    return scored(kind, target, answer, **settings).value
