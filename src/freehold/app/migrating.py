"""A migration, from settings to its report: what it needs is opened and ended here."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, Forbidden, NotFound, StoreError

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.ledger.reading import LedgerReader
    from freehold.ledger.record import Call
    from freehold.rollout.migration.asked import Question
    from freehold.rollout.migration.gathering import Found
    from freehold.rollout.migration.report import Migration

# ruff: noqa: PLC0415 - the command line imports this module: each function imports what it needs


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    route: str
    leaves: str
    target: str
    since_us: int
    sample: int = 500
    seed: int = 0
    measure: int = 0
    """Questions that the target is asked, each with either prompt; 0: it is asked nothing."""
    budget: Decimal | None = None
    """US dollars for that."""


def migrate(settings: Settings, wanted: Wanted) -> Migration:
    """The report. Raises NotFound, BadRequest, StoreError; Forbidden: it is to be measured at a price nobody knows."""
    from freehold.app.opening import comparisons_of, history_of
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.core.clock import microseconds
    from freehold.office.leaving import landscape_of
    from freehold.rollout.migration.asked import question_of
    from freehold.rollout.migration.gathering import gather

    if wanted.measure and wanted.budget is None:
        raise BadRequest(
            "Measuring asks the target, and may cost money.", hint="Say how much: `--budget 1.00`."
        )
    landscape, history = landscape_of(settings), history_of(settings)
    question = question_of(landscape, wanted.route, wanted.leaves, wanted.target)
    with closing(comparisons_of(settings)) as database:
        found = gather(
            question,
            landscape,
            history,
            Archive(database),
            SuiteShelf(database),
            key_names=_key_names(settings),
            since_us=wanted.since_us,
            now_us=microseconds(time.time()),
            most=wanted.sample,
            seed=wanted.seed,
        )
    if not wanted.measure:
        return found.migration
    if not found.prompts:
        note = "Nothing was measured: no prompt has to be ported."
        return msgspec.structs.replace(found.migration, notes=[*found.migration.notes, note])
    return _measure(settings, wanted, question, found, history)


def page_for(migration: Migration) -> bytes:
    """The report's page. Raises BadRequest: what makes pages is not installed."""
    from freehold.core.extras import how_to_install

    try:
        from freehold.rollout.migration.page import page_of
    except ImportError:
        raise BadRequest(
            "Pages need Jinja, which is not installed.", hint=how_to_install("compare")
        ) from None
    return page_of(migration).encode()


def write_to(path: Path, content: bytes) -> None:
    """Raises BadRequest: it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadRequest(
            f"`{path}` cannot be written: {error.strerror}.", hint="Name another file."
        ) from None


def _key_names(settings: Settings) -> dict[str, str]:
    from freehold.app.opening import has_keys, keys_of

    if not has_keys(settings):
        return {}  # looking makes no files
    with suppress(StoreError), closing(keys_of(settings)) as keys:
        return {one.id: one.name for one in keys.list()}
    return {}


def _measure(
    settings: Settings, wanted: Wanted, question: Question, found: Found, history: LedgerReader
) -> Migration:
    import uvloop

    return uvloop.run(_measured(settings, wanted, question, found, history))


async def _measured(
    settings: Settings, wanted: Wanted, question: Question, found: Found, history: LedgerReader
) -> Migration:
    """Asks the target through an engine of its own: the calls are in the ledger and under the owner's limits."""
    from freehold.app.asking import open_engine
    from freehold.compare.asking import Asker
    from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
    from freehold.core.clock import SystemClock
    from freehold.core.ids import new_id
    from freehold.rollout.migration.measuring import measured
    from freehold.routing.routes import Route

    target, route, prices = question.target, question.route, settings.price_list()
    tariffs = Tariffs(prices, settings.catalog(), SystemClock())
    if tariffs.of(target) is None:
        raise Forbidden(
            f"What `{target.name}` costs is not known, and a budget counts money.",
            hint=f'State it in `[models."{target.name}"]`.',
        )
    alone = Route(
        target.name, target, keep_bodies=route.keep_bodies, deadline=route.deadline, retries=route.retries
    )
    async with open_engine(settings, {target.name: alone}) as parts:
        runtime = parts.engine.runtime
        limits = BudgetedLimits(runtime.limits, Budget(wanted.budget), tariffs, unpriced=False)
        parts.engine.runtime = msgspec.structs.replace(runtime, limits=limits)
        asker = Asker(parts.engine, prices, SystemClock(), new_id("migration"), limits=limits)
        return await measured(
            found.migration,
            found.prompts,
            asker.ask,
            lambda call: _recorded(history, call),
            most=wanted.measure,
        )


def _recorded(history: LedgerReader, call: str) -> Call | None:
    try:
        return history.call(call).call
    except NotFound:  # retention has deleted it meanwhile
        return None
