"""Prices and context windows out of the genai-prices package.

The package takes some 0.2 s and 27 MB to load, so it is imported when the first rented model is
looked up and never before. It decides which of its models a name means and which of a model's dated
rows is valid; the sum is ours, because its own takes about fifty times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from freehold.catalog.price import FREE, Price, Step, flat
from freehold.catalog.rates import Rates
from freehold.core.clock import as_datetime

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

SOURCE = "genai-prices"

_FIELDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
}
_REQUESTS = "requests_kcount"

_BESIDE = frozenset(
    {
        # Searches and code runs are billed beside the tokens and are not part of any usage we read.
        "web_searches_kcount",
        "social_searches_kcount",
        "storage_searches_kcount",
        "code_executions_kcount",
        # Usage does not tell for how long something was written to a cache; the plain rate is the shortest.
        "cache_write_5m_mtok",
        "cache_write_1h_mtok",
        # Cached audio: Rates leaves such a call's amount unknown.
        "cache_audio_read_mtok",
        "cache_audio_write_mtok",
    }
)
"""Units that a row may name without keeping us from pricing an ordinary call by it."""


class Listing:
    """One model in the list: its facts, and its price at any time."""

    def __init__(self, provider: Provider, model: ModelInfo) -> None:
        self._model = model
        self._named = f"{SOURCE} {_owner(provider, model)}/{model.id}"
        self._prices: dict[int, Price | None] = {}

    @property
    def context_window(self) -> int | None:
        """Most tokens of input, where the list knows."""
        return self._model.context_window

    @property
    def deprecated(self) -> bool | None:
        """Whether the provider means to withdraw it, where the list knows."""
        return self._model.deprecated

    @property
    def changes_by_hour(self) -> bool:
        """Whether the price depends on the time of day."""
        from genai_prices.types import TimeOfDateConstraint  # noqa: PLC0415 - see above

        rows = self._model.prices
        return isinstance(rows, list) and any(
            isinstance(row.constraint, TimeOfDateConstraint) for row in rows
        )

    def price_at(self, at_us: int) -> Price | None:
        """The price at a time (microseconds since 1970); None when the list has none that we can count by."""
        at = as_datetime(at_us)
        rates = self._model.get_prices(at)
        known = id(rates)  # the package's rows live as long as the process, and so do their ids
        if known not in self._prices:
            self._prices[known] = self._read(rates, at)
        return self._prices[known]

    def _read(self, row: ModelPrice, at: datetime) -> Price | None:
        start = _start_of(self._model, at)
        name = f"{self._named} {start}" if start else self._named
        given = {key: value for key, value in vars(row).items() if value is not None}
        if not given:
            # An empty row may mean free or not known. Only the provider's own `:free` settles it.
            free = Rates(input=FREE, output=FREE)
            return flat(name, free) if self._model.id.endswith(":free") else None
        if not given.keys() & _FIELDS.keys() or given.keys() - _FIELDS.keys() - _BESIDE - {_REQUESTS}:
            return None
        return Price(name, _steps(given))


def _steps(row: Mapping[str, object]) -> tuple[Step, ...]:
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - see above

    starts = {-1}
    for value in row.values():
        if isinstance(value, TieredPrices):
            starts.update(tier.start for tier in value.tiers)
    steps = []
    for start in sorted(starts):
        rates: dict[str, Decimal] = {}
        for key, value in row.items():
            if key in _FIELDS:
                rates[_FIELDS[key]] = _rate_above(start, value)
            elif key == _REQUESTS:
                rates["request"] = _rate_above(start, value) / 1000
        steps.append(Step(start, Rates(**rates)))
    return tuple(steps)


def _rate_above(start: int, value: object) -> Decimal:
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - see above

    if isinstance(value, TieredPrices):
        rate = value.base
        for tier in value.tiers:
            if tier.start <= start:
                rate = tier.price
        return rate
    assert isinstance(value, Decimal)
    return value


def _start_of(model: ModelInfo, at: datetime) -> str | None:
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415 - see above

    if not isinstance(model.prices, list):
        return None
    valid = [
        row.constraint.start_date
        for row in model.prices
        if isinstance(row.constraint, StartDateConstraint) and row.constraint.active(at)
    ]
    return valid[-1].isoformat() if valid else None


def _owner(provider: Provider, model: ModelInfo) -> str:
    """Whose row it is: a cloud that sells others' models is priced by theirs where it has none."""
    if any(model is own for own in provider.models):
        return provider.id
    from genai_prices.data import providers  # noqa: PLC0415 - see above

    return next((one.id for one in providers if any(model is own for own in one.models)), provider.id)


def find_listing(provider_id: str, model: str) -> Listing | None:
    """What the list has for a model, named as its provider names it; `provider_id` is the list's own."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - see above

    try:
        provider, found = get_snapshot().find_provider_model(model, None, provider_id, None)
    except LookupError:
        return None
    return Listing(provider, found)


def knows_provider(provider_id: str) -> bool:
    """Whether the list has prices of a provider under exactly this id."""
    from genai_prices.data import providers  # noqa: PLC0415 - see above

    return any(provider.id == provider_id for provider in providers)


def provider_ids() -> list[str]:
    """Every provider id of the list, for suggestions."""
    from genai_prices.data import providers  # noqa: PLC0415 - see above

    return sorted(provider.id for provider in providers)
