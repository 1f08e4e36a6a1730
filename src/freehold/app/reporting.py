"""Reports on comparisons, from the settings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.app.comparing import open_comparisons
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.compare.report.report import Report, Traffic
    from freehold.compare.terms import Comparison
    from freehold.config.settings import Settings

# ruff: noqa: PLC0415 - the command line imports this module: each function imports what it needs


def report_on(settings: Settings, which: str) -> Report:
    """The report on a comparison, with the traffic of its route by the ledger. Raises NotFound, BadRequest, StoreError.

    `which`: its id, or a beginning of it.
    """
    from freehold.compare.report.gathering import report_of

    with open_comparisons(settings) as comparisons:
        comparison = comparisons.archive.find(which)
        return report_of(
            comparison,
            shelf=comparisons.shelf,
            archive=comparisons.archive,
            traffic=_traffic(settings, comparison),
        )


def write_page(report: Report, path: Path) -> int:
    """Write a report's page and return its size in bytes. Raises BadRequest: charts cannot be drawn, or it cannot be
    written.
    """
    from freehold.core.extras import how_to_install

    try:
        from freehold.compare.report.page import page_of
    except ImportError:
        raise BadRequest(
            "Reports need Altair and vl-convert, which are not installed.", hint=how_to_install("compare")
        ) from None
    page = page_of(report).encode()
    try:
        path.write_bytes(page)
    except OSError as error:
        raise BadRequest(
            f"`{path}` cannot be written: {error.strerror}.", hint="Name another file with `-o`."
        ) from None
    return len(page)


def _traffic(settings: Settings, comparison: Comparison) -> Traffic | None:
    from freehold.app.opening import history_of
    from freehold.compare.report.traffic import traffic_of

    terms = comparison.terms
    if terms.route is None:
        return None
    return traffic_of(history_of(settings), terms.route, terms.incumbent, microseconds(time.time()))
