"""Names that the shell can complete. Whatever goes wrong here, completing is no place to say it."""

from __future__ import annotations

from contextlib import closing, suppress


def route_names(incomplete: str) -> list[str]:
    """Routes and listed models that begin so."""
    with suppress(Exception):
        from freehold import app as freehold  # noqa: PLC0415 - only when the shell asks

        settings = freehold.settings_from(None)
        names = [*settings.routes]
        for name, provider in settings.providers.items():
            names += [f"{name}/{model}" for model in provider.models]
        return [name for name in names if name.startswith(incomplete)]
    return []


def key_names(incomplete: str) -> list[str]:
    """Names of keys that are still good."""
    with suppress(Exception):
        from freehold import app as freehold  # noqa: PLC0415 - only when the shell asks

        settings = freehold.settings_from(None)
        if not freehold.has_keys(settings):
            return []  # looking makes no files
        with closing(freehold.keys_of(settings)) as keys:
            good = [key.name for key in keys.list() if key.revoked_us is None]
        return [name for name in good if name.startswith(incomplete)]
    return []
