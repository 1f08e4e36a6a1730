"""The scorers of a suite, ready to be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from freehold.compare.case import ScorerSettings, Suite
from freehold.compare.judges.pairwise import PairwiseJudge
from freehold.compare.judges.registry import Judge, judge_of
from freehold.compare.judges.settings import KINDS
from freehold.compare.running.answers import Ask
from freehold.compare.running.marking import Named
from freehold.compare.scorers.registry import OpenScorer, scorer_of
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.task_settings import KIND as INSPECT
from freehold.core.errors import BadRequest

Opener = Callable[[Suite, Ask], AbstractAsyncContextManager[list[Named]]]
"""Opens the scorers of a suite; judges among them are asked with what is handed in."""


@asynccontextmanager
async def opened(suite: Suite, ask: Ask) -> AsyncIterator[list[Named]]:
    """All scorers; judges among them `ask`. Raises BadRequest: one is not known, or its settings are wrong."""
    if not suite.scorers:
        raise BadRequest(
            f"The suite `{suite.name}` has no scorer.", hint="Add it anew with one: `--scorer exact`."
        )
    held: list[OpenScorer | Judge] = []
    try:
        named = []
        for one in suite.scorers:
            scorer = await _opened(one, ask)
            held.append(scorer)
            if isinstance(scorer, PairwiseJudge):
                named.append(Named(one.kind, pairs=scorer))
            else:
                named.append(Named(one.kind, scorer))
        yield named
    finally:
        for held_one in held:
            await held_one.close()


async def _opened(scorer: ScorerSettings, ask: Ask) -> OpenScorer | Judge:
    if scorer.kind in KINDS:
        return judge_of(scorer, ask)
    if scorer.kind == INSPECT:
        from freehold.compare.inspection.scorer import InspectScorer  # noqa: PLC0415 - for suites of that kind alone

        return await asyncio.to_thread(InspectScorer, scorer, ask)  # imports for seconds
    return scorer_of(scorer, others=(*KINDS, INSPECT))


def check_cases(suite: Suite, shelf: SuiteShelf, scorers: Sequence[Named]) -> None:
    """Raises BadRequest: a scorer cannot take a case. Better now than when answers have been paid for. Waits."""
    checks = [
        check for one in scorers if (check := getattr(one.scorer or one.pairs, "check", None)) is not None
    ]
    if checks:
        for case in shelf.cases(suite.id):
            for check in checks:
                check(case)
