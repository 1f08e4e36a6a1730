"""Draw the figures as SVG: reads JSON on stdin, writes the file named. Its environment is `chart.txt`."""

from __future__ import annotations

import json
import sys
from typing import Any

import altair as alt  # type: ignore[import-not-found, unused-ignore]

OURS, OTHERS, GOAL = "#0b6e4f", "#9aa5ad", "#c0392b"
INK, FAINT = "#24292f", "#e4e8eb"

# A panel: the figure's name in the rows, its title, how it is written, and on which side of the goal is good.
PANELS = (
    ("rate", "Whole answers a second, one core", ",.0f", "at least"),
    ("chunks", "Streamed chunks a second, one core", ",.0f", "at least"),
    ("added", "Added latency in ms: median, one client", ".2f", "at most"),
    ("memory", "Resident memory under load, MB", ",.0f", "at most"),
)


def panel(rows: list[dict[str, Any]], goals: dict[str, float], index: int) -> Any:
    """One figure of every gateway as dots on a logarithmic axis, with Freehold's goal as a line."""
    name, title, form, side = PANELS[index]
    known = [row for row in rows if row.get(name)]
    reach = [row[name] for row in known] + [goals[name]]
    left = index % 2 == 0
    order = [row["title"] for row in known]
    base = alt.Chart(alt.Data(values=known)).encode(
        x=alt.X(
            f"{name}:Q",
            title=None,
            scale=alt.Scale(type="log", domain=[min(reach) / 1.6, max(reach) * 3.2], nice=False),
            axis=alt.Axis(values=[10.0**power for power in range(-2, 7)], format=",~g", gridColor=FAINT),
        ),
        y=alt.Y(
            "title:N",
            sort=order,
            scale=alt.Scale(domain=order),
            title=None,
            axis=alt.Axis(labels=left, ticks=False),
        ),
        color=alt.condition(alt.datum.ours, alt.value(OURS), alt.value(OTHERS)),
    )
    goal = alt.Chart(alt.Data(values=[{"goal": goals[name]}])).encode(x="goal:Q")
    line = goal.mark_rule(color=GOAL, strokeDash=[4, 3])
    # The word stands on the good side of the line.
    word = goal.mark_text(
        color=GOAL,
        dy=-98,
        align="left" if side == "at least" else "right",
        dx=4 if side == "at least" else -4,
    ).encode(text=alt.value(f"goal: {side} {goals[name]:,g}"))
    dots = base.mark_point(filled=True, size=90, opacity=1)
    text = alt.Text(f"{name}:Q", format=form)
    halo = base.mark_text(align="left", dx=9, stroke="white", strokeWidth=4).encode(text=text)
    labels = base.mark_text(align="left", dx=9).encode(text=text, color=alt.value(INK))
    return (line + word + halo + dots + labels).properties(width=330, height=180, title=title)


def soak_panel(readings: list[list[float]]) -> Any:
    """Freehold's memory over the requests of the soak."""
    values = [{"requests": requests, "mb": mb} for requests, mb in readings]
    top = max(120.0, *(value["mb"] for value in values)) * 1.1
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(color=OURS, point=alt.OverlayMarkDef(color=OURS, size=30))
        .encode(
            x=alt.X(
                "requests:Q",
                title="requests answered by one process",
                scale=alt.Scale(domainMin=0),
                axis=alt.Axis(format=",", tickCount=6, gridColor=FAINT),
            ),
            y=alt.Y("mb:Q", title="MB", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(gridColor=FAINT)),
        )
        .properties(width=760, height=130, title="Freehold's resident memory")
    )


def main() -> None:
    """Draw what stdin describes into the file that is named first."""
    given = json.load(sys.stdin)
    panels = [panel(given["rows"], given["goals"], index) for index in range(len(PANELS))]
    rows = [alt.hconcat(*panels[:2], spacing=30), alt.hconcat(*panels[2:], spacing=30)]
    if given["soak"]:
        rows.append(soak_panel(given["soak"]))
    chart = alt.vconcat(*rows, spacing=24).configure(
        background="white",
        font="sans-serif",
        padding=14,
        axis=alt.AxisConfig(labelColor=INK, domain=False, tickColor=FAINT, labelFontSize=11, labelLimit=200),
        title=alt.TitleConfig(anchor="start", fontSize=13, color=INK, offset=16),
        text=alt.MarkConfig(fontSize=11),
        view=alt.ViewConfig(stroke=None),
    )
    chart.save(sys.argv[1])


if __name__ == "__main__":
    main()
