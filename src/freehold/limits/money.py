"""Money as limits count it: whole billionths of a US dollar, rounded up. Budgets are kept, to the last billionth."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal

from freehold.catalog.price import Price
from freehold.catalog.rates import Rates
from freehold.core.usage import Usage

MOST_DOLLARS = 9_000_000
"""Of one window: beyond it, Valkey's numbers would not be exact."""

_EXACT = Context(prec=60)
_PICO = 1000
_FINEST = Decimal("0.000001")
_UP = Context(prec=60, rounding=ROUND_CEILING)


def nano_of(dollars: Decimal) -> int:
    """Dollars in billionths, rounded up."""
    return int(dollars.scaleb(9, _EXACT).to_integral_value(context=_UP))


def nano_of_pico(pico: int) -> int:
    """1e-12 dollars in billionths, rounded up."""
    return -(-pico // _PICO)


def dollars_of(nano: int) -> Decimal:
    """Billionths of a dollar in dollars, exact."""
    return Decimal(nano).scaleb(-9, _EXACT)


class _Step:
    """Rates in 1e-12 dollars a token, rounded up."""

    __slots__ = ("above", "input", "output", "plain", "read", "request", "wrote")

    def __init__(self, above: int, rates: Rates) -> None:
        self.above = above
        self.read = _dearest(rates.input, rates.cache_read, rates.cache_write, rates.input_audio)
        self.wrote = _dearest(rates.output, rates.reasoning, rates.output_audio)
        self.request = 0 if rates.request is None else _pico(rates.request, 12)
        self.input = _dearest(rates.input)
        self.output = _dearest(rates.output)
        self.plain = all(
            rate is not None and rate == rate.quantize(_FINEST) for rate in (rates.input, rates.output)
        )
        """Whether whole 1e-12 dollars are exact."""


class Tariff:
    """A price, made ready to be reckoned with for every call."""

    __slots__ = ("_price", "_steps")

    def __init__(self, price: Price) -> None:
        self._price = price
        self._steps = [_Step(step.above, step.rates) for step in price.steps]

    def worst(self, input_tokens: int, output_tokens: int) -> int | None:
        """The most that so many tokens can cost, in billionths of a dollar; None where a rate is not known.

        Whatever they turn out to be (written to a cache, heard, thought), and whichever step of the price holds for a
        call of any size up to this one.
        """
        dearest = 0
        for step in self._steps:
            if step.above >= input_tokens and step.above >= 0:
                break
            if (input_tokens and step.read is None) or (output_tokens and step.wrote is None):
                return None
            cost = (step.read or 0) * input_tokens + (step.wrote or 0) * output_tokens + step.request
            dearest = max(dearest, cost)
        return nano_of_pico(dearest)

    def cost_of(self, usage: Usage) -> int | None:
        """What a usage cost, in billionths of a dollar; None when that is not known."""
        step = self._steps[0]
        if len(self._steps) == 1 and step.plain and usage.source != "unknown" and _is_plain(usage):
            read, wrote = usage.input_tokens, usage.output_tokens
            if read is None or wrote is None or step.input is None or step.output is None:
                return None
            return nano_of_pico(read * step.input + wrote * step.output + step.request)
        amount = self._price.cost_of(usage).amount
        return None if amount is None else nano_of(amount)


def _is_plain(usage: Usage) -> bool:
    """Whether it has no parts that may have rates of their own."""
    return not (
        usage.cache_read_tokens
        or usage.cache_write_tokens
        or usage.reasoning_tokens
        or usage.input_audio_tokens
        or usage.output_audio_tokens
        or (usage.input_tokens or 0) < 0
        or (usage.output_tokens or 0) < 0
    )


def _dearest(whole: Decimal | None, *parts: Decimal | None) -> int | None:
    """The dearest of the rates; None where there is none for what has no rate of its own."""
    if whole is None:
        return None
    return _pico(max(rate for rate in (whole, *parts) if rate is not None), 6)


def _pico(dollars: Decimal, digits: int) -> int:
    return int(dollars.scaleb(digits, _EXACT).to_integral_value(context=_UP))
