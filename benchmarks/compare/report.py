"""The tables of a run: for the terminal and, between their markers, for `docs/statistics.md`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.compare.measured import Run, share, worst
from benchmarks.compare.part import between
from benchmarks.compare.resampling import Result
from benchmarks.gateway.environments import ROOT

PAGE = ROOT / "docs" / "statistics.md"
_BEGIN = "<!-- figures: written by `make bench-compare` -->"
_END = "<!-- end of the figures -->"


def tables(run: Run) -> str:
    """As Markdown."""
    return "\n".join([*_errors(run), "", *_cases(run), *_strategies(run)])


def _groups(results: list[Result]) -> Iterator[tuple[str, list[Result]]]:
    """By margin and source, each with the beginning of its row; then by margin over all sources."""
    for margin in sorted({one.margin for one in results}):
        of_margin = [one for one in results if one.margin == margin]
        for source in dict.fromkeys(one.source for one in of_margin):
            group = [one for one in of_margin if one.source == source]
            yield f"| {margin:g} | {source} | {len(group)} |", group
        yield f"| **{margin:g}** | **all** | **{len(of_margin)}** |", of_margin


def _errors(run: Run) -> Iterator[str]:
    yield (
        "| margin | recorded results | pairs | wrong `replaces`: mean, largest | "
        "wrong `does not replace`: mean, largest | wrong `replaces` inside a suite: mean, largest | "
        "wrong by the fixed-n design: mean, largest |"
    )
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    for begin, group in _groups(run.results):
        in_suite = [share(one.errors.in_suite, one) for one in group if one.errors.in_suite is not None]
        columns = (
            [share(one.errors.replaces, one) for one in group],
            [share(one.errors.worse, one) for one in group],
            in_suite,
            [share(one.errors.fixed, one) for one in group],
        )
        yield begin + "".join(f" {_mean_and_largest(column)} |" for column in columns)
    count = run.results[0].resamples
    yield ""
    yield (
        f"{count:,} resamples of each pair at each margin; the Monte-Carlo error of one count (one standard deviation "
        f"at 5 %) is {math.sqrt(0.05 * 0.95 / count):.2%}."
    )
    yield (
        "The populations' means are minus the margin, to within "
        f"{max(abs(one.off) for one in run.results):.0e}. Every case was followed by a look, and whoever goes on "
        "for ever after the last one that was drawn meets a first wrong `replaces` with a chance of at most "
        f"{max(share(one.errors.later, one) for one in run.results):.2%} more: so much wealth was left (Ville)."
    )
    if run.again:
        resamples = run.again[0].resamples
        yield (
            f"The largest of {len(run.results)} counts is large by chance, too. So the {len(run.again)} largest of "
            f"`replaces` (from {min(one.first for one in run.again):.2%} to {max(one.first for one in run.again):.2%}) "
            f"were counted anew, with {resamples:,} other resamples each: the largest is then "
            f"**{worst(run):.2%}** (Monte-Carlo error {math.sqrt(0.05 * 0.95 / resamples):.2%})."
        )


def _mean_and_largest(shares: list[float]) -> str:
    return f"{np.mean(shares):.2%}, {max(shares):.2%}" if shares else "-"


def _cases(run: Run) -> Iterator[str]:
    yield (
        "| margin | recorded results | pairs | fixed-n design, 80 % power: cases | until `replaces`: median | "
        "as a multiple of fixed n: median (least to most) | 8 in 10, 9 in 10 | "
        "until `does not replace`: median, 9 in 10 |"
    )
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for begin, group in _groups(run.results):
        ratios = [one.equal.median / one.fixed for one in group]
        eight = [one.equal.eighth_decile / one.fixed for one in group]
        tails = [one.equal.ninth_decile / one.fixed for one in group]
        harm = [one.harm.median / one.fixed for one in group]
        harm_tails = [one.harm.ninth_decile / one.fixed for one in group]
        yield (
            f"{begin} {np.median([one.fixed for one in group]):,.0f} | "
            f"{np.median([one.equal.median for one in group]):,.0f} | "
            f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
            f"{_multiple(eight)}, {_multiple(tails)} | "
            f"{np.median(harm):.2f}, {_multiple(harm_tails)} |"
        )
    all_ratios = np.median([one.equal.median / one.fixed for one in run.results])
    same_power = np.median([one.equal.eighth_decile / one.fixed for one in run.results])
    yield ""
    yield (
        f"Over all pairs and margins the median number of cases is **{all_ratios:.2f}** times that of the fixed-n "
        f"design; 80 % are sure, as many as that design finds, after **{same_power:.2f}** times. "
        f"The right verdict came in {min(one.equal.right for one in run.results):.1%} of the resamples or more "
        f"for each pair; the fixed-n design found it in {min(one.fixed_right for one in run.results):.0%} to "
        f"{max(one.fixed_right for one in run.results):.0%}, as it is made to."
    )


def _strategies(run: Run) -> Iterator[str]:
    if not run.strategies:
        return
    yield ""
    yield "| how much is staked | median, as a multiple of fixed n | 9 in 10 |"
    yield "| --- | ---: | ---: |"
    for one in run.strategies:
        yield f"| {one.strategy} | {_multiple([one.median])} | {_multiple([one.ninth_decile])} |"


def _multiple(values: list[float]) -> str:
    middle = float(np.median(values))
    return f"{middle:.2f}" if math.isfinite(middle) else "not within the cases looked at"


def write_page(run: Run) -> None:
    """Put the tables into the page."""
    between(PAGE, _BEGIN, _END, f"{run.where}\n\n{tables(run)}")
