"""What certified routers save, as SVG."""

from __future__ import annotations

from typing import Any

import altair as alt

from benchmarks.compare.charts import FOLDER, dressed
from benchmarks.routing.guarantee import Kept

_COLOURS = {"router": "#0b6e4f", "hull of single models": "#2f6fb7", "best single model": "#9aa5ad"}


def draw(kept: list[Kept]) -> None:
    """Write the chart."""
    rows = [
        {"prompts": one.name, "risk": f"{one.risk:.2f}", "kind": kind, "saving": saving}
        for one in kept
        for kind, saving in zip(_COLOURS, (one.saving, one.drawn, one.single), strict=True)
    ]
    chart: Any = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("risk:N", title="certified risk", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("kind:N", sort=list(_COLOURS)),
            y=alt.Y("saving:Q", title="of the incumbent's cost saved", axis=alt.Axis(format="%")),
            color=alt.Color("kind:N", scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))),
            column=alt.Column("prompts:N", title=None),
        )
        .properties(width=170, height=220)
    )
    FOLDER.mkdir(exist_ok=True)
    dressed(chart).save(str(FOLDER / "routing-savings.svg"))
