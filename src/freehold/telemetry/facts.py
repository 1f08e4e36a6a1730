"""What telemetry says of a provider, and by which names models are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from freehold.providers.settings import ProviderSettings

MOST_NAMES = 500
"""Models that are told apart beside those that the configuration names."""

OTHER = "other"


class ProviderFacts(msgspec.Struct, frozen=True):
    """One provider, as OpenTelemetry's conventions describe it."""

    name: str
    """`gen_ai.provider.name`: a well-known one, else the configured one."""
    address: str | None = None
    port: int | None = None


def facts_of(settings: ProviderSettings) -> ProviderFacts:
    """What is known of the provider before it is called."""
    parts = urlsplit(settings.base_url or "")
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return ProviderFacts(settings.known_as or settings.name, parts.hostname, port if parts.hostname else None)


def all_facts(providers: Mapping[str, ProviderSettings]) -> dict[str, ProviderFacts]:
    """The same of all providers, by their configured names."""
    return {name: facts_of(settings) for name, settings in providers.items()}


class ModelLabels:
    """Which models are told apart in figures. Clients may ask for any name, and each would be figures of its own.

    So a name counts when the configuration has it or a model of that name has answered, up to a bound; all others
    together are `other`. Safe to use from several threads.
    """

    def __init__(self, named: Iterable[tuple[str, str]] = ()) -> None:
        """`named`: provider and model of those that the configuration names."""
        self._known = set(named)
        self._most = len(self._known) + MOST_NAMES

    def name(self, named: Iterable[tuple[str, str]]) -> None:
        """The configuration names these, too."""
        fresh = set(named) - self._known
        self._known |= fresh
        self._most += len(fresh)

    def label(self, provider: str, model: str, *, answered: bool) -> str:
        """What the model is called in figures."""
        key = (provider, model)
        if key in self._known:
            return model
        if answered and len(self._known) < self._most:
            self._known.add(key)
            return model
        return OTHER
