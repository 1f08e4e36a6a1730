"""How the loss of models of several sizes falls, and how it was foretold, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from benchmarks.compare.charts import FOLDER, dressed

if TYPE_CHECKING:
    from .curves import Curve

_COLOURS = ("#9aa5ad", "#2f6fb7", "#0b6e4f")


def draw(curves: list[Curve]) -> None:
    """Write the chart."""
    from .curves import FROM, TO  # noqa: PLC0415 - it imports PyTorch

    names = [f"{one.parameters:,} parameters" for one in curves]
    colour = alt.Color("model:N", title=None, scale=alt.Scale(domain=names, range=list(_COLOURS)), sort=names)
    measured, foretold = [], []
    for one, name in zip(curves, names, strict=True):
        last = one.tokens[-1]
        for tokens, loss in zip(one.tokens, one.losses, strict=True):
            measured.append({"model": name, "tokens": tokens, "loss": loss})
            if tokens >= FROM * last:
                part = "fitted" if tokens <= TO * last else "foretold"
                foretold.append({"model": name, "tokens": tokens, "loss": one.law.at(tokens), "part": part})
    x = alt.X(
        "tokens:Q", title="tokens learned from", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")
    )
    y = alt.Y("loss:Q", title="held-out loss, nats a token", scale=alt.Scale(zero=False))
    points: Any = (
        alt.Chart(alt.Data(values=measured)).mark_point(size=14, opacity=0.6).encode(x=x, y=y, color=colour)
    )
    lines: Any = (
        alt.Chart(alt.Data(values=foretold))
        .mark_line()
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("part:N", title="law", sort=["fitted", "foretold"]),
        )
    )
    FOLDER.mkdir(exist_ok=True)
    dressed((points + lines).properties(width=520, height=300)).save(str(FOLDER / "pretraining.svg"))
