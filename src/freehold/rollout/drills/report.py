"""What a drill comes to: a value that is printed, served and made a page of."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from freehold.rollout.drills.figures import Row
from freehold.rollout.drills.money import Doubling
from freehold.rollout.drills.quality import Quality
from freehold.rollout.drills.state import Held

Conclusion = Literal["survived", "not survived", "not enough evidence"]

DeadlineIs = Literal["the route's", "asked for", "assumed"]


class RouteSample(msgspec.Struct, frozen=True, kw_only=True):
    """What a route was tried on."""

    route: str
    models: tuple[str, ...]
    """Its plan, the incumbent first."""
    lost_models: tuple[str, ...]
    """Those that went with the provider."""
    deadline_s: float
    deadline_is: DeadlineIs
    found: int
    """Answered calls on record whose request is kept."""
    asked: int
    """Of those, asked again."""
    left_out: dict[str, int]
    before_p50_s: float | None
    before_p99_s: float | None
    """Until the recorded answers were complete."""
    before_first_p50_s: float | None
    tasks: dict[str, int]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a silent change of a lost model would have been noticed."""

    model: str
    noticed: bool
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole drill."""

    id: str
    made_us: int
    lost: str
    providers: tuple[str, ...]
    """Those that were lost: a pool is several."""
    conclusion: Conclusion
    reasons: tuple[str, ...]
    """Why; a sentence each."""
    require: float
    survivors: Literal["real", "simulated"]
    seed: int
    days: int
    routes: tuple[RouteSample, ...]
    rows: tuple[Row, ...]
    least: float | None
    """The lowest survival of a fault on a route; None: nothing was asked."""
    notices: tuple[Notice, ...] = ()
    doubling: Doubling | None = None
    quality: tuple[Quality, ...] = ()
    state: tuple[Held, ...] = ()
    spent: Decimal = Decimal(0)
    """US dollars for asking survivors."""
    unpriced: int = 0
    """Calls at survivors whose cost nobody knows."""
    unasked: int = 0
    """Calls for which there was no money left."""
    seconds: float = 0.0

    @property
    def status(self) -> int:
        """Of a process that ends with it."""
        return {"survived": 0, "not survived": 1, "not enough evidence": 3}[self.conclusion]


def conclude(
    rows: tuple[Row, ...],
    samples: tuple[RouteSample, ...],
    *,
    require: float,
    least_calls: int,
    price_alone: bool,
) -> tuple[Conclusion, tuple[str, ...]]:
    """Whether the loss was survived, and why. Too little traffic on one route does not save another that failed.

    `price_alone`: no fault was to be played.
    """
    whole = [row for row in rows if not row.task]
    failed = [row for row in whole if row.survival < require]
    reasons = [
        f"`{row.route}`, {row.title}: {row.survived:,} of {row.calls:,} calls got an acceptable answer in time"
        f"{_mostly(row)}."
        for row in failed
    ]
    if failed:
        return "not survived", tuple(reasons)
    if price_alone:
        return "survived", ("Nothing was asked: a price alone keeps nobody from an answer.",)
    thin = [one for one in samples if one.asked < least_calls]
    reasons = [
        f"`{one.route}`: {one.asked} of its calls can be asked again, and {least_calls} are needed."
        for one in thin
    ]
    if thin or not whole:
        return "not enough evidence", tuple(reasons or ["Nothing was asked."])
    return "survived", ()


def _mostly(row: Row) -> str:
    return f" (mostly {next(iter(row.misses))})" if row.misses else ""
