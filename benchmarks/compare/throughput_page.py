"""What the runners took, and how it is told in docs/performance.md."""

from __future__ import annotations

import msgspec

from benchmarks.compare.part import Figures, between
from benchmarks.gateway.environments import ROOT

_PAGE = ROOT / "docs" / "performance.md"
_BEGIN = "<!-- figures of comparisons: written by `make bench-compare` -->"
_END = "<!-- end of the figures of comparisons -->"


class Measured(msgspec.Struct, frozen=True):
    """What one process took from its start to its end."""

    answers: int
    processor_s: float
    wall_s: float
    peak_mb: float


class Rate(msgspec.Struct, frozen=True):
    """Scored answers."""

    concurrency: int
    per_core_s: float
    """For a second of the processor's time, of one core; starting up is not counted."""
    started_per_core_s: float
    """The same of the long run with all that it takes to start."""
    per_wall_s: float
    """For a second of the clock, from start to end of the long run."""
    peak_mb: float


class Run(msgspec.Struct, frozen=True):
    """All of it."""

    where: str
    ours: Rate
    theirs: Rate | None
    """None: Inspect AI is not there."""
    memory: dict[int, Measured]
    """By the number of cases."""
    inspect_version: str = ""


def figures_of(run: Run | None) -> Figures:
    """The figures that the project is held to; None: not measured."""
    if run is None:
        return {"cases_per_s_ratio_inspect": None}
    ours, theirs = run.ours, run.theirs
    return {
        "cases_per_s_ratio_inspect": round(ours.per_core_s / theirs.per_core_s, 2) if theirs else None,
        "with_start_ratio_inspect": round(ours.started_per_core_s / theirs.started_per_core_s, 2)
        if theirs
        else None,
        "wall_ratio_inspect": round(ours.per_wall_s / theirs.per_wall_s, 2) if theirs else None,
        "answers_per_core_s": round(ours.per_core_s, 1),
        "answers_per_core_s_inspect": round(theirs.per_core_s, 1) if theirs else None,
        **{f"peak_mb_{many}": round(one.peak_mb, 1) for many, one in run.memory.items()},
    }


def tables(run: Run) -> str:
    """Both, in Markdown."""
    lines = [
        "| runner | at once | scored answers for a second of a core | with starting up | for a second of the clock | "
        "peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in (("Freehold", run.ours), (f"Inspect AI {run.inspect_version}".strip(), run.theirs)):
        if one is not None:
            rates = f"{one.per_core_s:,.0f} | {one.started_per_core_s:,.0f} | {one.per_wall_s:,.0f}"
            lines.append(f"| {name} | {one.concurrency} | {rates} | {one.peak_mb:,.0f} MB |")
    if run.theirs is not None:
        figures = figures_of(run)
        lines += [
            "",
            f"That is **{figures['cases_per_s_ratio_inspect']:.1f} times** as many for a second of a core "
            f"({figures['with_start_ratio_inspect']:.1f} times with starting up), and "
            f"{figures['wall_ratio_inspect']:.1f} times as many for a second of the clock.",
        ]
    if run.memory:
        lines += [
            "",
            f"Whole comparisons from their start to their verdicts, {run.ours.concurrency} at once:",
            "",
            "| cases | answers | processor time | answers for a second of a core | peak memory |",
            "| ---: | ---: | ---: | ---: | ---: |",
        ]
        lines += [
            f"| {many:,} | {one.answers:,} | {one.processor_s:,.1f} s | {one.answers / one.processor_s:,.0f} | "
            f"{one.peak_mb:,.0f} MB |"
            for many, one in run.memory.items()
        ]
    return "\n".join(lines)


def write_page(run: Run) -> None:
    """Put the tables into the page."""
    between(_PAGE, _BEGIN, _END, f"{run.where}\n\n{tables(run)}")
