"""A comparison from its beginning, or from where it was, to its verdicts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.budget import Budget
from freehold.compare.case import Suite
from freehold.compare.running.answers import Answers, Ask
from freehold.compare.running.drawing import Drawing
from freehold.compare.running.keeping import Keeping
from freehold.compare.running.marking import Marker
from freehold.compare.running.people import People
from freehold.compare.running.runner import Runner
from freehold.compare.running.scorers import Opener, check_cases, opened
from freehold.compare.running.verdicts import verdicts_of
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Means, State, Terms
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
        budget: Budget | None = None,
        *,
        watch: Callable[[Runner], None] = lambda _: None,
        scorers_of: Opener = opened,
    ) -> Ended:
        """Until the end. `budget`: None where nothing bounds it; `watch` is handed the runner before it begins.

        Raises ScorerFailed, BadRequest, StoreError.
        """
        comparison, archive, concurrency = self.comparison, self._archive, self._means.concurrency
        spent = archive.spent(comparison.id) if self._goes_on else (Decimal(0), 0)
        budget = budget or Budget(None, comparison.charged_nano)
        keeping = Keeping(archive, comparison.id, budget)
        budget.recorded_by(keeping.record)
        answers = Answers(ask, keeping, archive, comparison, concurrency=concurrency, spent=spent)
        try:
            async with scorers_of(self.suite, answers.ask) as scorers:
                await asyncio.to_thread(check_cases, self.suite, self._shelf, scorers)
                comparison = await asyncio.to_thread(self._save, comparison, "running", None, budget)
                marker = Marker(scorers, keeping.keep_score)
                people = await asyncio.to_thread(People, comparison, self.suite, archive, self._shelf)
                runner = Runner(
                    comparison.terms,
                    self._drawing(),
                    answers,
                    marker,
                    keeping,
                    concurrency=concurrency,
                    patient=people.patient(),
                )
                watch(runner)
                await runner.run()
        except FreeholdError as error:
            await self._end(keeping, "failed", error.message, budget)
            raise
        except BaseException:
            await self._end(keeping, "stopped", "It was cut off.", budget)
            raise
        reason = "It was interrupted." if runner.halted is None else runner.halted.message
        if runner.is_complete:
            await self._end(keeping, "done", None, budget)
        else:
            await self._end(keeping, "stopped", reason, budget)
        verdicts = await asyncio.to_thread(self._judge, runner)
        return Ended(
            self.comparison, verdicts, answers.asked, answers.reused, answers.spent, answers.unpriced
        )

    def _drawing(self) -> Drawing:
        comparison, most = self.comparison, self.comparison.terms.max_cases
        units = self._shelf.units(self.suite.id)
        return Drawing(
            comparison,
            self._shelf,
            self._archive,
            units if most is None else min(units, most),
            goes_on=self._goes_on,
        )

    def _judge(self, runner: Runner) -> list[Verdict]:
        verdicts = verdicts_of(
            self.comparison,
            self.suite,
            runner.candidacies,
            runner.reported,
            runner.stopped,
            shelf=self._shelf,
            archive=self._archive,
        )
        self._archive.put_verdicts(verdicts)
        return verdicts

    async def _end(self, keeping: Keeping, state: State, reason: str | None, budget: Budget) -> None:
        try:
            await keeping.close()
        finally:
            self.comparison = await asyncio.to_thread(self._save, self.comparison, state, reason, budget)

    def _save(self, comparison: Comparison, state: State, reason: str | None, budget: Budget) -> Comparison:
        now = msgspec.structs.replace(
            comparison,
            state=state,
            reason=reason,
            charged_nano=budget.owed,
            ended_us=None if state == "running" else microseconds(time.time()),
        )
        self._archive.save(now)
        return now


def looked_up(comparison: Comparison, archive: Archive) -> Ended:
    """What a comparison came to when it was run last."""
    spent, unpriced = archive.spent(comparison.id)
    return Ended(comparison, archive.verdicts(comparison.id), 0, 0, spent, unpriced)
