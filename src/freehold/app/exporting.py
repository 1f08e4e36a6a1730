"""What an export needs of an installation: its run, its questions, and what is known of its licence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.app.opening import comparisons_of
from freehold.app.terms import known_of
from freehold.app.training import check_installed
from freehold.compare.case import ScorerSettings
from freehold.core.clock import SystemClock, microseconds
from freehold.core.errors import BadRequest, FreeholdError
from freehold.core.ids import new_id
from freehold.train.data.shelf import DatasetShelf
from freehold.train.export.forms import Form
from freehold.train.export.order import MARGIN, QUESTIONS, Exported, Order, check_name
from freehold.train.export.questions import Asked, of_cases, of_rows, said_of
from freehold.train.export.watching import Watcher, silently
from freehold.train.licence import licence_left
from freehold.train.run import Run, Runs
from freehold.train.threads import patient_threads

if TYPE_CHECKING:
    from freehold.config.settings import Settings


def export_run(
    settings: Settings,
    reference: str,
    form: Form,
    name: str,
    *,
    file: Path | None = None,
    suite: str | None = None,
    margin: float = MARGIN,
    questions: int = QUESTIONS,
    only_prove: bool = False,
    watch: Watcher = silently,
) -> Exported:
    """Export a run's model and prove it. Raises NotFound, BadRequest, StoreError."""
    check_name(name)
    folder = Runs(settings.data).find(reference)
    run = folder.read()
    if run.state != "finished":
        raise BadRequest(
            f"The run `{run.id}` is `{run.state}`, so there is no model to export.",
            hint=f"`freehold train resume {run.id}` goes on with it.",
        )
    if run.recipe == "rank":
        raise BadRequest(
            f"The run `{run.id}` made a head that tells classes apart, and no model that answers.",
            hint=f"`freehold suite sample ROUTE --classes {run.id}` goes by it.",
        )
    check_installed()
    with patient_threads():
        from freehold.train.export.exporting import export, form_of_file  # noqa: PLC0415 - torch, for seconds

    asked = _questions(settings, run, suite, questions)
    left = licence_left(run.licence, run.makers, datetime.now(UTC).date(), known_of(settings))
    order = Order(
        name=name,
        form=form if file is None else form_of_file(file),
        model=folder.model,
        file=file,
        only_prove=only_prove,
        margin=margin,
        run=run.id,
        base=run.base,
        dataset=run.dataset,
        licence=left.licence,
        reasoning=run.recipe == "reason" or any(said_of(one.answer or "")[0] for one in asked.questions),
        notes=(*run.notes, *left.notes),
    )
    return export(
        order,
        asked,
        data=settings.data,
        made_us=microseconds(SystemClock().now()),
        endpoint=ask_through_endpoint,
        watch=watch,
    )


def ask_through_endpoint(data: Path, model: str, requests: Sequence[msgspec.Raw]) -> list[str]:
    """The answers of a model of this data folder to a client. Raises FreeholdError where one fails."""
    from freehold.config.load import load  # noqa: PLC0415 - what an endpoint needs

    settings = load(None, {}, overrides={"data": str(data)})
    return asyncio.run(_ask(settings, model, requests))


async def _ask(settings: Settings, model: str, requests: Sequence[msgspec.Raw]) -> list[str]:
    from freehold.app.asking import open_engine  # noqa: PLC0415 - what an endpoint needs
    from freehold.compare.asking import Asker, Patience  # noqa: PLC0415

    async with open_engine(settings, {}) as parts:
        asker = Asker(parts.engine, parts.prices, SystemClock(), new_id("export"), patience=Patience(tries=1))
        said = []
        for request in requests:
            answer = await asker.ask(model, request)
            if answer.failure is not None:
                raise FreeholdError(f"`{model}` does not answer: `{answer.failure}`.")
            said.append(answer.text)
        return said


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
