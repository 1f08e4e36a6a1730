"""Reports on comparisons, from the settings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.app.comparing import check_extra, open_comparisons
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.compare.database import Database
    from freehold.compare.report.report import Report, Traffic
    from freehold.compare.terms import Comparison
    from freehold.config.settings import Settings
    from freehold.ledger.reading import LedgerReader

# ruff: noqa: PLC0415 - the command line imports this module: each function imports what it needs


def report_on(settings: Settings, which: str) -> Report:
    """The report on a comparison, with the traffic of its route by the ledger. Raises NotFound, BadRequest, StoreError.

    `which`: its id, or a beginning of it.
    """
    from freehold.app.opening import history_of

    with open_comparisons(settings) as comparisons:
        return report_from(comparisons.database, history_of(settings), which)


def report_from(database: Database, history: LedgerReader, which: str) -> Report:
    """The same from databases. Raises NotFound, BadRequest, StoreError."""
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf

    check_extra()
    from freehold.compare.report.gathering import report_of

    archive = Archive(database)
    comparison = archive.find(which)
    traffic = _traffic(history, comparison)
    return report_of(comparison, shelf=SuiteShelf(database), archive=archive, traffic=traffic)


def write_page(report: Report, path: Path) -> int:
    """Write a report's page and return its size in bytes. Raises BadRequest: charts cannot be drawn, or it cannot be
    written.
    """
    page = page_for(report)
    try:
        path.write_bytes(page)
    except OSError as error:
        raise BadRequest(
            f"`{path}` cannot be written: {error.strerror}.", hint="Name another file with `-o`."
        ) from None
    return len(page)


def page_for(report: Report) -> bytes:
    """A report's page. Raises BadRequest: charts cannot be drawn."""
    from freehold.core.extras import how_to_install

    try:
        from freehold.compare.report.page import page_of
    except ImportError:
        raise BadRequest(
            "Reports need Altair and vl-convert, which are not installed.", hint=how_to_install("compare")
        ) from None
    return page_of(report).encode()


def _traffic(history: LedgerReader, comparison: Comparison) -> Traffic | None:
    from freehold.compare.report.traffic import traffic_of

    terms = comparison.terms
    if terms.route is None:
        return None
    return traffic_of(history, terms.route, terms.incumbent, microseconds(time.time()))
