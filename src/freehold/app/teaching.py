"""Teachers of distillation: whether their terms allow it, and asking them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freehold.core.errors import BadRequest, FreeholdError, NotFound, UnknownModel

if TYPE_CHECKING:
    from freehold.catalog.terms.terms import Terms
    from freehold.config.settings import Settings
    from freehold.train.run import RunFolder

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_ACT = "train.allow"


def check_teacher(settings: Settings, dials: Mapping[str, Any], *, by: str) -> Terms:
    """The teacher's terms. Raises BadRequest where nobody may learn from it, and nobody has decided otherwise by name.

    A decision is in the audit log before anything is learned.
    """
    teacher = str(dials["teacher"])
    if not teacher:
        raise BadRequest("Nobody is named to learn from.", hint="`--set teacher=MODEL`.")
    terms = _terms_of(settings, teacher, in_memory=dials["learn"] == "logits")
    if terms.verdict == "allowed":
        return terms
    told = {
        "forbidden": f"The terms of {terms.holder} forbid to learn from `{teacher}`: {terms.summary}",
        "conditional": f"The terms of {terms.holder} let one learn from `{teacher}` on a condition: {terms.condition}",
        "unknown": f"Whether one may learn from `{teacher}` is not known: {terms.summary}",
    }[terms.verdict]
    who, _, why = str(dials["decided"]).partition(":")
    if not (who.strip() and why.strip()):
        raise BadRequest(
            told,
            hint=f'Read {terms.source or "its terms"}, and decide: `--set "decided=NAME: REASON"`; or take another '
            "teacher (`freehold models terms`).",
        )
    from freehold.app.opening import audit_of

    log = audit_of(settings)
    try:
        log.append(by, _ACT, teacher, {"reason": why.strip(), "by": who.strip(), "verdict": terms.verdict})
    finally:
        log.close()
    return terms


def ask_teacher(settings: Settings, folder: RunFolder, tell: Callable[[int, int], None]) -> None:
    """Have the teacher answer the questions of the run's dataset that it has not answered yet.

    Each call is in the ledger under the run's id, and under the owner's limits. Raises BadRequest: it does not answer;
    Halted: a limit is used up.
    """
    import uvloop

    # Until there is something to keep, a signal ends it at once: every answer is on the disk.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        uvloop.run(_ask(settings, folder, tell))
    except ExceptionGroup as several:
        known, other = several.split(FreeholdError)
        if known is None or other is not None:
            raise
        raise known.exceptions[0] from None  # all that ask at a time end for the same reason
    finally:
        signal.signal(signal.SIGTERM, before)


async def _ask(settings: Settings, folder: RunFolder, tell: Callable[[int, int], None]) -> None:
    from freehold.app.asking import open_engine
    from freehold.compare.asking import Asker
    from freehold.core.clock import SystemClock
    from freehold.train import teaching
    from freehold.train.data.shelf import DatasetShelf

    run = folder.read()
    assert run.dataset is not None
    async with open_engine(settings, {}) as parts:
        asker = Asker(parts.engine, settings.price_list(), SystemClock(), run.id)
        await teaching.ask_teacher(
            folder.folder,
            DatasetShelf(settings.data).find(run.dataset),
            _called(settings, run.dials["teacher"]),
            asker.ask,
            concurrency=run.dials["concurrency"],
            tell=tell,
        )


def _called(settings: Settings, teacher: str) -> str:
    """The model that is meant: a route's incumbent, where a route is named."""
    try:
        return settings.route_table().find(teacher).incumbent.name
    except UnknownModel as unknown:
        raise NotFound(unknown.message, hint="`freehold models` lists the models.") from None


def _terms_of(settings: Settings, teacher: str, *, in_memory: bool) -> Terms:
    from freehold.app.terms import known_of
    from freehold.catalog.own import OWN
    from freehold.catalog.terms.finding import Known, terms_of

    today = datetime.now(UTC).date()
    if not in_memory:
        return terms_of(_called(settings, teacher), today, known=known_of(settings))
    from freehold.train.base import find_base

    if teacher.startswith("local/"):
        return terms_of(teacher, today, known=known_of(settings))
    licence = find_base(teacher, settings.data).licence
    return terms_of(f"{OWN}/{teacher}", today, known=Known(own={teacher: licence}))
