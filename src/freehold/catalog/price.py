"""The price of one model: where it is from, and its rates by size of the input."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from freehold.catalog.rates import Rates
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.core.usage import Usage


class Step(msgspec.Struct, frozen=True):
    """Rates of calls whose input is larger than `above` tokens; they then hold for the whole call."""

    above: int
    rates: Rates


class Price(msgspec.Struct, frozen=True):
    """What a model costs during some time."""

    row: str
    """Source, provider, model and, when known, from-date: `genai-prices openai/gpt-4o 2024-08-06`."""
    steps: tuple[Step, ...]
    """Ascending; the first is `above` -1 and so always applies. Most prices have no other."""

    @property
    def rates(self) -> Rates:
        """The rates of a small call."""
        return self.steps[0].rates

    @property
    def tiered(self) -> bool:
        """Whether large calls have other rates."""
        return len(self.steps) > 1

    def cost_of(self, usage: Usage) -> Cost:
        """What a call cost by this price; an unknown amount names no row."""
        amount = self._rates_for(usage).amount_of(usage)
        return UNKNOWN_COST if amount is None else Cost(amount, self.row)

    def _rates_for(self, usage: Usage) -> Rates:
        if len(self.steps) == 1 or usage.input_tokens is None:
            return self.steps[0].rates
        chosen = self.steps[0]
        for step in self.steps:
            if usage.input_tokens <= step.above:
                break
            chosen = step
        return chosen.rates


def flat(row: str, rates: Rates) -> Price:
    """A price with the same rates for calls of any size."""
    return Price(row, (Step(-1, rates),))


FREE = Decimal(0)
OWN_MACHINE = flat("own machine", Rates(input=FREE, output=FREE))
"""A model on hardware that the organisation owns: no invoice comes for a call."""
