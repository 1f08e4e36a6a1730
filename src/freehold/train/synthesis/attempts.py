"""One attempt at a row: a question from its seed, answers to it, and the check."""

from __future__ import annotations

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.judges.asking import Ask
from freehold.train.synthesis.asked import (
    Unfit,
    answer_request,
    case_of,
    filled_in,
    question_request,
    written,
)
from freehold.train.synthesis.checking import Check, Chosen
from freehold.train.synthesis.outline import Outline
from freehold.train.synthesis.seeds import Seed


class Attempted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    seed: Seed
    question: str = ""
    request: msgspec.Raw = msgspec.Raw(b"{}")
    """What the student will be asked."""
    chosen: Chosen | None = None
    """None: it came to nothing."""
    why: str = ""
    """Why it came to nothing: a reason that attempts are counted by."""


async def attempted(outline: Outline, teacher: str, seed: Seed, check: Check, ask: Ask) -> Attempted:
    """Make an attempt. `ask` remembers what was asked for it before. Raises Halted: nothing more may be asked."""
    question = ""
    try:
        wanted = question_request(outline.question, seed)
        if wanted is None:
            question, target = filled_in(outline.question, seed)
        else:
            question, target = written(outline.question, await ask(teacher, wanted))
        case = case_of(str(seed.attempt), outline.answer, question, target, seed.values["topic"])
        request = answer_request(outline.answer, question)

        async def sample() -> Answer:
            return await ask(teacher, request)

        chosen = await check.choose(case, sample, ask)
    except Unfit as error:
        return Attempted(seed=seed, question=question, why=str(error))
    return Attempted(seed=seed, question=question, request=case.request, chosen=chosen)
