"""The models that a route could be compared with, and what is known of each before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from freehold.core.usage import Usage
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.independence.action import Possible
from freehold.rollout.independence.standing import Standings
from freehold.rollout.independence.traffic import Answered
from freehold.routing.routes import Route, Target

_MOST = 12
"""Models of a route, so that an installation with hundreds of models is not waited for."""
_STILL_NO = 0.5
"""What is left of a verdict that says no, for it to be no use to ask again."""


class Prospects(msgspec.Struct, frozen=True):
    """Finds them."""

    landscape: Landscape
    classes_of: Callable[[str], dict[str, int]]
    """The classes of a suite, by its id."""
    now_us: int

    def find(
        self, route: Route, answered: Sequence[Answered], standings: Standings, incumbents: Sequence[str]
    ) -> Iterator[Possible]:
        """Those of the route first, then own ones, and not too many."""
        landscape = self.landscape
        houses = {landscape.house_of(one.model.partition("/")[0]) for one in answered}
        plan = {one.name for one in route.plan}
        named = [one for one in landscape.models if {landscape.house_of(one.provider)} != houses]
        targets = [
            one
            for one in dict.fromkeys([*route.plan, *named])
            if one != route.incumbent and self._can_chat(one) and landscape.settings_of(one.provider)
        ]
        targets.sort(key=lambda one: (one.name not in plan, not landscape.is_own(one.provider), one.name))
        for target in targets[:_MOST]:
            known = standings.find(incumbents, target.name, "")
            yield Possible(
                route=route.name,
                model=target.name,
                house=landscape.house_of(target.provider),
                own=landscape.is_own(target.provider),
                configured=target.name in plan,
                dearer=self._dearer(target, answered[0]),
                refuted=tuple(self._refuted(incumbents, target.name, standings)),
                suite=None if standings.suite is None else standings.suite.name,
                stale=known is not None and known.verdict.decision == "replaces",
            )

    def _can_chat(self, target: Target) -> bool:
        operations = self.landscape.catalog.find(target.provider, target.model).profile.operations
        return operations is None or "chat" in operations

    def _refuted(self, incumbents: Sequence[str], model: str, standings: Standings) -> Iterator[str]:
        """The classes in which it is no use to compare it again, as it was found to be worse not long ago."""
        suite = standings.class_suite
        for name in ("",) if suite is None else self.classes_of(suite.id):
            found = standings.find(incumbents, model, name)
            refused = found is not None and found.verdict.decision == "does not replace"
            if found is not None and refused and found.fresh(self.now_us) >= _STILL_NO:
                yield name

    def _dearer(self, target: Target, one: Answered) -> float | None:
        """What the target costs for each dollar of what was paid, by the price lists."""
        price = self.landscape.prices.price_of(target.provider, target.model, self.now_us)
        if price is None or not one.cost or not one.counted or one.unpriced:
            return None
        each = Usage(
            input_tokens=one.input_tokens // one.counted,
            output_tokens=one.output_tokens // one.counted,
            source="counted",
        )
        amount = price.cost_of(each).amount
        return None if amount is None else float(amount * one.calls / one.cost)
