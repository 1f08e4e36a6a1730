"""What the ledger says of a route, as far as the provider that is left answered it."""

from __future__ import annotations

from collections import Counter

import msgspec

from freehold.core.moments import iso
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.totals import Sum
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.carrying.sampled import NOT_TRAFFIC
from freehold.rollout.migration.asked import Question
from freehold.rollout.migration.report import LatencyPart, Span

DAY_US = 86_400_000_000


class Record:
    """Answers questions about these calls. Methods wait, and raise StoreError."""

    def __init__(
        self, question: Question, landscape: Landscape, history: LedgerReader, *, since_us: int
    ) -> None:
        self._question = question
        self._history = history
        self._since_us = since_us
        self.sums = _sums(question, landscape, history, since_us)
        """By model, the one with the most calls first."""
        self.models = [str(one.names[0]) for one in self.sums]
        self.filters = [self._of(one, question.route.name) for one in self.models]

    @property
    def calls(self) -> int:
        """How many there are."""
        return sum(one.calls for one in self.sums)

    def span(self) -> Span | None:
        """From the first to the last of the calls; None: there are none."""
        first = [
            some[0].call.started_us
            for one in self.filters
            if (some := next(self._history.in_order(one, size=1), None))
        ]
        last = [
            some[0].call.started_us for one in self.filters if (some := self._history.calls(one, limit=1))
        ]
        if not first or not last:
            return None
        days = (max(last) - min(first)) / DAY_US
        return Span(since=iso(min(first)), until=iso(max(last)), days=days, extrapolates=days >= 1)

    def lost(self) -> dict[str, int]:
        """What these calls lost, with whoever answered them."""
        found: Counter[str] = Counter()
        for one in self.filters:
            found.update({lost.loss: lost.calls for lost in self._history.losses(one)})
        return dict(found)

    def latencies(self) -> list[LatencyPart]:
        """Of these models and of the target: on this route, or else on any."""
        found = []
        for model in (*self.models, self._question.target.name):
            parts = (self._latency(model, route) for route in (self._question.route.name, None))
            part = next((one for one in parts if one is not None), None)
            if part is not None:
                found.append(part)
        return found

    def _latency(self, model: str, route: str | None) -> LatencyPart | None:
        paces = self._history.paces((), self._of(model, route))
        if not paces or not paces[0].calls:
            return None
        pace = paces[0]
        return LatencyPart(
            model=model,
            of=route or "any route",
            calls=pace.calls,
            median_ms=pace.duration_ms.get(50),
            p99_ms=pace.duration_ms.get(99),
            first_median_ms=pace.first_token_ms.get(50),
        )

    def _of(self, model: str, route: str | None) -> Filter:
        return Filter(route=route, model=model, operation="chat", outcome="answered", since_us=self._since_us)


def _sums(question: Question, landscape: Landscape, history: LedgerReader, since_us: int) -> list[Sum]:
    chosen = Filter(route=question.route.name, operation="chat", outcome="answered", since_us=since_us)
    of_model: dict[str, Sum] = {}
    for one in history.sums(("model", "key"), chosen) if history.exists else []:
        model, key = one.names
        provider = (model or "").partition("/")[0]
        if model is None or (key or "").startswith(NOT_TRAFFIC):
            continue
        if landscape.house_of(provider) == question.house:
            of_model[model] = _added(of_model.get(model), one, model)
    return sorted(of_model.values(), key=lambda one: -one.calls)


def _added(into: Sum | None, one: Sum, model: str) -> Sum:
    if into is None:
        return msgspec.structs.replace(one, names=(model,))
    values = {}
    for name in Sum.__struct_fields__:
        first, second = getattr(into, name), getattr(one, name)
        if name != "names":
            values[name] = second if first is None else first if second is None else first + second
    return Sum(names=(model,), **values)
