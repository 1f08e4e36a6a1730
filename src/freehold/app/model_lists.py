"""A provider's own list of its models."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.config.settings import Settings

# ruff: noqa: PLC0415 - the command line imports this module for every command


_MOST_PAGES = 20
"""Of a provider's list of models."""


async def list_provider_models(settings: Settings, provider: str) -> list[str]:
    """Ask a provider for its models: the live part of `freehold check`. Raises ProviderError."""
    from freehold.core.errors import ProviderBroken
    from freehold.providers.client import ProviderClient
    from freehold.wire.dialect import NotAnAnswer
    from freehold.wire.model_lists import first_page, read_page

    asked = settings.providers[provider]
    client = ProviderClient(asked, tls=ssl.create_default_context())
    dialect = asked.dialects[0]
    found: list[str] = []
    query: dict[str, str] | None = first_page(dialect)
    try:
        for _ in range(_MOST_PAGES):
            if query is None:
                break
            ids, query = read_page(dialect, await client.list_models(query))
            found += ids
    except NotAnAnswer as error:
        text = f"The list of models of `{provider}` is not understood: {error}."
        raise ProviderBroken(text, provider=provider) from None
    finally:
        client.close()
    return found
