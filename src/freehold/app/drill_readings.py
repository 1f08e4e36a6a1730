"""What a drill reads: calls on record, verdicts, prices, and what state there is. Methods wait for databases."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.app.drill_scope import Scope
    from freehold.rollout.drills.asking import Outcome
    from freehold.rollout.drills.money import Doubling
    from freehold.rollout.drills.quality import Quality, Standing
    from freehold.rollout.drills.report import RouteSample
    from freehold.rollout.drills.sample import Sample
    from freehold.rollout.drills.state import Held, OwnState
    from freehold.routing.routes import Route, Target

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_MOST_FILES = 1_000_000
_MOST_DIRECT = 10
"""Models called by their own names that are looked at beside routes."""


class Readings:
    """See the module. All raise StoreError."""

    def __init__(self, scope: Scope) -> None:
        from freehold.app.opening import history_of

        self._scope = scope
        self._settings = scope.settings
        self._history = history_of(scope.settings)
        self._prices = scope.settings.price_list()

    def samples(self) -> list[Sample]:
        """Calls of each route; models that were called by their own names become routes of the scope, too."""
        from freehold.rollout.drills.sample import sample_of
        from freehold.rollout.drills.tasks import with_tasks

        scope, wanted = self._scope, self._scope.wanted
        if not wanted.on:
            scope.routes += self._called_directly()
        samples = [
            sample_of(
                self._history, route.name, since_us=scope.since_us, wanted=wanted.calls, seed=wanted.seed
            )
            for route in scope.routes
        ]
        return [with_tasks(sample, seed=wanted.seed) for sample in samples]

    def _called_directly(self) -> list[Route]:
        """Models of the provider that clients called by their own names: nobody stands behind those."""
        from freehold.ledger.filters import Filter
        from freehold.rollout.carrying.sampled import NOT_TRAFFIC

        scope, routes = self._scope, self._settings.routes
        table, found = self._settings.route_table(), dict[str, int]()
        for provider in sorted(scope.lost) if self._history.exists else ():
            chosen = Filter(provider=provider, operation="chat", outcome="answered", since_us=scope.since_us)
            for one in self._history.sums(("route", "key"), chosen):
                name, key = one.names
                if (key or "").startswith(NOT_TRAFFIC):
                    continue
                if name and name not in routes and name.partition("/")[0] in scope.lost:
                    found[name] = found.get(name, 0) + one.calls
        often = sorted(found, key=lambda name: (-found[name], name))[:_MOST_DIRECT]
        return [table.find(name) for name in often]

    def standing(self) -> Standing:
        """The newest verdict of each pair of models."""
        from freehold.app.opening import comparisons_of
        from freehold.compare.archive import Archive
        from freehold.rollout.drills.quality import standing_verdicts

        database = comparisons_of(self._settings)
        try:
            return standing_verdicts(Archive(database)) if database.exists else {}
        finally:
            database.close()

    def routes(self, samples: Sequence[Sample]) -> tuple[RouteSample, ...]:
        """What each route was tried on."""
        from collections import Counter

        from freehold.rollout.drills.figures import quantile
        from freehold.rollout.drills.report import RouteSample

        told = []
        for route, sample in zip(self._scope.routes, samples, strict=True):
            deadline, whose = self._scope.deadline_of(route)
            whole = [call.duration_ms / 1000 for call in sample.calls]
            first = [call.first_ms / 1000 for call in sample.calls if call.first_ms is not None]
            told.append(
                RouteSample(
                    route=route.name,
                    models=tuple(target.name for target in route.plan),
                    lost_models=tuple(
                        target.name for target in route.plan if self._scope.is_lost(target.provider)
                    ),
                    deadline_s=deadline,
                    deadline_is=whose,
                    found=sample.found,
                    asked=len(sample.calls),
                    left_out=sample.left_out,
                    before_p50_s=quantile(whole, 0.5),
                    before_p99_s=quantile(whole, 0.99),
                    before_first_p50_s=quantile(first, 0.5),
                    tasks=dict(Counter(call.task for call in sample.calls).most_common()),
                )
            )
        return tuple(told)

    def qualities(self, standing: Standing) -> list[Quality]:
        """How good those who take over are."""
        from freehold.rollout.drills.quality import qualities

        scope = self._scope
        gone = frozenset([*scope.lost, *filter(scope.is_lost, self._settings.pools)])
        return qualities(scope.routes, gone, standing)

    def doubling(self, standing: Standing) -> Doubling | None:
        """What a doubled price would cost; None: it was not asked for."""
        from freehold.rollout.drills.money import doubling

        scope = self._scope
        if all(fault.script is not None for fault in scope.faults):
            return None
        return doubling(
            self._history,
            scope.lost,
            self._who_chats(),
            self._prices,
            standing,
            since_us=scope.since_us,
            days=scope.wanted.days,
            now_us=scope.now_us,
        )

    def _who_chats(self) -> list[Target]:
        """What nobody knows is not held against a model."""
        catalog = self._settings.catalog()
        return [
            one
            for one in self._settings.models()
            if (known := catalog.find(one.provider, one.model).profile.operations) is None or "chat" in known
        ]

    def state(self, samples: Sequence[Sample]) -> list[Held]:
        """What would be lost with the provider, and what is kept here."""
        from freehold.rollout.drills.state import state_of

        scope = self._scope
        return state_of(
            self._history,
            scope.lost,
            samples,
            self._settings.models(),
            self._own_state(),
            since_us=scope.since_us,
        )

    def _own_state(self) -> OwnState:
        from freehold.batches.records import StoredFile
        from freehold.batches.shelf import Shelf
        from freehold.rollout.drills.state import OwnState

        shelf = Shelf(self._settings.data, max_bytes=self._settings.batches.max_bytes)
        try:
            files = len(shelf.page_of(StoredFile, _MOST_FILES, None)) if shelf.exists else 0
            batches = len(shelf.unfinished()) if shelf.exists else 0
        finally:
            shelf.close()
        folder = self._settings.data / "background"
        return OwnState(files, batches, sum(1 for _ in folder.glob("*.json")))

    def cost_of(self, outcome: Outcome) -> Decimal | None:
        """What an answer cost, as far as that is known. Of stand-ins: what the recorded tokens would have cost."""
        from freehold.core.usage import Usage
        from freehold.rollout.drills.rehearsal import real_part

        scope, recorded = self._scope, outcome.recorded
        provider, _, model = outcome.model.partition("/")
        if provider in scope.lost:
            return recorded.cost  # as if nothing had happened
        if not scope.wanted.simulated:
            real = real_part(outcome.call, scope.lost)
            return (
                None
                if real is None
                else self._prices.cost_of(provider, model, real.usage, scope.now_us).amount
            )
        if recorded.input_tokens is None or recorded.output_tokens is None:
            return None
        usage = Usage(
            input_tokens=recorded.input_tokens, output_tokens=recorded.output_tokens, source="counted"
        )
        return self._prices.cost_of(provider, model, usage, scope.now_us).amount
