"""What a drill showed, counted: by fault, route and class of tasks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from freehold.rollout.drills.asking import Outcome

CONFIDENCE = 0.95
_HALVINGS = 60

CostOf = Callable[[Outcome], Decimal | None]
"""What the answer cost, as far as that is known; 0 where a stand-in gave it for nothing is never said."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one kind under one fault, and what became of them."""

    fault: str
    title: str
    route: str
    task: str = ""
    """A class of tasks; empty: all of them."""
    calls: int
    survived: int
    survival: float
    """Share that got an acceptable answer inside the deadline."""
    low: float
    """Lower end of its exact one-sided interval at 95 % (Clopper and Pearson)."""
    verdicts: dict[str, int]
    misses: dict[str, int]
    """Why calls did not survive: `verdict: why`, or the verdict alone."""
    first_p50_s: float | None
    first_p99_s: float | None
    """Until the first word of a good answer; None: there was none."""
    p50_s: float | None
    p99_s: float | None
    """Until a good answer was complete."""
    models: dict[str, int]
    """Good answers by the model that gave them."""
    joined: int
    """Good answers that two models wrote, with the seam declared."""
    repeated: int
    """Calls in whose answer a tool call came twice: their side effects would have been duplicated."""
    extra_cost: Decimal | None
    """US dollars a call more than the recorded answers cost, on average over good answers of which both is known; None:
    of none."""
    priced: int
    """Good answers of which both costs are known."""


def rows_of(outcomes: Sequence[Outcome], *, title: str, cost_of: CostOf) -> list[Row]:
    """The rows of one fault: for each route all calls, then each class of tasks where there are several."""
    rows: list[Row] = []
    for route in sorted({one.route for one in outcomes}):
        here = [one for one in outcomes if one.route == route]
        rows.append(row_of(here, title=title, cost_of=cost_of))
        tasks = sorted({one.task for one in here})
        if len(tasks) > 1:
            rows += [
                row_of([one for one in here if one.task == task], title=title, task=task, cost_of=cost_of)
                for task in tasks
            ]
    return rows


def row_of(outcomes: Sequence[Outcome], *, title: str, cost_of: CostOf, task: str = "") -> Row:
    """These calls together; there is at least one."""
    good = [one for one in outcomes if one.survived]
    changes = [
        cost - one.recorded.cost
        for one in good
        if one.recorded.cost is not None and (cost := cost_of(one)) is not None
    ]
    first = [one.first_s for one in good if one.first_s is not None]
    whole = [one.seconds for one in good]
    return Row(
        fault=outcomes[0].fault,
        title=title,
        route=outcomes[0].route,
        task=task,
        calls=len(outcomes),
        survived=len(good),
        survival=len(good) / len(outcomes),
        low=proportion_low(len(good), len(outcomes)),
        verdicts=dict(Counter(one.verdict for one in outcomes).most_common()),
        misses=dict(
            Counter(
                f"{one.verdict}: {one.why}" if one.why else one.verdict
                for one in outcomes
                if not one.survived
            ).most_common(5)
        ),
        first_p50_s=quantile(first, 0.5),
        first_p99_s=quantile(first, 0.99),
        p50_s=quantile(whole, 0.5),
        p99_s=quantile(whole, 0.99),
        models=dict(Counter(one.model for one in good).most_common()),
        joined=sum(one.joined for one in good),
        repeated=sum(one.repeated > 0 for one in outcomes),
        extra_cost=sum(changes, Decimal(0)) / len(changes) if changes else None,
        priced=len(changes),
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that `share` of all do not pass; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def proportion_low(good: int, calls: int, confidence: float = CONFIDENCE) -> float:
    """The lower end of the exact one-sided interval of a proportion: the least that `good` of `calls` allow for.

    Source: Clopper, Pearson, The use of confidence or fiducial limits, Biometrika 26 (1934).
    """
    if good == 0:
        return 0.0
    alpha = 1.0 - confidence
    if good == calls:
        return float(alpha ** (1.0 / calls))
    low, high = 0.0, good / calls
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _at_least(good, calls, middle) < alpha else (low, middle)
    return low


def _at_least(good: int, calls: int, share: float) -> float:
    """P(Bin(calls, share) >= good)."""
    if share <= 0.0:
        return 0.0
    logs = (
        math.lgamma(calls + 1)
        - math.lgamma(k + 1)
        - math.lgamma(calls - k + 1)
        + k * math.log(share)
        + (calls - k) * math.log1p(-share)
        for k in range(good, calls + 1)
    )
    return math.fsum(map(math.exp, logs))


def share(value: float) -> str:
    """`100 %`, `99.93 %`: never rounded up to what it is not."""
    return "100 %" if value >= 1.0 else f"{int(value * 10_000) / 100:.2f} %"
