"""How reasoning is learned, as SVG."""

from __future__ import annotations

from typing import Any

import altair as alt

from benchmarks.compare.charts import FOLDER, dressed
from benchmarks.reasoning.learning import Found, Learned

_COLOURS = {"with thoughts": "#0b6e4f", "without": "#9aa5ad"}
_SMOOTHED = 5
"""Steps whose mean is a point of a line."""


def draw(found: list[Found]) -> None:
    """Write the chart."""
    ways = [
        (one.seed, name, learned)
        for one in found
        for name, learned in zip(_COLOURS, (one.with_thought, one.without_thought), strict=True)
    ]
    right = _lines(ways, 0, "of the answers that were tried, right")
    thought = _lines([way for way in ways if way[1] == "with thoughts"], 1, "tokens of thought")
    held_out = [
        {"seed": seed, "way": name, "tokens": _share(learned, step), "value": point[2]}
        for seed, name, learned in ways
        for step, point in enumerate(learned.curve)
        if point[2] >= 0
    ]
    dots: Any = (
        alt.Chart(alt.Data(values=held_out))
        .mark_line(point=True)
        .encode(
            x=_tokens(),
            y=alt.Y("value:Q", title="held-out games right", scale=alt.Scale(domain=[0, 1])),
            color=_colour(),
            detail="seed:N",
        )
        .properties(width=230, height=220)
    )
    FOLDER.mkdir(exist_ok=True)
    dressed(alt.hconcat(dots, right, thought)).save(str(FOLDER / "reasoning.svg"))


def _lines(ways: list[tuple[int, str, Learned]], which: int, title: str) -> Any:
    rows = []
    for seed, name, learned in ways:
        points = learned.curve[1:]
        for at in range(0, len(points) - _SMOOTHED + 1, _SMOOTHED):
            value = sum(point[which] for point in points[at : at + _SMOOTHED]) / _SMOOTHED
            tokens = _share(learned, at + _SMOOTHED)
            rows.append({"seed": seed, "way": name, "tokens": tokens, "value": value})
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line()
        .encode(x=_tokens(), y=alt.Y("value:Q", title=title), color=_colour(), detail="seed:N")
        .properties(width=230, height=220)
    )


def _share(learned: Learned, step: int) -> float:
    """Tokens that were learned from by a step, in thousands."""
    return learned.tokens * step / learned.steps / 1000


def _tokens() -> Any:
    return alt.X("tokens:Q", title="thousand tokens of learning")


def _colour() -> Any:
    return alt.Color(
        "way:N", title=None, scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    )
