"""What leaving a provider has to know of the settings: for the command line and for the admin API."""

from __future__ import annotations

from contextlib import closing

from freehold.compare.archive import Archive
from freehold.compare.suites.shelf import SuiteShelf
from freehold.config.settings import Settings
from freehold.ledger.reading import LedgerReader
from freehold.rollout.archive import Archive as Rollouts
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.database import Database
from freehold.rollout.drills.keeping import kept
from freehold.rollout.independence.assessment import assess
from freehold.rollout.independence.gathering import Rehearsals
from freehold.rollout.independence.rehearsed import cutover_seconds, survived_by
from freehold.rollout.independence.report import Independence


def landscape_of(settings: Settings) -> Landscape:
    """Routes, providers and models as they are configured."""
    return Landscape(
        routes=settings.routes,
        providers=settings.providers,
        pools=settings.pools,
        models=settings.models(),
        prices=settings.price_list(),
        catalog=settings.catalog(),
    )


def independence_of(
    settings: Settings,
    history: LedgerReader,
    archive: Archive,
    shelf: SuiteShelf,
    *,
    since_us: int,
    now_us: int,
    route: str | None,
) -> Independence:
    """How independent the calls since then are of each provider. Waits. Raises NotFound, StoreError."""
    landscape = landscape_of(settings)
    with closing(Database(settings.database or settings.data / "rollout.db")) as rollouts:
        return assess(
            landscape,
            history,
            archive,
            shelf,
            since_us=since_us,
            now_us=now_us,
            route=route,
            rehearsals=Rehearsals(survived_by(kept(settings.data), landscape)),
            cutover_seconds=cutover_seconds(Rollouts(rollouts)),
        )
