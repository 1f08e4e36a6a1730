"""Asks each provider for its models and compares them with what the routes name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from freehold.config.problems import Finding
from freehold.config.settings import Settings
from freehold.core.errors import FreeholdError, ProviderRefused
from freehold.core.suggest import did_you_mean
from freehold.providers.settings import ProviderSettings


class Answer(msgspec.Struct, frozen=True):
    """What came of asking one provider."""

    provider: str
    models: tuple[str, ...] | None
    """What it lists; None when it could not be asked."""
    findings: tuple[Finding, ...] = ()


async def ask_providers(
    settings: Settings, list_models: Callable[[str], Awaitable[list[str]]], *, seconds: float = 15.0
) -> tuple[Answer, ...]:
    """Every provider's answer, in the order of the configuration. All are asked at once.

    `list_models` takes a provider's name and may raise any FreeholdError; each has so many
    `seconds` to answer. What runs on this machine is known and not asked for.
    """
    asked = [provider for provider in settings.providers.values() if provider.kind != "local"]
    return tuple(
        await asyncio.gather(*(_ask(provider, settings, list_models, seconds) for provider in asked))
    )


async def _ask(
    provider: ProviderSettings,
    settings: Settings,
    list_models: Callable[[str], Awaitable[list[str]]],
    seconds: float,
) -> Answer:
    key = f"providers.{provider.name}"
    if not provider.models_path:
        said = Finding("info", f"`{provider.name}` has no list of models to compare with.", key=key)
        return Answer(provider.name, None, (said,))
    try:
        async with asyncio.timeout(seconds):
            models = await list_models(provider.name)
    except TimeoutError:
        late = f"`{provider.name}` did not answer within {seconds:g} s."
        said = Finding("error", late, _where(provider), key=key)
        return Answer(provider.name, None, (said,))
    except FreeholdError as error:
        said = Finding("error", error.message, error.hint or _advice(error, provider), key=key)
        return Answer(provider.name, None, (said,))
    return Answer(provider.name, tuple(models), tuple(_compare(provider, settings, models)))


def _advice(error: FreeholdError, provider: ProviderSettings) -> str:
    if isinstance(error, ProviderRefused) and error.provider_status in (401, 403):
        if provider.api_key is None:
            return f"It wants a key: `api_key` in `[providers.{provider.name}]`."
        return f"It does not accept the key from `{provider.api_key.source}`."
    return _where(provider)


def _where(provider: ProviderSettings) -> str:
    return f"It was asked at {provider.base_url}{provider.models_path}."


def _compare(provider: ProviderSettings, settings: Settings, models: list[str]) -> list[Finding]:
    listed = {model.removeprefix("models/") for model in models}  # Gemini's ids carry their collection
    named = {
        target.model: f"routes.{route.name}"
        for route in settings.routes.values()
        for target in route.plan
        if target.provider == provider.name
    }
    named |= {name: f"providers.{provider.name}.models" for name in provider.models if name not in named}
    return [
        Finding(
            "warning",
            f"`{provider.name}/{name}` is not among the {len(listed)} models that `{provider.name}` lists.",
            did_you_mean(name, listed),
            key=key,
        )
        for name, key in named.items()
        if name.removeprefix("models/") not in listed
    ]
