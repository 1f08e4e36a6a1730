"""A comparison from its beginning, or from where it was, to its verdicts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.budget import Budget
from freehold.compare.case import Suite
from freehold.compare.judgement import decisions
from freehold.compare.running.answers import Answers, Ask
from freehold.compare.running.drawing import Drawing
from freehold.compare.running.keeping import Keeping
from freehold.compare.running.marking import Marker, Named
from freehold.compare.running.runner import Runner
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Means, Terms
from freehold.compare.verdict import Verdict
from freehold.core.clock import microseconds
from freehold.core.errors import FreeholdError
from freehold.core.ids import new_id


class Ended(msgspec.Struct, frozen=True):
    """What a run came to."""

    comparison: Comparison
    verdicts: list[Verdict]
    asked: int
    reused: int
    spent: Decimal
    """US dollars that the answers of this comparison cost, as far as that is known; earlier runs of it included."""
    unpriced: int
    """Answers whose cost nobody knows."""


def new_comparison(suite: Suite, terms: Terms) -> Comparison:
    """A comparison that has not begun."""
    return Comparison(
        id=new_id("comparison"),
        suite=suite.id,
        terms=terms,
        state="running",
        begun_us=microseconds(time.time()),
    )


class Comparing:
    """One run of a comparison: the objects that it is made of, and its end."""

    def __init__(
        self,
        comparison: Comparison,
        suite: Suite,
        means: Means,
        shelf: SuiteShelf,
        archive: Archive,
        *,
        goes_on: bool,
    ) -> None:
        """`goes_on`: an earlier run of it did not come to its end."""
        self.comparison = comparison
        self.suite = suite
        self._means = means
        self._shelf = shelf
        self._archive = archive
        self._goes_on = goes_on

    async def run(
        self,
        ask: Ask,
        scorers: Sequence[Named],
        budget: Budget | None,
        *,
        watch: Callable[[Runner], None] = lambda _: None,
    ) -> Ended:
        """Until the end; `watch` is handed the runner before it begins. Raises ScorerFailed, BadRequest, StoreError."""
        comparison, terms, archive = self.comparison, self.comparison.terms, self._archive
        spent = archive.spent(comparison.id) if self._goes_on else (Decimal(0), 0)
        comparison = self._save(comparison, "running", None, budget)
        keeping = Keeping(archive, comparison.id, lambda: 0 if budget is None else budget.charged)
        answers = Answers(ask, keeping, comparison.id, concurrency=self._means.concurrency, spent=spent)
        units = self._shelf.units(self.suite.id)
        most = units if terms.max_cases is None else min(units, terms.max_cases)
        drawing = Drawing(comparison, self._shelf, archive, most, goes_on=self._goes_on)
        runner = Runner(
            terms,
            drawing,
            answers,
            Marker(scorers, keeping.keep_score),
            keeping,
            concurrency=self._means.concurrency,
        )
        watch(runner)
        try:
            await runner.run()
        except FreeholdError as error:
            await self._end(keeping, "failed", error.message, budget)
            raise
        except BaseException:
            await self._end(keeping, "stopped", "It was cut off.", budget)
            raise
        reason = None if runner.halted is None else runner.halted.message
        if runner.is_complete:
            await self._end(keeping, "done", None, budget)
        else:
            await self._end(keeping, "stopped", reason or "It was interrupted.", budget)
        verdicts = self._verdicts(runner)
        await asyncio.to_thread(archive.put_verdicts, verdicts)
        return Ended(
            self.comparison, verdicts, answers.asked, answers.reused, answers.spent, answers.unpriced
        )

    async def _end(self, keeping: Keeping, state: str, reason: str | None, budget: Budget | None) -> None:
        try:
            await keeping.close()
        finally:
            self.comparison = await asyncio.to_thread(self._save, self.comparison, state, reason, budget)

    def _save(
        self, comparison: Comparison, state: str, reason: str | None, budget: Budget | None
    ) -> Comparison:
        now = msgspec.structs.replace(
            comparison,
            state=state,
            reason=reason,
            charged_nano=comparison.charged_nano if budget is None else budget.charged,
            ended_us=None if state == "running" else microseconds(time.time()),
        )
        self._archive.save(now)
        return now

    def _verdicts(self, runner: Runner) -> list[Verdict]:
        comparison, terms = self.comparison, self.comparison.terms
        classes = self._shelf.classes(self.suite.id)
        named = sum(1 for name in classes if name) if len(classes) > 1 else 0
        found = decisions(terms, runner.candidacies, named, runner.stopped)
        verdicts = []
        for one in runner.candidacies:
            reported = {
                model: sorted(runner.reported[model])
                for model in (terms.incumbent, one.model)
                if model in runner.reported
            }
            cost = self._archive.cost_of(comparison.id, one.model)
            for (model, name), decision in found.items():
                if model != one.model:
                    continue
                tally = one.classes[name] if name else one.whole
                verdicts.append(
                    Verdict(
                        comparison=comparison.id,
                        incumbent=terms.incumbent,
                        candidate=one.model,
                        task_class=name,
                        decision=decision.decision,
                        reason=decision.reason,
                        margin=terms.margin,
                        alpha=terms.alpha,
                        adjusted=_adjusted(terms, name),
                        evidence=tally.evidence(),
                        suite=self.suite.id,
                        suite_hash=self.suite.hash,
                        seed=terms.seed,
                        reported_models=reported,
                        cost=cost,
                        made_us=microseconds(time.time()),
                    )
                )
        return verdicts


def _adjusted(terms: Terms, task_class: str) -> str:
    if task_class:
        return "e-bh"
    return "holm" if len(terms.candidates) > 1 else ""


def looked_up(comparison: Comparison, archive: Archive) -> Ended:
    """What a comparison came to when it was run last."""
    spent, unpriced = archive.spent(comparison.id)
    return Ended(comparison, archive.verdicts(comparison.id), 0, 0, spent, unpriced)
