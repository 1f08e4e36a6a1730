"""What came of a synthesis, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from freehold.core.figures import counted, money
from freehold.train.synthesis.diversity import Diversity, diversity_of
from freehold.train.synthesis.memory import Memory
from freehold.train.synthesis.runner import Runner

if TYPE_CHECKING:
    from freehold.train.synthesis.diversity import Embed

End = Literal["complete", "calls", "budget", "halted", "attempts", "interrupted"]
"""
complete     as many rows as were wanted
calls        the calls are used up
budget       the money is used up
halted       a limit of the owner is used up, or a model may not be asked
attempts     so many attempts came to nothing that it was given up
interrupted  by a person
"""


class Synthesised(msgspec.Struct, frozen=True, kw_only=True):
    """The report."""

    id: str
    """In the ledger its calls have it in place of a key's id."""
    teacher: str
    end: End
    why: str | None
    """Of an end before there were rows enough, a sentence."""
    wanted: int
    attempts: int
    kept: int
    left_out: dict[str, int]
    """Attempts that came to nothing, by reason."""
    cells: int
    """Of the grid."""
    covered: int
    """Cells with at least one row."""
    calls: int
    """In earlier runs and this one."""
    asked: int
    """Calls of this run; the others were remembered."""
    dollars: Decimal | None
    """Of all calls; None: unknown."""
    written_tokens: int
    questions: Diversity
    answers: Diversity

    @property
    def share_kept(self) -> float:
        """Of all attempts."""
        return self.kept / self.attempts if self.attempts else 0.0

    @property
    def coverage(self) -> float:
        """The share of the grid's cells that have a row."""
        return self.covered / self.cells


def report_of(
    name: str,
    teacher: str,
    runner: Runner,
    memory: Memory,
    *,
    cells: int,
    end: End,
    embed: Embed | None = None,
) -> Synthesised:
    """Add it up. `embed`: what turns texts into vectors, where there is something."""
    kept = runner.kept
    answers = [one.chosen.answer.text for one in kept if one.chosen is not None]
    return Synthesised(
        id=name,
        teacher=teacher,
        end=end,
        why=None if runner.halted is None else runner.halted.message,
        wanted=runner.outline.rows,
        attempts=runner.attempts,
        kept=len(kept),
        left_out=dict(runner.left_out.most_common()),
        cells=cells,
        covered=len({one.seed.cell for one in kept}),
        calls=memory.calls,
        asked=memory.asked,
        dollars=memory.spent,
        written_tokens=memory.written_tokens,
        questions=diversity_of([one.question for one in kept], embed),
        answers=diversity_of(answers, embed),
    )


def notes_of(report: Synthesised) -> Iterator[str]:
    """What whoever trains on it has to know, one sentence each."""
    cost = "an unknown sum" if report.dollars is None else money(report.dollars)
    yield (
        f"`{report.teacher}` wrote its answers ({report.id}): {counted(report.kept, 'row')} of "
        f"{counted(report.attempts, 'attempt')}, from {report.covered} of {counted(report.cells, 'cell')} of the grid, "
        f"with {counted(report.calls, 'call')} for {cost}."
    )
    if report.end != "complete":
        yield f"It ended before the {report.wanted:,} rows that were wanted were there ({report.end})."
    words, overlap = report.answers.distinct_2, report.answers.overlap
    if words is not None and overlap is not None:
        yield f"Of pairs of words in its answers {words:.0%} are new; two answers overlap by {overlap:.2f} on average."
