"""The figures and charts of a demonstration, between their markers in `docs/own.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from benchmarks.compare.charts import dressed
from benchmarks.gateway.environments import ROOT

PAGE = ROOT / "docs" / "own.md"
IMAGES = ROOT / "docs" / "images"
BEGIN = "<!-- figures: written by `make demo-own ARGS=--write` -->"
END = "<!-- end of the figures -->"
_OURS, _OTHER = "#0b6e4f", "#9aa5ad"
_LANGUAGES = {"": "all", "en": "English", "ko": "Korean"}
_WIDTH = 560


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Put what was `found` into the page, and draw its charts."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    figures = "\n".join(_figures(found, folder))
    PAGE.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}")
    IMAGES.mkdir(exist_ok=True)
    dressed(_scores(found["verdicts"]["known"])).save(str(IMAGES / "own-scores.svg"))
    dressed(_curves(found["curves"])).save(str(IMAGES / "own-curves.svg"))


def _figures(found: Mapping[str, Any], folder: Path) -> Iterator[str]:
    yield ""
    yield "| tickets | pairs asked | the embedded model | the own model | difference | verdict |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for suite, one in ((suite, one) for suite, verdicts in found["verdicts"].items() for one in verdicts):
        evidence = one["evidence"]
        yield (
            f"| `{suite}`, {_LANGUAGES[one['task_class']]} | {evidence['n']} | "
            f"{evidence['incumbent_mean']:.1%} | {evidence['candidate_mean']:.1%} | "
            f"{evidence['difference']:+.1%} ({evidence['low']:+.1%} to {evidence['high']:+.1%}) | {one['decision']} |"
        )
    yield ""
    yield (
        f"From the first command to the verdict it took {found['minutes']:.1f} minutes; with the comparison on "
        f"`strange`, {found['minutes_in_all']:.1f}:"
    )
    yield ""
    yield "| command | seconds |"
    yield "| --- | ---: |"
    for step in found["steps"]:
        yield f"| `{step['command']}` | {step['seconds']:.0f} |"
    sizes = {
        path.name: path.stat().st_size for path in (folder / ".freehold" / "own" / "triage").glob("*.gguf")
    }
    yield ""
    yield f"The own model's file has {sum(sizes.values()) / 1e6:.1f} MB; the embedded model's has 98.4 MB."
    yield ""
    yield "![Scores of both models](images/own-scores.svg)"
    yield ""
    yield "![Loss while it was trained](images/own-curves.svg)"
    yield ""


def _scores(verdicts: Sequence[Mapping[str, Any]]) -> Any:
    rows = [
        {
            "tickets": _LANGUAGES.get(one["task_class"], one["task_class"]),
            "model": name,
            "score": one["evidence"][mean],
        }
        for one in verdicts
        for name, mean in (("embedded model", "incumbent_mean"), ("own model", "candidate_mean"))
    ]
    names = ["embedded model", "own model"]
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(height=14)
        .encode(
            x=alt.X(
                "score:Q",
                title="tickets sorted right",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
            ),
            y=alt.Y("tickets:N", title=None, sort=list(_LANGUAGES.values())),
            yOffset=alt.YOffset("model:N", sort=names),
            color=alt.Color("model:N", scale=alt.Scale(domain=names, range=[_OTHER, _OURS])),
        )
    )
    labels = bars.mark_text(align="left", dx=4, fontSize=11).encode(text=alt.Text("score:Q", format=".0%"))
    return (bars + labels).properties(
        width=_WIDTH, height=150, title="Tickets worded in pairs of phrases that were never learned from"
    )


def _curves(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Any:
    titles = {
        "reader": "pretraining: from nothing to tickets",
        "triage": "fine-tuning: from tickets to answers",
    }
    charts = []
    for name, points in curves.items():
        rows = [
            {"step": point["step"], "loss": point["values"]["loss"]}
            for point in points
            if "loss" in point.get("values", {})
        ]
        charts.append(
            alt.Chart(alt.Data(values=rows))
            .mark_line(color=_OURS, strokeWidth=1.5)
            .encode(
                x=alt.X("step:Q", title="step"),
                y=alt.Y("loss:Q", title="loss", scale=alt.Scale(type="log")),
            )
            .properties(width=_WIDTH // 2 - 30, height=180, title=titles.get(name, name))
        )
    return alt.hconcat(*charts, spacing=60)
