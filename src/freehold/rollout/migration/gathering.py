"""From what is on record to the report on a migration. No model is called, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from freehold import __version__
from freehold.compare.archive import Archive
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest
from freehold.core.figures import counted
from freehold.core.moments import iso
from freehold.ledger.reading import LedgerReader
from freehold.rollout.carrying.carried import Carried, Recipient
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.independence.standing import Proven, standings_of
from freehold.rollout.migration.asked import Question
from freehold.rollout.migration.breaking import affected, features_in, is_broken, is_weakened, losses_in
from freehold.rollout.migration.looking import NOTHING, Looked, draw, look
from freehold.rollout.migration.makers import maker_of
from freehold.rollout.migration.money import cost_of
from freehold.rollout.migration.plan import plan_of, way_back
from freehold.rollout.migration.prompts import MOST, Ported
from freehold.rollout.migration.record import Record
from freehold.rollout.migration.report import Migration, VerdictPart

LEAST_CALLS = 20
"""Answered calls of the provider that is left, below which nothing is said."""
_NO_KEY = "(no key)"
_UNCLASSED = "(no class)"


class Found(msgspec.Struct, frozen=True):
    """The report, and what measuring needs besides."""

    migration: Migration
    prompts: list[Ported]


def gather(
    question: Question,
    landscape: Landscape,
    history: LedgerReader,
    archive: Archive,
    shelf: SuiteShelf,
    *,
    key_names: Mapping[str, str],
    since_us: int,
    now_us: int,
    most: int,
    seed: int,
) -> Found:
    """Everything. Waits. Raises BadRequest: the provider that is left has nothing to do with the route; StoreError."""
    record = Record(question, landscape, history, since_us=since_us)
    _check_left(question, landscape, record.calls)
    enough = record.calls >= LEAST_CALLS
    sample = draw(history, record.filters, record.sums, most=most, seed=seed) if enough else NOTHING
    recipient = _recipient(question, landscape)
    looked = look(history, sample, recipient, seed=seed)
    carried, classes = looked.carried, looked.classes
    leaves = maker_of(record.models[0].partition("/")[2]) if record.models else None
    prompts = looked.prompts.ported(maker=maker_of(question.target.model), leaves=leaves)
    shown = [one.shown() for one in prompts[:MOST]]
    standings = standings_of(archive, shelf, [question.route.name])[question.route.name]
    verdicts = [_verdict(one, now_us) for one in standings.about(question.target.name)]
    broken, span = sum(map(is_broken, carried)), record.span()
    without_price = _without_price(question, landscape, now_us)

    def key_name(one: Carried) -> str:
        return _NO_KEY if one.key_id is None else key_names.get(one.key_id, one.key_id)

    migration = Migration(
        made=iso(now_us),
        version=__version__,
        route=question.route.name,
        leaves=question.leaves,
        models=record.models,
        target=question.target.name,
        dialect=recipient.settings.dialects[0],
        dialects=dict(Counter(one.dialect for one in carried)),
        enough=enough and bool(carried),
        missing=_missing(record.calls, looked),
        calls=record.calls,
        span=span,
        sampled=len(carried),
        kept=sample.kept,
        whole=sum(not is_broken(one) and not is_weakened(one) for one in carried),
        weakened=sum(map(is_weakened, carried)),
        broken=broken,
        features=features_in(carried, key_name, classes),
        losses=losses_in(carried, key_name, record.lost()),
        by_key=affected(carried, key_name),
        by_class=affected(carried, lambda one: classes.get(one.call, _UNCLASSED)) if classes else [],
        prompts=shown,
        other_prompts=max(0, len(prompts) - MOST),
        cost=cost_of(record.sums, question.target, landscape, span, now_us=now_us) if enough else None,
        latencies=record.latencies() if enough else [],
        verdicts=verdicts,
        plan=plan_of(
            question,
            calls=record.calls,
            span=span,
            broken=broken,
            sampled=len(carried),
            prompts=shown,
            verdicts=verdicts,
            suite=None if standings.suite is None else standings.suite.name,
            unpriced=bool(without_price),
        ),
        back=way_back(question),
        notes=[*looked.notes(), *without_price],
    )
    return Found(migration, prompts[:MOST])


def _check_left(question: Question, landscape: Landscape, calls: int) -> None:
    houses = {landscape.house_of(one.provider) for one in question.route.plan}
    if not calls and question.house not in houses:
        raise BadRequest(
            f"`{question.leaves}` answers no call of `{question.route.name}`, and stands not among its models.",
            hint=f"`freehold spend --by provider --route {question.route.name}` shows who does.",
        )


def _recipient(question: Question, landscape: Landscape) -> Recipient:
    target = question.target
    settings = landscape.settings_of(target.provider)
    assert settings is not None, "the question was checked"
    return Recipient(settings, target.model, landscape.catalog.find(target.provider, target.model).profile)


def _verdict(one: Proven, now_us: int) -> VerdictPart:
    verdict = one.verdict
    return VerdictPart(
        comparison=one.comparison.id,
        incumbent=verdict.incumbent,
        task_class=verdict.task_class,
        decision=verdict.decision,
        margin=verdict.margin,
        alpha=verdict.alpha,
        pairs=verdict.evidence.n,
        difference=verdict.evidence.difference,
        low=verdict.evidence.low,
        high=verdict.evidence.high,
        age_days=one.age_days(now_us),
        reason=verdict.reason,
    )


def _without_price(question: Question, landscape: Landscape, now_us: int) -> list[str]:
    target = question.target
    if landscape.prices.price_of(target.provider, target.model, now_us) is not None:
        return []
    return [f'No price of `{target.name}` is known; state it in `[models."{target.name}"]`.']


def _missing(calls: int, looked: Looked) -> str:
    if calls < LEAST_CALLS:
        said = f"{counted(calls, 'answered call')} on record in that time, and it takes {LEAST_CALLS}"
        return f"{said}: `--since` looks further back."
    if not looked.sample.numbers:
        return (
            "No request of these calls is kept, so nobody can tell what would break: `bodies = true` under `[ledger]` "
            "keeps them."
        )
    return "" if looked.carried else "None of the requests that are kept can be read."
