"""What drills and rollouts showed: how much survived the loss of a provider, and how long it takes to move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from freehold.rollout.archive import Archive
from freehold.rollout.carrying.landscape import Landscape

if TYPE_CHECKING:
    from freehold.rollout.drills.report import Report

_ROLLOUTS = 50
"""The newest, in which one is looked for that came to its end."""


def survived_by(reports: Iterable[Report], landscape: Landscape) -> Callable[[str, str], float | None]:
    """By route and house the share of calls that survives its newest drill's worst fault; None: there was no drill.

    It is the lower end of the exact interval, as the score is a bound. `reports`: the newest first.
    """
    known: dict[tuple[str, str], float] = {}
    for report in reports:
        shares: dict[str, float] = {}
        for row in report.rows:
            if not row.task and row.calls:
                shares[row.route] = min(row.low, shares.get(row.route, 1.0))
        for house in {landscape.house_of(one) for one in report.providers}:
            for route, share in shares.items():
                known.setdefault((route, house), share)
    return lambda route, house: known.get((route, house))


def cutover_seconds(archive: Archive) -> float | None:
    """How long the newest rollout that came to its end took until its candidate had the whole route; None: none did."""
    if not archive.database.exists:
        return None
    for rollout in archive.newest(_ROLLOUTS):
        if rollout.state not in ("finished", "closed"):
            continue
        last = len(rollout.terms.plan.stages) - 1
        reached = [one.at_us for one in archive.transitions(rollout.id) if one.stage == last]
        if reached:
            return (min(reached) - rollout.begun_us) / 1e6
    return None
