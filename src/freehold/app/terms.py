"""What is known of an installation's providers and models when the terms of their answers are looked up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from freehold.catalog.terms.finding import Known
    from freehold.config.settings import Settings
    from freehold.providers.settings import ProviderSettings

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_OWN_MACHINE = "own-machine"
"""In the table of services."""


def known_of(settings: Settings) -> Known:
    """What services the configured providers are, by their addresses, and which licences were stated."""
    from freehold.catalog.own import own_models
    from freehold.catalog.terms.finding import Known

    return Known(
        services={one.name: _service_of(one) for one in settings.providers.values() if one.kind != "local"},
        licences={name: facts.licence for name, facts in settings.facts.items() if facts.licence is not None},
        own={name: model.licence for name, model in own_models(settings.data).items()},
    )


def _service_of(provider: ProviderSettings) -> str | None:
    """Which service of the table it is; None: none of them. What it is called says nothing, where it is does."""
    from freehold.catalog.prices import OWN_MACHINE_ID
    from freehold.catalog.terms.tables import tables
    from freehold.config.address import is_near
    from freehold.providers.presets import find_preset

    url = provider.base_url or ""
    host = urlsplit(url).hostname or ""
    for key, service in tables().services.items():
        for name in service.presets:
            preset = find_preset(name)
            if preset is not None and _is_at(host, preset.base_url):
                return key
        if host in service.hosts:
            return key
    return _OWN_MACHINE if provider.prices == OWN_MACHINE_ID or is_near(url) else None


def _is_at(host: str, template: str) -> bool:
    """Whether a host is one that the address of a preset can become."""
    authority = template.partition("://")[2].partition("/")[0].partition(":")[0]
    pieces = re.split(r"\{[^}]*\}", authority)
    return re.fullmatch("[^.]+".join(map(re.escape, pieces)), host) is not None
