"""The model card: what a model is, what it was made of and with, and what came of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from freehold.core.figures import counted, show_moment
from freehold.train.catalogue import defaults_of
from freehold.train.data.shelf import Manifest
from freehold.train.run import Point, Run

_ROWS = 12
"""Of the curve's table."""
_BARS = "▁▂▃▄▅▆▇█"


def card_of(run: Run, data: Manifest | None, curve: Sequence[Point], machine: str) -> str:
    """The card in Markdown, with a head that Hugging Face's tools read."""
    parts = [
        _head(run),
        f"# {run.name}\n",
        _summary(run),
        _data(run, data),
        _results(run, curve),
        _made_with(run, machine),
    ]
    return "\n".join(part for part in parts if part)


def _head(run: Run) -> str:
    values: dict[str, object] = {"license": run.licence.lower()} if run.licence else {}
    if run.base:
        values["base_model"] = run.base
    values["tags"] = ["freehold", run.recipe]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def _summary(run: Run) -> str:
    begun = f"from `{run.base}`" if run.base else "from nothing"
    rows = [
        ("run", f"`{run.id}`"),
        ("state", run.state + (f": {run.reason}" if run.reason else "")),
        ("recipe", f"`{run.recipe}`, {begun}"),
        ("seed", str(run.seed)),
        ("begun", show_moment(run.begun_us, utc=True)),
        ("ended", show_moment(run.ended_us, utc=True)),
        ("licence left over", run.licence or "not known"),
    ]
    notes = "".join(f"\n- {note}" for note in run.notes)
    return _table(("", ""), rows) + (f"\nTo know before it is used:\n{notes}\n" if notes else "")


def _data(run: Run, data: Manifest | None) -> str:
    if run.dataset is None:
        return "## Data\n\nNo dataset.\n"
    rows = [("dataset", f"`{run.dataset}`"), ("SHA-256", f"`{run.dataset_hash}`")]
    if data is not None:
        rows += [
            ("made from", f"`{data.source}`"),
            ("rows", ", ".join(f"{number:,} {split}" for split, number in data.rows.items())),
        ]
    rows += [(f"answers by `{maker}`", counted(number, "row")) for maker, number in run.makers.items()]
    notes = "".join(f"\n- {note}" for note in (data.notes if data else ()))
    return "## Data\n\n" + _table(("", ""), rows) + (f"{notes}\n" if notes else "")


def _results(run: Run, curve: Sequence[Point]) -> str:
    text = "## Results\n\n"
    if run.results:
        text += _table(("", ""), [(f"`{name}`", f"{value:,.6g}") for name, value in run.results.items()])
    for name in ("loss", "reward"):
        points = [point for point in curve if name in point.values]
        if len(points) > 1:
            text += f"\n`{name}`, from step {points[0].step} to {points[-1].step}: `{_line(points, name)}`\n"
    shown = _spread([point for point in curve if point.values])
    if shown:
        names = list(dict.fromkeys(name for point in shown for name in point.values))
        rows = [
            (str(point.step), f"{point.seconds:,.0f}", *(_figure(point.values.get(name)) for name in names))
            for point in shown
        ]
        text += "\n" + _table(("step", "seconds", *names), rows)
        text += "\nEvery point is in `curve.jsonl`.\n"
    return text


def _made_with(run: Run, machine: str) -> str:
    dials = [(f"`{name}`", f"`{json.dumps(value, ensure_ascii=False)}`") for name, value in run.dials.items()]
    libraries = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    again = f"freehold train {run.recipe}" + (f" --data {run.dataset}" if run.dataset else "")
    again += f" --base {run.base}" if run.base else ""
    again += "".join(f" --set {shlex.quote(one)}" for one in _set_otherwise(run))
    again += f" --seed {run.seed}"
    return (
        f"## Made with\n\n{_table(('dial', 'value'), dials)}\nLibraries: {libraries}.\nMachine: {machine}.\n"
        f"\nOnce more: `{again}`\n"
    )


def _set_otherwise(run: Run) -> list[str]:
    """The dials that have another value than the recipe gives them, as `--set` takes them."""
    usual = defaults_of(run.recipe)
    return [
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in run.dials.items()
        if name not in usual or usual[name] != value
    ]


def _spread(points: Sequence[Point]) -> list[Point]:
    if len(points) <= _ROWS:
        return list(points)
    return [points[round(at * (len(points) - 1) / (_ROWS - 1))] for at in range(_ROWS)]


def _line(points: Sequence[Point], name: str) -> str:
    """The curve in one line: means of at most 48 stretches."""
    width = min(48, len(points))
    means = []
    for at in range(width):
        part = points[at * len(points) // width : (at + 1) * len(points) // width]
        means.append(sum(point.values[name] for point in part) / len(part))
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
