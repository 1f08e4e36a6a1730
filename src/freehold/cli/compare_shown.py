"""The outcome of a comparison as people and programs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from freehold.cli.output import Column, Listing, fold, plain, write
from freehold.compare.shown import ShownComparison, show_comparison
from freehold.core.figures import count, counted, money

if TYPE_CHECKING:
    from freehold.compare.running.comparing import Ended
    from freehold.compare.verdict import Evidence, Verdict


def as_json(ended: Ended) -> ShownComparison:
    """Everything that a verdict carries."""
    return show_comparison(
        ended.comparison,
        ended.verdicts,
        spent=ended.spent,
        unpriced=ended.unpriced,
        asked=ended.asked,
        reused=ended.reused,
    )


def show(ended: Ended) -> None:
    """A table of all verdicts, and below it the reasons."""
    terms = ended.comparison.terms
    of_route = f" of `{terms.route}`" if terms.route else ""
    write(
        fold(
            f"May it replace {plain(terms.incumbent)}{plain(of_route)}? At most {terms.margin:g} worse in mean score, "
            f"wrong in at most {terms.alpha * 100:.3g} % of comparisons."
        )
        + "\n\n"
    )
    listing = Listing(
        [
            Column("CANDIDATE", width=40),
            Column("VERDICT"),
            Column("DIFFERENCE", right=True),
            Column("FROM", right=True, rank=2),
            Column("TO", right=True, rank=2),
            Column("PAIRS", right=True),
            Column("BETTER", right=True, rank=4),
            Column("WORSE", right=True, rank=4),
            Column("ALIKE", right=True, rank=4),
            Column("COST", right=True, rank=3),
        ]
    )
    listing.write(_row(one) for one in ended.verdicts)
    write("\n")
    for one in ended.verdicts:
        if not one.task_class:
            write(
                fold(f"{plain(one.candidate)}: {plain(one.decision)}. {plain(one.reason)}", indent=2) + "\n"
            )
            for note in (one.evidence.correction, *one.notes):
                if note:
                    write(fold(f"  {plain(note)}", indent=2) + "\n")
    for sentence in _how_shared(ended):
        write(fold(sentence) + "\n")
    asked = f"{counted(ended.asked, 'answer')} asked for, {ended.reused:,} there already; "
    unknown = f", and {counted(ended.unpriced, 'answer')} whose cost is not known" if ended.unpriced else ""
    write(fold(f"{ended.comparison.id}: {asked}{money(ended.spent)} spent{unknown}.") + "\n")


def _how_shared(ended: Ended) -> Iterator[str]:
    """How the error rate was shared among candidates, and among classes of tasks."""
    alpha = f"{ended.comparison.terms.alpha:.3g}"
    used = {one.adjusted for one in ended.verdicts}
    for how in ("e-holm", "bonferroni"):
        if how in used:
            yield f"Among candidates ({_SHARED[how]}): that any verdict is wrong has a chance of {alpha} at most."
    if "e-bh" in used:
        yield (
            f"Among a candidate's classes of tasks (e-BH): of those told to be sure, {alpha} are wrong on average "
            "at most."
        )
    if "holm" in used:
        yield f"Among a candidate's classes of tasks (Holm): that any is wrong has a chance of {alpha} at most."


_SHARED = {"e-holm": "e-Holm", "bonferroni": "Bonferroni"}


def _row(one: Verdict) -> tuple[str, ...]:
    evidence = one.evidence
    return (
        f"  {one.task_class}" if one.task_class else one.candidate,
        one.decision,
        _signed(evidence.difference),
        *_interval(evidence),
        count(evidence.n),
        count(evidence.wins),
        count(evidence.losses),
        count(evidence.ties),
        "" if one.task_class else money(one.cost),
    )


def _interval(evidence: Evidence) -> tuple[str, str]:
    return ("-", "-") if not evidence.n else (_signed(evidence.low), _signed(evidence.high))


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
