"""From what is on record to the report on a migration. No model is called, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from freehold import __version__
from freehold.compare.archive import Archive
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest
from freehold.core.figures import counted
from freehold.core.moments import iso
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.totals import Sum
from freehold.rollout.carrying.carried import Carried, Recipient, carry_all
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.carrying.sampled import NOT_TRAFFIC, Sample, sample_of
from freehold.rollout.independence.standing import Standings, standings_of
from freehold.rollout.migration.asked import Question
from freehold.rollout.migration.breaking import affected, features_in, is_broken, is_weakened, losses_in
from freehold.rollout.migration.classes import classes_in
from freehold.rollout.migration.makers import maker_of
from freehold.rollout.migration.money import cost_of
from freehold.rollout.migration.plan import plan_of, way_back
from freehold.rollout.migration.prompts import MOST, Ported, ported
from freehold.rollout.migration.report import LatencyPart, Migration, Span, VerdictPart

DAY_US = 86_400_000_000
LEAST_CALLS = 20
"""Answered calls of the provider that is left, below which nothing is said."""
_NO_KEY = "(no key)"
_UNCLASSED = "(no class)"


class Found(msgspec.Struct, frozen=True):
    """The report, and what measuring needs besides."""

    migration: Migration
    prompts: list[Ported]


class Gathering:
    """Finds everything. Methods wait, and raise StoreError."""

    def __init__(
        self,
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
    ) -> None:
        self._question = question
        self._landscape = landscape
        self._history = history
        self._archive = archive
        self._shelf = shelf
        self._key_names = key_names
        self._since_us = since_us
        self._now_us = now_us
        self._most = most
        self._seed = seed

    def gather(self) -> Found:
        """Raises BadRequest: the provider that is left has nothing to do with the route."""
        question = self._question
        sums = self._sums()
        calls = sum(one.calls for one in sums)
        self._check_left(calls)
        models = [str(one.names[0]) for one in sums]
        filters = [self._of(model) for model in models]
        span = self._span(filters)
        enough = calls >= LEAST_CALLS
        sample = self._sample(filters, sums) if enough else Sample([], 0, 0, 0)
        carried = asyncio.run(carry_all(sample.calls, self._recipient()))
        classes = classes_in(sample.calls, seed=self._seed) if carried else {}
        speech = self._recipient().settings.dialects[0]
        prompts = ported(
            sample.calls,
            maker=maker_of(question.target.model),
            leaves=maker_of(models[0].partition("/")[2]) if models else None,
            speech=speech,
        )
        shown = [one.shown() for one in prompts[:MOST]]
        standings = standings_of(self._archive, self._shelf, [question.route.name])[question.route.name]
        verdicts = self._verdicts(standings)
        broken = sum(map(is_broken, carried))
        suite = None if standings.suite is None else standings.suite.name
        migration = Migration(
            made=iso(self._now_us),
            version=__version__,
            route=question.route.name,
            leaves=question.leaves,
            models=models,
            target=question.target.name,
            dialect=speech,
            dialects=dict(Counter(one.dialect for one in carried)),
            enough=enough and bool(carried),
            missing=_missing(calls, sample, carried),
            calls=calls,
            span=span,
            sampled=len(carried),
            kept=sample.kept,
            whole=sum(not is_broken(one) and not is_weakened(one) for one in carried),
            weakened=sum(map(is_weakened, carried)),
            broken=broken,
            features=features_in(carried, self._key_name, classes),
            losses=losses_in(carried, self._key_name, self._lost_now(filters)),
            by_key=affected(carried, self._key_name),
            by_class=affected(carried, lambda one: classes.get(one.call, _UNCLASSED)) if classes else [],
            prompts=shown,
            other_prompts=max(0, len(prompts) - MOST),
            cost=cost_of(sums, question.target, self._landscape, span, now_us=self._now_us)
            if enough
            else None,
            latencies=self._latencies(models) if enough else [],
            verdicts=verdicts,
            plan=plan_of(
                question,
                calls=calls,
                span=span,
                broken=broken,
                sampled=len(carried),
                prompts=shown,
                verdicts=verdicts,
                suite=suite,
            ),
            back=way_back(question),
            notes=self._notes(sample, carried),
        )
        return Found(migration, prompts[:MOST])

    # What is left

    def _of(self, model: str) -> Filter:
        return Filter(
            route=self._question.route.name,
            model=model,
            operation="chat",
            outcome="answered",
            since_us=self._since_us,
        )

    def _sums(self) -> list[Sum]:
        """What the provider's models answered, the one with the most calls first."""
        chosen = Filter(
            route=self._question.route.name, operation="chat", outcome="answered", since_us=self._since_us
        )
        found = self._history.sums(("model", "key"), chosen) if self._history.exists else []
        of_model: dict[str, Sum] = {}
        for one in found:
            model, key = one.names
            provider = (model or "").partition("/")[0]
            if model is None or (key or "").startswith(NOT_TRAFFIC):
                continue
            if self._landscape.house_of(provider) == self._question.house:
                of_model[model] = _added(of_model.get(model), one, model)
        return sorted(of_model.values(), key=lambda one: -one.calls)

    def _check_left(self, calls: int) -> None:
        question = self._question
        houses = {self._landscape.house_of(one.provider) for one in question.route.plan}
        if not calls and question.house not in houses:
            raise BadRequest(
                f"`{question.leaves}` answers no call of `{question.route.name}`, and stands not among its models.",
                hint="`freehold spend --by provider --route` shows who does.",
            )

    def _span(self, filters: Sequence[Filter]) -> Span | None:
        """From the first to the last of the calls."""
        first = [
            some[0].call.started_us
            for one in filters
            if (some := next(self._history.in_order(one, size=1), None))
        ]
        last = [some[0].call.started_us for one in filters if (some := self._history.calls(one, limit=1))]
        if not first or not last:
            return None
        days = (max(last) - min(first)) / DAY_US
        return Span(since=iso(min(first)), until=iso(max(last)), days=days, extrapolates=days >= 1)

    def _sample(self, filters: Sequence[Filter], sums: Sequence[Sum]) -> Sample:
        """Of each model in proportion to its calls."""
        total = sum(one.calls for one in sums)
        parts = [
            sample_of(self._history, one, most=max(1, round(self._most * of.calls / total)), seed=self._seed)
            for one, of in zip(filters, sums, strict=True)
        ]
        return Sample(
            [call for part in parts for call in part.calls],
            sum(part.kept for part in parts),
            sum(part.without_body for part in parts),
            sum(part.too_long for part in parts),
        )

    # What becomes of it

    def _recipient(self) -> Recipient:
        target = self._question.target
        settings = self._landscape.settings_of(target.provider)
        assert settings is not None, "the question was checked"
        return Recipient(
            settings, target.model, self._landscape.catalog.find(target.provider, target.model).profile
        )

    def _key_name(self, one: Carried) -> str:
        return _NO_KEY if one.key_id is None else self._key_names.get(one.key_id, one.key_id)

    def _lost_now(self, filters: Sequence[Filter]) -> dict[str, int]:
        """What these calls lose already, with whoever answers them."""
        found: Counter[str] = Counter()
        for one in filters:
            found.update({lost.loss: lost.calls for lost in self._history.losses(one)})
        return dict(found)

    def _latencies(self, models: Sequence[str]) -> list[LatencyPart]:
        route, target = self._question.route.name, self._question.target.name
        found = []
        for model in (*models, target):
            mine = Filter(model=model, operation="chat", outcome="answered", since_us=self._since_us)
            for of, chosen in (
                (route, msgspec.structs.replace(mine, route=route)),
                ("any route", mine),
            ):
                paces = self._history.paces((), chosen)
                if paces and paces[0].calls:
                    pace = paces[0]
                    found.append(
                        LatencyPart(
                            model=model,
                            of=of,
                            calls=pace.calls,
                            median_ms=pace.duration_ms.get(50),
                            p99_ms=pace.duration_ms.get(99),
                            first_median_ms=pace.first_token_ms.get(50),
                        )
                    )
                    break
        return found

    def _verdicts(self, standings: Standings) -> list[VerdictPart]:
        return [
            VerdictPart(
                comparison=one.comparison.id,
                incumbent=one.verdict.incumbent,
                task_class=one.verdict.task_class,
                decision=one.verdict.decision,
                margin=one.verdict.margin,
                alpha=one.verdict.alpha,
                pairs=one.verdict.evidence.n,
                difference=one.verdict.evidence.difference,
                low=one.verdict.evidence.low,
                high=one.verdict.evidence.high,
                age_days=one.age_days(self._now_us),
                reason=one.verdict.reason,
            )
            for one in standings.about(self._question.target.name)
        ]

    def _notes(self, sample: Sample, carried: Sequence[Carried]) -> list[str]:
        notes = []
        if sample.without_body:
            notes.append(
                f"{counted(sample.without_body, 'call')} are on record without their requests, and were not looked at."
            )
        if sample.too_long:
            notes.append(
                f"{counted(sample.too_long, 'call')} have requests of more than 1 MB, and were not looked at."
            )
        if len(carried) < len(sample.calls):
            notes.append(
                f"{counted(len(sample.calls) - len(carried), 'call')} of the sample could not be read."
            )
        if (
            self._landscape.prices.price_of(
                self._question.target.provider, self._question.target.model, self._now_us
            )
            is None
        ):
            name = self._question.target.name
            notes.append(f'No price of `{name}` is known; state it in `[models."{name}"]`.')
        return notes


def _added(into: Sum | None, one: Sum, model: str) -> Sum:
    if into is None:
        return msgspec.structs.replace(one, names=(model,))
    values = {}
    for name in Sum.__struct_fields__:
        first, second = getattr(into, name), getattr(one, name)
        if name != "names":
            values[name] = second if first is None else first if second is None else first + second
    return Sum(names=(model,), **values)


def _missing(calls: int, sample: Sample, carried: Sequence[Carried]) -> str:
    if calls < LEAST_CALLS:
        said = f"{counted(calls, 'answered call')} on record in that time, and it takes {LEAST_CALLS}"
        return f"{said}: `--since` looks further back."
    if not sample.calls:
        return (
            "No request of these calls is kept, so nobody can tell what would break: `bodies = true` under `[ledger]` "
            "keeps them."
        )
    return "" if carried else "None of the requests that are kept can be read."
