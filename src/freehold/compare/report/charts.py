"""The charts of a report, in Vega-Lite. Colours are names of the page's own, so that they follow its scheme.

Each comes with what it shows in words, for those who cannot see it, and with the figures that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import altair as alt
import msgspec

from freehold.compare.report.report import Cost, Course, Latency, Report
from freehold.compare.report.wording import dollars, seconds, signed, states, told

_INK, _FAINT, _PAPER = "var(--ink)", "var(--line)", "var(--paper)"
_COLOURS = [f"var(--model-{number})" for number in range(8)]
"""The incumbent's first. Told apart by dashes and marks, too."""
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 2], [1, 3], [6, 2, 2, 2]]
_SHAPES = ["square", "circle", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "stroke"]

_LETTERS_ABREAST = 24
"""Of candidates' names, which stand side by side on a phone."""


class Table(msgspec.Struct, frozen=True):
    """The figures of a chart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Chart(msgspec.Struct, frozen=True):
    """A chart with its words and figures."""

    id: str
    title: str
    alternative: str
    """What it shows, for those who do not see it."""
    caption: str
    table: Table
    spec: dict[str, Any]
    least_width: int = 0
    """Pixels; where there is less room it is scrolled."""


def charts_of(report: Report) -> dict[str, Chart]:
    """Those for which there is something to draw, by their ids."""
    return {one.id: one for one in _all(report)}


def _all(report: Report) -> Iterator[Chart]:
    for at, course in enumerate(report.courses):
        if course.steps:
            yield _course(f"course-{at}", course, report, _COLOURS[1 + at % 7])
    priced = [one for one in report.costs if one.each is not None and one.difference is not None]
    if priced:
        yield _costs(priced, report)
    if report.latencies:
        yield _latencies(report.latencies, report)
    classes = sorted({one.task_class for one in report.verdicts if one.task_class})
    if classes:
        yield _classes(classes, report)


def _thousand(one: Cost) -> Decimal:
    return (one.each or Decimal(0)) * 1000


def _spec(chart: Any, height: int, *, right: int = 10) -> dict[str, Any]:
    room = {"left": 4, "top": 8, "bottom": 4, "right": right}
    shaped = chart.properties(width="container", height=height, padding=room)
    spec: dict[str, Any] = shaped.to_dict()
    return spec


def _course(name: str, course: Course, report: Report, colour: str) -> Chart:
    margin, last = report.terms.margin, course.steps[-1]
    rows = [{"n": s.n, "difference": s.difference, "low": s.low, "high": s.high} for s in course.steps]
    lines = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("n:Q", title="Units counted", axis=alt.Axis(tickMinStep=1, format=",d"))
    )
    tips = [
        alt.Tooltip("n:Q", title="Units", format=","),
        *(alt.Tooltip(f"{one}:Q", format="+.3f") for one in ("difference", "low", "high")),
    ]
    later = [s.difference for s in course.steps[len(course.steps) // 4 :]]
    least, most = min(-2 * margin, last.low, *later), max(2 * margin, last.high, *later)
    room = (most - least) * 0.25
    y = alt.Y(
        "low:Q",
        title="Difference in mean score",
        axis=alt.Axis(format="+.2f"),
        scale=alt.Scale(domain=[max(-1.0, least - room), min(1.0, most + room)], nice=False),
    )
    # Early intervals reach from -1 to 1: cut off, so that the end can be seen.
    band = lines.mark_area(opacity=0.22, color=colour, clip=True).encode(y=y, y2="high:Q")
    middle = lines.mark_line(color=colour, strokeWidth=2, clip=True).encode(y="difference:Q", tooltip=tips)
    margins = (
        alt.Chart(alt.InlineData(values=[{"y": -margin}]))
        .mark_rule(color=_INK, strokeDash=[6, 4])
        .encode(y="y:Q")
    )
    zero = alt.Chart(alt.InlineData(values=[{"y": 0}])).mark_rule(color=_FAINT).encode(y="y:Q")
    end = (
        alt.Chart(alt.InlineData(values=[rows[-1]]))
        .mark_point(filled=True, size=90, color=colour, stroke=_PAPER, opacity=1)
        .encode(x="n:Q", y="difference:Q", tooltip=tips)
    )
    stopped = (
        alt.Chart(alt.InlineData(values=[rows[-1]])).mark_rule(color=_INK, strokeWidth=1).encode(x="n:Q")
    )
    return Chart(
        id=name,
        title=course.candidate,
        alternative=(
            f"The difference of {course.candidate} to the incumbent after each unit, with its interval. It ends after "
            f"{last.n:,} units at {signed(last.difference)}, between {signed(last.low)} and {signed(last.high)}; the "
            f"margin is {signed(-margin)}."
        ),
        caption=" ".join(_about_course(course, margin)),
        table=Table(
            ("Units", "Difference", "From", "To"),
            tuple((f"{s.n:,}", signed(s.difference), signed(s.low), signed(s.high)) for s in course.steps),
        ),
        spec=_spec(alt.layer(zero, band, margins, stopped, middle, end), 240),
    )


def _about_course(course: Course, margin: float) -> Iterator[str]:
    yield f"The dashed line is the margin, {-margin:g}."
    yield f"It ended after {told(course.steps[-1].n, 'unit')}: {course.decision}."
    if course.by_people:
        yield "Labels of people decided, at the end: what is drawn are the judge's scores, without them."
    else:
        yield states(course.decision)
    yield "The band holds at all times at once, so it may be looked at whenever one likes."


def _costs(costs: Sequence[Cost], report: Report) -> Chart:
    rows = [
        {
            "model": one.model,
            "cost": float(_thousand(one)),
            "difference": one.difference,
            "low": one.low if one.low is not None else one.difference,
            "high": one.high if one.high is not None else one.difference,
            "frontier": "yes" if one.frontier else "no",
        }
        for one in costs
    ]
    names, colours, _, shapes = _looks(report)
    x = alt.X(
        "cost:Q",
        title="US dollars for 1,000 answers",
        axis=alt.Axis(format="$~g", tickCount=5),
        scale=alt.Scale(zero=True, nice=True),
    )
    tips = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("cost:Q", title="For 1,000 answers", format="$.4~g"),
        alt.Tooltip("difference:Q", title="Difference", format="+.3f"),
        alt.Tooltip("frontier:N", title="On the frontier"),
    ]
    whole = alt.Chart(alt.InlineData(values=rows))
    span = whole.mark_rule(strokeWidth=1.5).encode(
        x=x,
        y=alt.Y(
            "low:Q",
            title="Difference to the incumbent",
            axis=alt.Axis(format="+.2f"),
            scale=alt.Scale(padding=14, nice=False),
        ),
        y2="high:Q",
        color=alt.Color("model:N", scale=alt.Scale(domain=names, range=colours), legend=_legend()),
    )
    points = whole.mark_point(filled=True, size=130, opacity=1).encode(
        x=x,
        y="difference:Q",
        color=alt.Color("model:N", scale=alt.Scale(domain=names, range=colours), legend=_legend()),
        shape=alt.Shape("model:N", scale=alt.Scale(domain=names, range=shapes), legend=_legend()),
        tooltip=tips,
    )
    best = [
        {"cost": float(_thousand(one)), "difference": one.difference}
        for one in sorted(costs, key=_thousand)
        if one.frontier
    ]
    frontier = (
        alt.Chart(alt.InlineData(values=best))
        .mark_line(color=_INK, strokeDash=[4, 3], interpolate="step-after", opacity=0.7)
        .encode(x=x, y="difference:Q")
    )
    said = "; ".join(
        f"{one.model} costs {dollars(_thousand(one))} and differs by {signed(one.difference)}"
        for one in costs
    )
    return Chart(
        id="costs",
        title="Quality against cost",
        alternative=f"Difference to the incumbent against what 1,000 answers cost: {said}.",
        caption=_about_frontier(costs),
        table=Table(
            ("Model", "For 1,000 answers", "Difference", "From", "To", "Frontier", "Answers", "Cost unknown"),
            tuple(
                (
                    one.model,
                    dollars(_thousand(one)),
                    signed(one.difference),
                    signed(one.low),
                    signed(one.high),
                    "yes" if one.frontier else "no",
                    f"{one.answers:,}",
                    f"{one.unknown:,}",
                )
                for one in costs
            ),
        ),
        spec=_spec(alt.layer(frontier, span, points), 280),
    )


def _about_frontier(costs: Sequence[Cost]) -> str:
    best = [one.model for one in costs if one.frontier]
    if len(best) == 1:
        frontier = f"The frontier is {best[0]} alone: no other one is cheaper, and none is better."
    else:
        frontier = "On the dashed line, the frontier, are those whom no other one beats at both."
    return f"To the left is cheaper, above is better. {frontier} Lines through marks are the intervals."


def _latencies(latencies: Sequence[Latency], report: Report) -> Chart:
    rows = [
        {"model": one.model, "seconds": max(took, 0.001), "share": share}
        for one in latencies
        for took, share in one.shares
    ]
    names, colours, dashes, _ = _looks(report)
    drawn = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(interpolate="linear", strokeWidth=2.2)
        .encode(
            x=alt.X(
                "seconds:Q",
                title="Seconds to the end of the answer",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~g", tickCount=5),
            ),
            y=alt.Y("share:Q", title="Answers that took no longer", axis=alt.Axis(format=".0%")),
            color=alt.Color("model:N", scale=alt.Scale(domain=names, range=colours), legend=_legend()),
            strokeDash=alt.StrokeDash(
                "model:N", scale=alt.Scale(domain=names, range=dashes), legend=_legend()
            ),
            order="share:Q",
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("share:Q", format=".0%"),
                alt.Tooltip("seconds:Q", format=".3~g"),
            ],
        )
    )
    said = "; ".join(
        f"{one.model}: half within {seconds(one.median_s)}, nine of ten within {seconds(one.p90_s)}"
        for one in latencies
    )
    return Chart(
        id="latencies",
        title="How long answers took",
        alternative=f"The share of answers that took no longer than so many seconds. {said}.",
        caption=(
            "Further to the left is faster. Answers taken over from earlier comparisons keep the time they took then."
        ),
        table=Table(
            ("Model", "Answers", "Half within", "90 % within", "99 % within"),
            tuple(
                (one.model, f"{one.n:,}", seconds(one.median_s), seconds(one.p90_s), seconds(one.p99_s))
                for one in latencies
            ),
        ),
        spec=_spec(drawn, 240),
    )


def _classes(classes: Sequence[str], report: Report) -> Chart:
    margin = report.terms.margin
    signs = {"replaces": "✓", "does not replace": "✗", "undecided": "?"}
    found = [one for one in report.verdicts if one.task_class]
    rows = [
        {
            "class": one.task_class,
            "candidate": one.candidate,
            "difference": one.evidence.difference,
            "label": f"{signs[one.decision]} {signed(one.evidence.difference, 2)}",
            "decision": one.decision,
            "n": one.evidence.n,
        }
        for one in found
    ]
    wide = sum(len(name) for name in report.terms.candidates) > _LETTERS_ABREAST
    whole = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "candidate:N",
            title=None,
            sort=list(report.terms.candidates),
            axis=alt.Axis(orient="top", labelLimit=110, labelAngle=-25 if wide else 0),
        ),
        y=alt.Y("class:N", title=None, axis=alt.Axis(labelLimit=150)),
    )
    tips = [
        alt.Tooltip("class:N", title="Class"),
        alt.Tooltip("candidate:N", title="Candidate"),
        alt.Tooltip("decision:N", title="Verdict"),
        alt.Tooltip("difference:Q", title="Difference", format="+.3f"),
        alt.Tooltip("n:Q", title="Pairs", format=","),
    ]
    cells = whole.mark_rect(stroke=_PAPER, strokeWidth=2).encode(
        color=alt.Color(
            "difference:Q",
            title="Difference",
            scale=alt.Scale(
                type="threshold",
                domain=[-2 * margin or -0.02, -margin or -0.01, margin or 0.01, 2 * margin or 0.02],
                range=[f"var(--heat-{number})" for number in range(5)],
            ),
            legend=None,
        ),
        tooltip=tips,
    )
    figures = whole.mark_text(color=_INK, fontSize=12).encode(text="label:N", tooltip=tips)
    said = "; ".join(
        f"{one.candidate} at {one.task_class}: {one.decision}, {signed(one.evidence.difference)}"
        for one in found
    )
    return Chart(
        id="classes",
        title="By class of tasks",
        alternative=f"Verdict and difference by class of tasks and candidate. {said}.",
        caption=(
            "✓ replaces, ✗ does not replace, ? undecided. Orange is worse than the incumbent by more than the "
            "margin, blue is better by more than it, pale is within it."
        ),
        table=Table(
            ("Class", "Candidate", "Verdict", "Difference", "From", "To", "Pairs"),
            tuple(
                (
                    one.task_class,
                    one.candidate,
                    one.decision,
                    signed(one.evidence.difference),
                    signed(one.evidence.low),
                    signed(one.evidence.high),
                    f"{one.evidence.n:,}",
                )
                for one in found
            ),
        ),
        spec=_spec(alt.layer(cells, figures), 46 + 34 * len(classes), right=44),
        least_width=170 + 62 * len(report.terms.candidates),
    )


def _looks(report: Report) -> tuple[list[str], list[str], list[list[int]], list[str]]:
    """Every party's colour, dashes and mark: the same in all charts."""
    names = list(report.terms.parties)
    at = [0, *(1 + place % 7 for place in range(len(names) - 1))]
    return names, [_COLOURS[i] for i in at], [_DASHES[i] for i in at], [_SHAPES[i] for i in at]


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="bottom", direction="vertical", labelLimit=260, columns=1)
