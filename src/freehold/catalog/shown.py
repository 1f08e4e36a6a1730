"""Models and prices as programs see them: in what commands print with `--json`, and over HTTP."""

from __future__ import annotations

import msgspec

from freehold.catalog.models import Model
from freehold.catalog.price import Price
from freehold.core.figures import exact


class ShownStep(msgspec.Struct, omit_defaults=True):
    """Rates of calls whose input is larger than `input_above` tokens: US dollars per million tokens, and exact.

    A rate that is not there is that of the whole it belongs to.
    """

    input_above: int | None
    """Null: calls of any size."""
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    reasoning: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None
    request: str | None = None
    """US dollars for each call, whatever its size."""


class ShownPrice(msgspec.Struct):
    """What a model costs now."""

    row: str
    """Where the price is from."""
    dollars_per_million_tokens: list[ShownStep]


class ShownModel(msgspec.Struct, kw_only=True):
    """What is known about a model. Null: nothing is."""

    model: str
    provider: str
    operations: list[str] | None
    context_window: int | None
    input_modalities: list[str] | None
    output_modalities: list[str] | None
    licence: str | None
    deprecated: bool | None
    facts_from: str | None
    price: ShownPrice | None
    state: str | None = None
    """Of a model that runs on this machine, in the running endpoint: `idle`, `loading`, `ready`, `failed`, `absent`."""


class PricedModel(msgspec.Struct):
    """A model and what it costs."""

    model: str
    price: ShownPrice | None
    """Null: no price is known, so that its calls have an unknown cost."""


def show_price(price: Price | None) -> ShownPrice | None:
    """The row and its rates by size of the input; None when no price is known."""
    if price is None:
        return None
    steps = []
    for step in price.steps:
        stated = {
            name: exact(rate) for name, rate in msgspec.structs.asdict(step.rates).items() if rate is not None
        }
        steps.append(ShownStep(step.above if step.above >= 0 else None, **stated))
    return ShownPrice(price.row, steps)


def show_model(model: Model, price: Price | None, state: str | None = None) -> ShownModel:
    """A model of the catalog, what it costs, and how it is where it runs on this machine."""
    profile = model.profile
    return ShownModel(
        model=model.id,
        provider=model.provider,
        operations=_sorted(profile.operations),
        context_window=profile.context_window,
        input_modalities=_sorted(profile.input_modalities),
        output_modalities=_sorted(profile.output_modalities),
        licence=profile.licence,
        deprecated=profile.deprecated,
        facts_from=model.source,
        price=show_price(price),
        state=state,
    )


def _sorted(words: frozenset[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)
