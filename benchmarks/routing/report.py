"""What was measured, in Markdown and as figures."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.gateway.environments import ROOT
from benchmarks.routing.guarantee import DOUBT, Kept
from benchmarks.routing.pace import Pace
from benchmarks.routing.splits import Measured, Row, Spread

PAGE = ROOT / "docs" / "routing.md"
BEGIN = "<!-- figures: written by `make bench-routing` -->"
END = "<!-- end of the figures -->"
_TITLES = {"gsm8k": "GSM8K", "mmlu": "MMLU", "llmrouter": "LLMRouter, 13 tasks"}
_TABLES = {"gsm8k": "gsm8k_8shot", "mmlu": "mmlu_5shot"}


class Run(NamedTuple):
    """All of it."""

    where: str
    gsm8k: Measured
    mmlu: Measured
    few: Measured
    """MMLU with few labels."""
    kept: list[Kept]
    pace: Pace
    published: dict[str, Any]


def figures_of(run: Run) -> dict[str, float]:
    """The figures that the project is held to."""
    return {
        "mmlu_apgr": round(run.mmlu.rows[0].apgr.mean, 4),
        "gsm8k_apgr": round(run.gsm8k.rows[0].apgr.mean, 4),
        "mmlu_apgr_500_labels": round(run.few.rows[0].apgr.mean, 4),
        "violation_rate_over_delta": round(_worst(run) / DOUBT, 3),
        "decision_ms_p50": round(run.pace.median, 3),
    }


def broken(run: Run) -> list[str]:
    """Promises that were not kept."""
    figures = figures_of(run)
    least = {"mmlu_apgr": 0.68, "gsm8k_apgr": 0.63, "mmlu_apgr_500_labels": 0.603}
    told = [
        f"{name} is {figures[name]}, below {value}" for name, value in least.items() if figures[name] < value
    ]
    if figures["violation_rate_over_delta"] > 1.0:
        told.append("certificates are wrong more often than they say")
    if any(one.too_few for one in run.kept):
        told.append("something was certified with too few labels")
    if figures["decision_ms_p50"] > 1.0:
        told.append("a decision takes more than a millisecond")
    return told


def tables(run: Run) -> str:
    """Everything, in Markdown."""
    parts = [_duel(one, run.published) for one in (run.mmlu, run.few, run.gsm8k)]
    return "\n\n".join([*parts, _guarantee(run.kept), _pace(run)])


def _worst(run: Run) -> float:
    return max(one.violated / one.splits for one in run.kept)


def _duel(measured: Measured, published: dict[str, Any]) -> str:
    lines = [
        f"**{_TITLES[measured.name]}, {measured.labels:,} labels.** {measured.prompts:,} prompts, {measured.splits} "
        "random halves; in brackets where 95 % of the halves lie.",
        "",
        "| router | trained on | APGR | CPT50 | CPT80 |",
        "| --- | --- | ---: | ---: | ---: |",
        *(_ours(row) for row in measured.rows),
    ]
    theirs = sorted(published[_TABLES[measured.name]], key=lambda row: -row[4])
    for data, name, half, most, apgr in theirs:
        trained = "nothing" if name == "random" else f"published: {data}"
        lines.append(f"| {name.replace('_', ' ')} | {trained} | {apgr:.3f} | {half:.1f} % | {most:.1f} % |")
    return "\n".join(lines)


def _ours(row: Row) -> str:
    def within(spread: Spread, places: int, unit: str = "") -> str:
        return f"{spread.mean:.{places}f}{unit} ({spread.low:.{places}f} … {spread.high:.{places}f})"

    name = "**Freehold**" if row.router == "freehold" else row.router
    cells = (within(row.apgr, 3), within(row.cpt50, 1, " %"), within(row.cpt80, 1, " %"))
    return f"| {name} | the route's own labels | {' | '.join(cells)} |"


def _guarantee(kept: list[Kept]) -> str:
    lines = [
        "| prompts | risk | labels that certify | splits | certified | worse than promised | saving, router | saving, "
        "best single model | saving, hull of single models | certified with a label too few |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {_TITLES[one.name]} | {one.risk:.2f} | {one.labels:,} | {one.splits:,} | "
        f"{one.certified / one.splits:.1%} | {one.violated / one.splits:.1%} | "
        f"{one.saving:.1%} | {one.single:.1%} | {one.drawn:.1%} | {one.too_few} |"
        for one in kept
    ]
    return "\n".join(lines).replace("%", " %")


def _pace(run: Run) -> str:
    pace = run.pace
    return (
        f"A decision takes {pace.median:.2f} ms of one core at the median of {pace.prompts:,} prompts of MMLU, "
        f"features included, {pace.p99:.2f} ms at the 99th percentile, and {pace.longest:.1f} ms for the slowest of "
        f"prompts of 100,000 characters that were made to take long. A training with {run.mmlu.labels:,} labels takes "
        f"{run.mmlu.train_s:.0f} s. Measured on {run.where}."
    )
