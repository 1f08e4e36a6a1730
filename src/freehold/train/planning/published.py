"""What the planner says of runs whose cost was published, beside what was published."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from freehold.train.planning.architecture import preset
from freehold.train.planning.chip import Precision, chip_of
from freehold.train.planning.layout import Layout
from freehold.train.planning.named_layout import NamedLayout
from freehold.train.planning.training import Plan, Wanted, plan_of

DAYS = 30
"""How long a run is taken to have lasted whose number of devices was not published."""
WITHIN = 0.15
"""How near the planner has to come."""


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run as it was published. The units are those of `published.toml`."""

    name: str
    model: str
    chip: str
    tokens: int
    context: int
    source: str
    count: int | None = None
    batch: int | None = None
    precision: Precision = "bf16"
    layout: NamedLayout | None = None
    hours: float | None = None
    mfu: float | None = None
    flops: float | None = None
    calibrates: str | None = None
    recalled: bool = False
    assumed: bool = False
    target: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One published figure and what the planner says."""

    run: Published
    what: Literal["FLOPs", "device-hours", "MFU"]
    published: float
    planned: float
    count: int
    layout: Layout

    @property
    def off(self) -> float:
        """How far the planner is off: 0.1 is ten percent too much."""
        return self.planned / self.published - 1

    @property
    def near(self) -> bool:
        """Whether it is near enough."""
        return abs(self.off) <= WITHIN


@cache
def published() -> tuple[Published, ...]:
    """All of them, those that constants were set on first."""
    table = tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))
    return tuple(msgspec.convert({"name": name, **facts}, Published) for name, facts in table.items())


def compared() -> Iterator[Compared]:
    """Every published figure with the planner's."""
    for run in published():
        count = run.count or round((run.hours or 0) / (DAYS * 24)) or 1024
        plan = _plan(run, count)
        layout = plan.chosen.layout
        if run.flops is not None:  # as reports print it, without attention
            yield Compared(
                run=run,
                what="FLOPs",
                published=run.flops,
                planned=plan.six_n_d,
                count=count,
                layout=layout,
            )
        if run.hours is not None:
            yield Compared(
                run=run,
                what="device-hours",
                published=run.hours,
                planned=plan.device_hours,
                count=count,
                layout=layout,
            )
        if run.mfu is not None:
            yield Compared(
                run=run, what="MFU", published=run.mfu, planned=plan.mfu, count=count, layout=layout
            )


def _plan(run: Published, count: int) -> Plan:
    return plan_of(
        Wanted(
            model=preset(run.model),
            tokens=run.tokens,
            chip=chip_of(run.chip),
            count=count,
            context=run.context,
            batch=run.batch,
            precision=run.precision,
            layout=None if run.layout is None else run.layout.as_layout(preset(run.model)),
        )
    )
