"""Whether a route's calls would arrive whole at another model: a sample of them is put to it by the wire room."""

from __future__ import annotations

import asyncio

import msgspec

from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.carrying.carried import Recipient, carry_all
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.carrying.sampled import Sample, calls_of, sample_of
from freehold.rollout.independence.weights import SAMPLE, share_at_least
from freehold.routing.routes import Target
from freehold.wire.dialect import STANDARD


class Parity(msgspec.Struct, frozen=True):
    """How many of a route's calls would arrive whole."""

    of: int
    whole: int
    breaks: tuple[str, ...] = ()
    """The losses that break calls, the most frequent first."""
    by_dialect: bool = False
    """Requests are not kept; that the target speaks their dialect is all that is known."""

    @property
    def least(self) -> float | None:
        """The share that arrives whole, at least; None: nobody could look."""
        return share_at_least(self.whole, self.of) if self.of else None


class Parities:
    """By route and model, each looked at once."""

    def __init__(self, history: LedgerReader, landscape: Landscape, chosen: Filter) -> None:
        """`chosen`: the calls of the time that is meant."""
        self._history = history
        self._landscape = landscape
        self._chosen = chosen
        self._sample: tuple[str, Sample] | None = None
        self._known: dict[tuple[str, str], Parity] = {}

    def find(self, route: str, target: Target, house: str) -> Parity:
        """Of the calls of `route` that `house` answers, put to `target`. Waits. Raises StoreError."""
        if (route, target.name) not in self._known:
            self._known[route, target.name] = self._look(route, target, house)
        return self._known[route, target.name]

    def _look(self, route: str, target: Target, house: str) -> Parity:
        settings = self._landscape.settings_of(target.provider)
        if settings is None:
            return Parity(0, 0)
        chosen = msgspec.structs.replace(self._chosen, route=route, operation="chat", outcome="answered")
        profile = self._landscape.catalog.find(target.provider, target.model).profile
        same_house = self._landscape.house_of(target.provider) == house
        recipient = Recipient(settings, target.model, profile, same_house)
        carried = [
            one
            for some in calls_of(self._history, self._drawn(route, chosen).numbers)
            for one in asyncio.run(carry_all(some, recipient))
        ]
        if carried:
            broken = [loss for one in carried for loss in one.of("breaks")]
            order = sorted(set(broken), key=lambda loss: (-broken.count(loss), loss))
            return Parity(len(carried), sum(one.whole for one in carried), tuple(order))
        if settings.quirks is not STANDARD or settings.hosting is not None:
            return Parity(0, 0)
        newest = self._history.calls(chosen, limit=SAMPLE)
        spoken = sum(one.call.dialect in settings.dialects for one in newest)
        return Parity(len(newest), spoken, by_dialect=True)

    def _drawn(self, route: str, chosen: Filter) -> Sample:
        """Of one route after the other: the same calls for each of its models."""
        if self._sample is None or self._sample[0] != route:
            self._sample = route, sample_of(self._history, chosen, most=SAMPLE)
        return self._sample[1]
