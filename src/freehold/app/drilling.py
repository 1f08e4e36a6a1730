"""A drill, from settings and the words of a command to its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from freehold.app.drill_scope import Scope, Wanted
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.config.settings import Settings
    from freehold.rollout.drills.asking import Outcome
    from freehold.rollout.drills.figures import CostOf, Row
    from freehold.rollout.drills.rehearsal import Rehearsal
    from freehold.rollout.drills.report import Report
    from freehold.rollout.drills.sample import Sample

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

Told = Callable[[str, int, int], None]
"""Title of a fault, calls that have an answer, and how many there are."""


class Drill:
    """A drill that is about to be run. Nothing is asked or changed before `run`."""

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        """Raises what Scope raises."""
        self.scope = Scope(settings, wanted)

    def run(self, told: Told = lambda title, done, of: None) -> Report:
        """Run it to its end. Raises StoreError, SettingsError."""
        import uvloop

        return uvloop.run(self._run(told))

    def keep(self, report: Report) -> None:
        """Keep what was found in the data folder: others go by it. Raises StoreError."""
        from freehold.rollout.drills.keeping import keep

        if report.rows:
            keep(self.scope.settings.data, report)

    async def _run(self, told: Told) -> Report:
        import asyncio

        from freehold.app.drill_readings import Readings
        from freehold.app.drill_stage import open_stage
        from freehold.rollout.drills.noticing import notices_of
        from freehold.rollout.drills.rehearsal import Spending
        from freehold.rollout.drills.report import Report, conclude

        scope, wanted = self.scope, self.scope.wanted
        began = scope.clock.tick()
        readings = Readings(scope)
        standing = await asyncio.to_thread(readings.standing)
        samples = await asyncio.to_thread(readings.samples)
        spending = Spending(None if wanted.simulated else wanted.budget)
        rows: list[Row] = []
        swapped: list[Outcome] = []
        unasked = 0
        if any(sample.calls for sample in samples):
            async with open_stage(scope, spending) as rehearsal:
                rows, swapped = await self._rehearse(rehearsal, samples, readings.cost_of, told)
                unasked = rehearsal.unasked
        routes = readings.routes(samples)
        doubling = await asyncio.to_thread(readings.doubling, standing)
        conclusion, reasons = conclude(
            tuple(rows),
            routes,
            require=wanted.require,
            least_calls=wanted.least_calls,
            price_alone=all(fault.script is None for fault in scope.faults),
        )
        if not scope.routes:
            reasons = (f"No route asks `{wanted.lose}`, and nobody called its models by their names.",)
        if unasked and conclusion == "survived":
            conclusion = "not enough evidence"
            reasons = (f"The budget was used up with {unasked:,} calls left.",)
        whole = [row.survival for row in rows if not row.task]
        return Report(
            id=scope.id,
            made_us=scope.now_us,
            lost=wanted.lose,
            providers=tuple(sorted(scope.lost)),
            conclusion=conclusion,
            reasons=reasons,
            require=wanted.require,
            survivors="simulated" if wanted.simulated else "real",
            seed=wanted.seed,
            days=wanted.days,
            routes=routes,
            rows=tuple(rows),
            least=min(whole) if whole else None,
            notices=tuple(notices_of(samples, swapped, scope.lost)),
            doubling=doubling,
            quality=tuple(readings.qualities(standing)),
            state=tuple(await asyncio.to_thread(readings.state, samples)),
            spent=spending.spent,
            unpriced=spending.unpriced,
            unasked=unasked,
            seconds=scope.clock.tick() - began,
        )

    async def _rehearse(
        self, rehearsal: Rehearsal, samples: Sequence[Sample], cost_of: CostOf, told: Told
    ) -> tuple[list[Row], list[Outcome]]:
        from freehold.rollout.drills.figures import rows_of

        calls = [call for sample in samples for call in sample.calls]
        rows: list[Row] = []
        swapped: list[Outcome] = []
        asked = [fault for fault in self.scope.faults if fault.script is not None]
        for fault in asked:
            counting = _Counting(fault.title, len(calls), told)
            outcomes = await rehearsal.under(fault, calls, counting)
            rows += rows_of(outcomes, title=fault.title, cost_of=cost_of)
            if fault.answers:
                swapped = outcomes
        if len(asked) > 1:
            title = "all, one after another"
            outcomes = await rehearsal.in_sequence(asked, calls, _Counting(title, len(calls), told))
            rows += rows_of(outcomes, title=title, cost_of=cost_of)
        return rows, swapped


class _Counting:
    """Tells how far one fault has come."""

    def __init__(self, title: str, of: int, told: Told) -> None:
        self._title = title
        self._of = of
        self._told = told
        self._done = 0

    def __call__(self, outcome: Outcome) -> None:
        self._done += 1
        self._told(self._title, self._done, self._of)


def check_place(path: Path) -> None:
    """Raises BadRequest: no file can be written there. Better now than when answers have been paid for."""
    import os

    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadRequest(f"`{path}` cannot be written.", hint="Name another file with `--html`.")


def write_drill_page(report: Report, path: Path) -> int:
    """Write a report's page and return its size in bytes. Raises BadRequest: it cannot be written."""
    from freehold.rollout.drills.page import page_of

    page = page_of(report).encode()
    try:
        path.write_bytes(page)
    except OSError as error:
        raise BadRequest(
            f"`{path}` cannot be written: {error.strerror}.", hint="Name another file with `--html`."
        ) from None
    return len(page)
