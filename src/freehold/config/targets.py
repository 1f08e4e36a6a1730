"""Models as the file names them, `provider/name`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from freehold.catalog.embedded import LOCAL
from freehold.catalog.own import OWN
from freehold.config.problems import Problems
from freehold.config.source import Key, written
from freehold.config.values import shown
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.presets import preset_names
from freehold.routing.routes import Target

Known = Mapping[str, Collection[str] | None]
"""Names that a model may begin with, and what there is behind each; None: whatever they serve."""


def read_target(text: str, key: Key, providers: Known, problems: Problems) -> Target | None:
    """The model that `provider/name` means; None after a problem has been told."""
    provider, slash, model = text.partition("/")
    if not slash or not provider or not model or text != text.strip():
        hint = "Write it as `provider/name`, such as `openai/gpt-4o` or `local/smollm2-135m`."
        problems.error(key, f"`{written(key)}` must be a model, not {shown(text)}.", hint)
        return None
    if provider not in providers:
        problems.error(key, f"`{text}` is of an unknown provider.", _hint_for(provider, providers))
        return None
    there = providers[provider]
    if there is not None and model not in there:
        near = did_you_mean(model, there) or (f"There are {one_of(there)}." if there else None)
        if provider == OWN:  # they are files, which come and go: the route's fallbacks are for that
            problems.warn(
                key, f"There is no own model `{model}` yet.", near or "`freehold export` makes one of a run."
            )
        else:
            problems.error(key, f"`{text}` is not one of the models that run here.", near)
            return None
    return Target(provider, model)


def _hint_for(provider: str, providers: Collection[str]) -> str:
    if provider in (LOCAL, OWN):
        return "What runs on this machine is switched off: `[local] enabled = false`."
    if provider in preset_names():
        return f"Add a table `[providers.{provider}]`; its address is known."
    near = did_you_mean(provider, providers)
    return near or f"Configure it with a table `[providers.{provider}]`."
