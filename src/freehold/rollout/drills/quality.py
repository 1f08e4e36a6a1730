"""How good those who take over are, beside the model that is lost: what comparisons found, with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.verdict import Decision, Verdict
from freehold.routing.routes import Route

_LOOKED_AT = 500
"""Comparisons, the newest first."""

Standing = Mapping[tuple[str, str], Verdict]
"""(incumbent, candidate) -> the newest verdict over everything."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one model in place of another. Without a verdict nothing is, and nothing is guessed."""

    route: str
    lost: str
    """`provider/model` that is lost."""
    model: str
    """`provider/model` that is next."""
    decision: Decision | None
    """None: nobody compared them."""
    difference: float | None = None
    """Of mean scores, the model's minus the lost one's."""
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    margin: float | None = None
    comparison: str | None = None
    made_us: int | None = None


def standing_verdicts(archive: Archive) -> dict[tuple[str, str], Verdict]:
    """The newest verdict of each pair of models. Waits. Raises StoreError."""
    found: dict[tuple[str, str], Verdict] = {}
    for comparison in archive.newest(_LOOKED_AT):
        for verdict in archive.verdicts(comparison.id):
            if not verdict.task_class:
                found.setdefault((verdict.incumbent, verdict.candidate), verdict)
    return found


def qualities(routes: Iterable[Route], lost: frozenset[str], standing: Standing) -> list[Quality]:
    """Of each route whose incumbent is lost, every model that is left."""
    return [
        quality_of(route.name, route.incumbent.name, target.name, standing)
        for route in routes
        if route.incumbent.provider in lost
        for target in route.fallbacks
        if target.provider not in lost
    ]


def quality_of(route: str, lost: str, model: str, standing: Standing) -> Quality:
    """What comparisons say of `model` in place of `lost`."""
    verdict = standing.get((lost, model))
    if verdict is None:
        return Quality(route=route, lost=lost, model=model, decision=None)
    evidence = verdict.evidence
    return Quality(
        route=route,
        lost=lost,
        model=model,
        decision=verdict.decision,
        difference=evidence.difference,
        low=evidence.low,
        high=evidence.high,
        pairs=evidence.n,
        margin=verdict.margin,
        comparison=verdict.comparison,
        made_us=verdict.made_us,
    )
