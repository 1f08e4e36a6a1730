"""What an export needs of an installation: its run, its questions, and what is known of its licence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.app.opening import comparisons_of
from freehold.compare.case import ScorerSettings
from freehold.core.clock import SystemClock, microseconds
from freehold.core.errors import BadRequest
from freehold.train.data.shelf import DatasetShelf
from freehold.train.export.forms import Form
from freehold.train.export.questions import Asked, of_cases, of_rows
from freehold.train.run import Run, Runs

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.train.export.exporting import Exported
    from freehold.train.export.watching import Watcher


def export_run(
    settings: Settings,
    reference: str,
    form: Form,
    name: str,
    *,
    file: Path | None,
    suite: str | None,
    margin: float,
    questions: int,
    watch: Watcher,
) -> Exported:
    """Export a run's model and prove it. Raises NotFound, BadRequest, StoreError."""
    from freehold.train.export.exporting import Order, check_name, export  # noqa: PLC0415 - torch, for seconds

    check_name(name)
    folder = Runs(settings.data).find(reference)
    run = folder.read()
    if run.state != "finished":
        raise BadRequest(
            f"The run `{run.id}` is `{run.state}`, so there is no model to export.",
            hint=f"`freehold train resume {run.id}` goes on with it.",
        )
    asked = _questions(settings, run, suite, questions)
    order = Order(
        name=name,
        form=form,
        model=folder.model,
        file=file,
        margin=margin,
        run=run.id,
        base=run.base,
        dataset=run.dataset,
        licence=None,
        reasoning=run.recipe == "reason",
    )
    return export(order, asked, data=settings.data, made_us=microseconds(SystemClock().now()), watch=watch)


def _questions(settings: Settings, run: Run, suite: str | None, most: int) -> Asked:
    if suite is not None:
        return _of_suite(settings, suite, most)
    if run.dataset is None:
        raise BadRequest(
            f"The run `{run.id}` had no dataset, so there are no held-out rows to prove its model on.",
            hint="Name a suite: `--suite SUITE`.",
            param="suite",
        )
    dataset = DatasetShelf(settings.data).find(run.dataset)
    scorers = msgspec.json.decode(dataset.manifest.scorers, type=list[ScorerSettings])
    found = of_rows(
        dataset.rows("held-out"), scorers, source=f"held-out rows of {dataset.reference}", most=most
    )
    if not found.questions:
        raise BadRequest(
            f"The dataset `{dataset.reference}` has no held-out row that a model can be asked.",
            hint="Name a suite: `--suite SUITE`.",
            param="suite",
        )
    return found


def _of_suite(settings: Settings, which: str, most: int) -> Asked:
    from freehold.compare.suites.shelf import SuiteShelf  # noqa: PLC0415 - databases, where a suite is named

    database = comparisons_of(settings)
    try:
        shelf = SuiteShelf(database)
        suite = shelf.find(which)
        return of_cases(shelf.cases(suite.id), suite.scorers, source=f"suite {suite.name}", most=most)
    finally:
        database.close()
