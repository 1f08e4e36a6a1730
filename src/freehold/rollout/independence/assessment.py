"""Independence, from what is configured and on record. No model is called, and nothing is changed."""

from __future__ import annotations

from freehold.compare.archive import Archive
from freehold.compare.suites.shelf import SuiteShelf
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.independence.gathering import Gathering, Rehearsals
from freehold.rollout.independence.report import Independence
from freehold.rollout.independence.telling import told


def assess(
    landscape: Landscape,
    history: LedgerReader,
    archive: Archive,
    shelf: SuiteShelf,
    *,
    since_us: int,
    now_us: int,
    route: str | None = None,
    rehearsals: Rehearsals | None = None,
    cutover_seconds: float | None = None,
) -> Independence:
    """What the calls since then say. Waits. Raises NotFound: there is no such route, neither now nor on record;
    StoreError.
    """
    gathered = Gathering(
        landscape,
        history,
        archive,
        shelf,
        chosen=Filter(route=route, since_us=since_us),
        now_us=now_us,
        rehearsals=rehearsals or Rehearsals(),
    ).gather()
    if route is not None and not gathered.answered:
        landscape.check_route(route)
    return told(
        gathered,
        landscape,
        now_us=now_us,
        since_us=since_us,
        route=route,
        cutover_seconds=cutover_seconds,
    )
