"""Tables and figures about judges, and their chart, in docs/judges.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from benchmarks.compare.charts import dressed
from benchmarks.compare.judges_results import Run
from benchmarks.compare.part import Figures, between
from benchmarks.gateway.environments import ROOT

_PAGE = ROOT / "docs" / "judges.md"
_CHART = ROOT / "docs" / "images" / "judges.svg"
_BEGIN = "<!-- figures: written by `make bench-compare` -->"
_END = "<!-- end of the figures -->"
_METHODS = ("judge alone", "labels alone", "corrected")
_COLOURS = ("#c0392b", "#9aa5ad", "#0b6e4f")
_TITLES = (
    "judge",
    "same in both orders",
    "people",
    "judge",
    "error of the judge",
    "of labels alone",
    "corrected",
    "coverage",
    "weight of the judge",
    "error by rates",
    "coverage",
    "refused",
)


def figures_of(run: Run | None) -> Figures:
    """The figures that count; None: not measured."""
    if run is None:
        return {"judge_error_raw": None, "judge_error_corrected": None, "judge_coverage": None}
    return {f"judge_{name}": round(value, 4) for name, value in over_all(run).items()}


def over_all(run: Run) -> dict[str, float]:
    """Mean errors over all judges, and coverages of the corrected interval."""
    results = run.results
    coverages = [one.powered_coverage for one in results]
    return {
        "error_raw": _mean(one.raw_error for one in results),
        "error_labels_alone": _mean(one.labels_error for one in results),
        "error_corrected": _mean(one.powered_error for one in results),
        "nearer": sum(one.powered_error < one.raw_error for one in results),
        "coverage": _mean(coverages),
        "coverage_least": min(coverages),
        "coverage_most": max(coverages),
    }


def tables(run: Run) -> str:
    """All tables, in Markdown."""
    figures = over_all(run)
    lines = [
        f"{run.resamples:,} resamples of {run.pairs} pairs that only the judge has seen and {run.labels} that people "
        "have labelled, too; what people say of all recorded pairs is the truth. Errors are mean distances to it; a "
        "difference goes from -1 to 1.",
        "",
        f"Over all judges the raw estimate is off by {figures['error_raw']:.3f}, the labels alone by "
        f"{figures['error_labels_alone']:.3f}, the corrected estimate by **{figures['error_corrected']:.3f}**, "
        f"nearer than the raw one for {figures['nearer']} of {len(run.results)} judges; its "
        f"95 % interval holds the truth in **{figures['coverage']:.1%}** of resamples (from "
        f"{figures['coverage_least']:.1%} to {figures['coverage_most']:.1%}).",
        "",
        *_table(
            _TITLES,
            (
                (
                    f"{one.source}: {one.judge}",
                    "" if one.consistency is None else f"{one.consistency:.0%}",
                    f"{one.truth:+.2f}",
                    f"{one.judge_says:+.2f}",
                    f"{one.raw_error:.3f}",
                    f"{one.labels_error:.3f}",
                    f"{one.powered_error:.3f}",
                    f"{one.powered_coverage:.1%}",
                    f"{one.weight:.2f}",
                    _or_dash(one.rates_error, ".3f"),
                    _or_dash(one.rates_coverage, ".1%"),
                    f"{one.rates_refused:.0%}",
                )
                for one in run.results
            ),
        ),
    ]
    if run.elsewhere:
        lines += [
            "",
            "Error rates with labels of other pairs (MT-Bench, FairEval, LLMEval²) than those that are compared "
            "(LLMBar's own, three quarters of them made to mislead judges): the promise does not hold where the judge "
            "errs differently.",
            "",
            *_table(
                ("judge", "people", "error of the judge", "error by rates", "coverage", "refused"),
                (
                    (
                        one.judge,
                        f"{one.truth:+.2f}",
                        f"{one.raw_error:.3f}",
                        _or_dash(one.rates_error, ".3f"),
                        _or_dash(one.rates_coverage, ".1%"),
                        f"{one.rates_refused:.0%}",
                    )
                    for one in run.elsewhere
                ),
            ),
        ]
    if run.repeats is not None:
        told = run.repeats
        lines += [
            "",
            f"Repeated verdicts: GPT-4 scored {told.answers} answers three times each. All three scores are the same "
            f"for {told.all_the_same:.0%}; the variance of one score around the mean of many is {told.within:.4f} (as "
            f"a share of the scale, squared), between answers it is {told.between:.4f}. Three verdicts instead of one "
            f"bring the judge's own noise from {told.within / (told.within + told.between):.0%} to "
            f"{told.within / 3 / (told.within / 3 + told.between):.0%} of what varies.",
        ]
    lines += [f"Left out, as it is not in the data folder: {name}." for name in run.absent]
    return "\n".join(lines)


def write_page(run: Run) -> None:
    """Tables into the page, and the chart beside it."""
    _CHART.parent.mkdir(exist_ok=True)
    _draw(run, _CHART)
    picture = (
        "![Distance to what people say, for each judge: alone, labels alone, corrected](images/judges.svg)"
    )
    between(_PAGE, _BEGIN, _END, f"{run.where}\n\n{tables(run)}\n\n{picture}")


def _draw(run: Run, to: Path) -> None:
    rows: list[dict[str, Any]] = []
    for one in run.results:
        errors = (one.raw_error, one.labels_error, one.powered_error)
        for method, error in zip(_METHODS, errors, strict=True):
            rows.append({"judge": f"{one.source}: {one.judge}", "method": method, "error": error})
    order = [f"{one.source}: {one.judge}" for one in sorted(run.results, key=lambda one: -one.raw_error)]
    chart = (
        alt.Chart({"values": rows})
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=alt.X(
                "error:Q", title="mean distance to what people say", axis=alt.Axis(format=".1f", tickCount=8)
            ),
            y=alt.Y("judge:N", sort=order, title=None, axis=alt.Axis(grid=True, labelLimit=300, ticks=False)),
            color=alt.Color(
                "method:N",
                title=None,
                scale=alt.Scale(domain=list(_METHODS), range=list(_COLOURS)),
                legend=alt.Legend(orient="top"),
            ),
            shape=alt.Shape("method:N", title=None, scale=alt.Scale(domain=list(_METHODS))),
        )
        .properties(
            width=470,
            height=24 * len(order),
            title=alt.TitleParams(
                "How far from people: a judge alone, people's labels alone, and both together",
                subtitle=f"Mean distance over {run.resamples:,} resamples, {run.labels} labels each",
            ),
        )
    )
    dressed(chart).save(str(to))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
