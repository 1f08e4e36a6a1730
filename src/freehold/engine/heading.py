"""Headers of the client's own that its dialect gives a meaning: what of them goes to a provider."""

from __future__ import annotations

from freehold.providers.settings import ProviderSettings
from freehold.wire.anthropic.headers import BETA, VERSION, betas_of
from freehold.wire.dialect import DialectName
from freehold.wire.request import Request


def headers_for(request: Request, settings: ProviderSettings, speech: DialectName) -> dict[str, str]:
    """What a provider that is spoken to in `speech` is sent beside its configured headers, by lower-case name.

    The client's version takes the place of the configured one, and its betas join the configured ones.
    """
    if speech != "anthropic-messages":
        return {}
    asked = request.headers if request.dialect == speech else {}
    if not asked and settings.hosting is None:
        return {}
    configured = {name.lower(): value for name, value in settings.headers.items()}
    sent: dict[str, str] = {}
    version = asked.get(VERSION)
    if version is not None and version != configured.get(VERSION):
        sent[VERSION] = version
    if BETA in asked or settings.hosting is not None:
        betas = betas_of(configured, asked)
        if betas:
            sent[BETA] = ",".join(betas)
    return sent
