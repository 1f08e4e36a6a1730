"""The figures as SVG."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from benchmarks.compare.measured import Run, share
from benchmarks.compare.resampling import ALPHA
from benchmarks.gateway.environments import ROOT

FOLDER = ROOT / "docs" / "images"
_OURS, _OTHER, _USUAL, _LIMIT = "#0b6e4f", "#2f6fb7", "#9aa5ad", "#c0392b"
_INK, _FAINT = "#24292f", "#e4e8eb"
_WIDTH = 620


def draw(run: Run) -> None:
    """Write the three charts."""
    for name, chart in (("errors", _errors(run)), ("cases", _cases(run)), ("looks", _looks(run))):
        FOLDER.mkdir(exist_ok=True)
        dressed(chart).save(str(FOLDER / f"statistics-{name}.svg"))


def dressed(chart: Any) -> Any:
    """In the colours and letters of all charts."""
    return chart.configure(
        background="white",
        font="sans-serif",
        padding={"left": 28, "right": 90, "top": 14, "bottom": 14},  # some fonts are wider
        axis=alt.AxisConfig(
            labelColor=_INK, titleColor=_INK, domain=False, gridColor=_FAINT, titleFontWeight="normal"
        ),
        title=alt.TitleConfig(
            anchor="start", fontSize=13, color=_INK, offset=12, subtitleColor=_INK, subtitlePadding=6
        ),
        legend=alt.LegendConfig(
            title=None, orient="top", columnPadding=56, labelLimit=400, labelColor=_INK, symbolOpacity=1
        ),
        view=alt.ViewConfig(stroke=None),
        header=alt.HeaderConfig(labelColor=_INK, labelFontSize=12, titleColor=_INK),
    )


def _errors(run: Run) -> Any:
    """A dot is a pair at a margin."""
    kinds = ("wrong replaces", "wrong does not replace", "wrong by the fixed-n design")
    rows = [
        {"margin": f"margin {one.margin:g}", "kind": kind, "rate": share(count, one)}
        for one in run.results
        for kind, count in zip(kinds, (one.errors.replaces, one.errors.worse, one.errors.fixed), strict=True)
    ]
    tries = run.results[0].resamples
    chance = 2.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / tries)
    base = alt.Chart(alt.Data(values=rows))
    dots = base.mark_point(filled=True, size=34, opacity=0.55).encode(
        x=alt.X(
            "rate:Q",
            title="share of resamples with a wrong verdict",
            axis=alt.Axis(format=".0%", tickCount=8),
        ),
        y=alt.Y("kind:N", sort=list(kinds), title=None, axis=alt.Axis(labelLimit=220, ticks=False)),
        color=alt.Color(
            "kind:N", scale=alt.Scale(domain=list(kinds), range=[_OURS, _OTHER, _USUAL]), legend=None
        ),
    )
    once = base.transform_aggregate(dots="count()", groupby=["margin"])
    band = once.mark_rect(color=_LIMIT, opacity=0.13).encode(
        x=alt.datum(ALPHA - chance), x2=alt.datum(ALPHA + chance)
    )
    limit = once.mark_rule(color=_LIMIT, strokeDash=[4, 3]).encode(x=alt.datum(ALPHA))
    return (
        alt.layer(band, limit, dots)
        .properties(width=_WIDTH - 150, height=66)
        .facet(row=alt.Row("margin:N", title=None, header=alt.Header(labelAngle=0, labelAlign="left")))
        .properties(
            title=alt.TitleParams(
                "Wrong verdicts where the true difference is exactly the margin",
                subtitle=f"A dot is a pair of models. Promised: 5 % at most; shaded: what {tries:,} resamples cannot "
                "tell from 5 % (two standard errors)",
            )
        )
    )


def _cases(run: Run) -> Any:
    kinds = ("half of the comparisons are sure", "eight in ten, as the fixed-n design", "nine in ten")
    rows = [
        {"fixed": one.fixed, "cases": cases, "kind": kind}
        for one in run.results
        for kind, cases in zip(
            kinds, (one.equal.median, one.equal.eighth_decile, one.equal.ninth_decile), strict=True
        )
        if cases < float("inf")
    ]
    fixed = [one.fixed for one in run.results]
    ends = [min(fixed), max(fixed)]
    same = alt.Chart(alt.Data(values=[{"fixed": end, "cases": end} for end in ends]))
    scale = alt.Scale(type="log", nice=False)
    axis = alt.Axis(values=[10, 30, 100, 300, 1000, 3000, 10_000, 30_000], format=",")
    x = alt.X("fixed:Q", scale=scale, axis=axis, title="cases of the fixed-n design with 80 % power")
    y = alt.Y("cases:Q", scale=scale, axis=axis, title="cases until “replaces”")
    dots = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=40, opacity=0.75)
        .encode(
            x=x,
            y=y,
            color=alt.Color("kind:N", scale=alt.Scale(domain=list(kinds), range=[_OURS, _OTHER, _USUAL])),
        )
    )
    line = same.mark_line(color=_LIMIT, strokeDash=[4, 3]).encode(x=x, y=y)
    return alt.layer(line, dots).properties(
        width=_WIDTH,
        height=300,
        title=alt.TitleParams(
            "Cases that it takes where both models are equally good",
            subtitle="A dot is a pair of models at a margin. On the line both designs take as many",
        ),
    )


def _looks(run: Run) -> Any:
    assert run.looks is not None
    kinds = ("this test", "the usual test, looked at after every case")
    rows = [
        {"cases": cases, "rate": rate, "kind": kind}
        for kind, rates in zip(kinds, (run.looks.sequential, run.looks.usual), strict=True)
        for cases, rate in zip(run.looks.cases, rates, strict=True)
    ]
    base = alt.Chart(alt.Data(values=rows))
    lines = base.mark_line(strokeWidth=2.5).encode(
        x=alt.X(
            "cases:Q",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(values=[30, 100, 300, 1000, 3000], format=","),
            title="cases seen so far",
        ),
        y=alt.Y("rate:Q", title="wrongly said replaces by then", axis=alt.Axis(format=".0%")),
        color=alt.Color("kind:N", scale=alt.Scale(domain=list(kinds), range=[_OURS, _USUAL])),
    )
    once = base.transform_aggregate(points="count()")
    limit = once.mark_rule(color=_LIMIT, strokeDash=[4, 3]).encode(y=alt.datum(ALPHA))
    promised = once.mark_text(align="right", dx=-2, dy=-7, color=_LIMIT).encode(
        x=alt.datum(max(run.looks.cases)), y=alt.datum(ALPHA), text=alt.datum("promised: 5 % at most")
    )
    return alt.layer(limit, lines, promised).properties(
        width=_WIDTH,
        height=240,
        title=alt.TitleParams("Whoever looks after every case", subtitle=run.looked_at),
    )
