"""The table of `docs/planning.md`: runs whose cost was published, and what the planner says of them."""

from __future__ import annotations

from freehold.train.planning.published import Compared, compared
from freehold.train.planning.quantity import show_quantity


def table() -> str:
    """Markdown: a line for each published figure."""
    lines = [
        "| run | figure | published | planned | off | devices | layout | |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    return "\n".join([*lines, *(_line(one) for one in compared())]) + "\n"


def _line(one: Compared) -> str:
    assumed = one.run.assumed or not one.run.count
    chips = f"{one.count:,} {one.run.chip}" + (" (assumed)" if assumed else "")
    layout = one.layout.show() + ("" if one.run.layout else " (ours)")
    address = one.run.source.split(",")[0].split(";")[0].split(": ")[0]
    if one.what == "FLOPs":
        chips = layout = "-"
    return (
        f"| [{one.run.name}]({address}) | {one.what} | {_figure(one, one.published)} | {_figure(one, one.planned)} | "
        f"{one.off:+.1%} | {chips} | {layout} | {_used(one)} |"
    )


def _used(one: Compared) -> str:
    if one.run.calibrates:
        return f"sets `{one.run.calibrates}`" + ("†" if one.run.recalled else "")
    recalled = "†" if one.run.recalled else ""
    return f"tests{recalled}" if one.near else f"tests{recalled}: **missed**"


def _figure(one: Compared, value: float) -> str:
    if one.what == "MFU":
        return f"{value:.1%}"
    return f"{value:.3g}" if one.what == "FLOPs" else show_quantity(value)
