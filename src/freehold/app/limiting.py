"""The limits of the endpoint: their books, and what the ledger remembers for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freehold.app.memory import FLUSH_SECONDS
from freehold.app.opening import books_of, history_of
from freehold.app.parts import Parts
from freehold.core.clock import SystemClock, microseconds
from freehold.ledger.filters import Filter
from freehold.limits.remembering import remembered
from freehold.limits.service import LimitsService

if TYPE_CHECKING:
    from freehold.limits.account import Counter
    from freehold.limits.limit import Limit


def make_limits(parts: Parts) -> LimitsService:
    """Nothing is opened before there is a limit."""
    return LimitsService(
        lambda: books_of(parts.settings),
        lambda limits: _remember(parts, limits),
        expected=lambda: _most_processes(parts),
    )


def _most_processes(parts: Parts) -> int:
    """How many share the counters."""
    settings = parts.settings
    return settings.server.workers * (1 if settings.shared_url is None else settings.shared.replicas)


def _remember(parts: Parts, limits: Sequence[Limit]) -> dict[Counter, int]:
    """What the ledger knows of under these limits. Blocks."""

    parts.ledger.flush(FLUSH_SECONDS)
    history = history_of(parts.settings)
    if not history.exists:
        return {}
    groups = {key.id: (key.team, key.user, key.name) for key in parts.keys.list()}
    outcomes = ("answered", "failed", "cut", "cancelled")  # what was refused may not have counted
    return remembered(
        limits,
        lambda by, since_us: [
            one
            for outcome in outcomes
            for one in history.spend(by, Filter(since_us=since_us, outcome=outcome))
        ],
        groups,
        microseconds(SystemClock().now()),
    )
