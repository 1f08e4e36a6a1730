"""Models as the file names them, `provider/name`."""

from __future__ import annotations

from collections.abc import Collection

from freehold.catalog.embedded import EMBEDDED, LOCAL
from freehold.config.problems import Problems
from freehold.config.source import Key, written
from freehold.config.values import shown
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.presets import preset_names
from freehold.routing.routes import Target


def read_target(text: str, key: Key, providers: Collection[str], problems: Problems) -> Target | None:
    """The model that `provider/name` means; None after a problem has been told."""
    provider, slash, model = text.partition("/")
    if not slash or not provider or not model or text != text.strip():
        hint = "Write it as `provider/name`, such as `openai/gpt-4o` or `local/smollm2-135m`."
        problems.error(key, f"`{written(key)}` must be a model, not {shown(text)}.", hint)
        return None
    if provider not in providers:
        problems.error(key, f"`{text}` is of an unknown provider.", _hint_for(provider, providers))
        return None
    if provider == LOCAL and model not in EMBEDDED:
        hint = did_you_mean(model, EMBEDDED) or f"There are {one_of(EMBEDDED)}."
        problems.error(key, f"`{text}` is not one of the embedded models.", hint)
        return None
    return Target(provider, model)


def _hint_for(provider: str, providers: Collection[str]) -> str:
    if provider == LOCAL:
        return "The embedded models are switched off: `[local] enabled = false`."
    if provider in preset_names():
        return f"Add a table `[providers.{provider}]`; its address is known."
    near = did_you_mean(provider, providers)
    return near or f"Configure it with a table `[providers.{provider}]`."
