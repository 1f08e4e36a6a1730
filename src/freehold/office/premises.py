"""What the office is handed of the running endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import AuditLog
from freehold.access.keys import Keys
from freehold.batches.overseer import Overseer
from freehold.compare.database import Database
from freehold.config.settings import Settings
from freehold.core.clock import Clock
from freehold.gateway.pages import Health
from freehold.ledger.opinions import Opinions
from freehold.ledger.reading import LedgerReader
from freehold.ledger.writer import LedgerStatus
from freehold.limits.batch import Standing
from freehold.limits.clerk import ClerkStatus
from freehold.limits.foreseeing import Foreseen
from freehold.office.counters import Opener
from freehold.rollout.database import Database as RolloutDatabase
from freehold.routing.plans import ProvidersHealth


class Premises(msgspec.Struct, frozen=True, kw_only=True):
    """Values that last, and questions for what changes."""

    keys: Keys
    admin_keys: AdminKeys
    audit: AuditLog
    history: LedgerReader
    opinions: Opinions
    clock: Clock
    environ: Mapping[str, str]
    overrides: Mapping[str, object]
    """Settings of the command line, which come before the file's."""
    overseer: Overseer
    providers_health: ProvidersHealth
    settings: Callable[[], Settings]
    """Those in force."""
    problem: Callable[[], str | None]
    """Why the newest edit was not taken."""
    poke: Callable[[], None]
    """Look at the configuration at once."""
    health: Callable[[], Health]
    ledger: Callable[[], LedgerStatus]
    limits: Callable[[], ClerkStatus | None]
    calls: Callable[[], int]
    """In flight."""
    local_models: Callable[[], Mapping[str, str]]
    open_books: Opener
    forecasts: Callable[[Settings, Sequence[Standing], int], list[Foreseen]]
    list_models: Callable[[Settings, str], Awaitable[list[str]]]
    """Asks a provider."""
    comparisons: Database
    rollouts: RolloutDatabase
    report: Callable[[str], Awaitable[bytes]]
    """The page on a comparison, by its id."""
    findings: Callable[[str, float], Awaitable[bytes]]
    """What a check of a judge found, as JSON: by its id, with intervals that leave out so much."""
