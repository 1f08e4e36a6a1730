"""A preset, and how it is read from its file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from freehold.providers.settings import Paths
from freehold.wire.dialect import STANDARD, DialectName, Hosting, Quirks

_FOLDER = Path(__file__).parent


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about a provider. Whoever configures it may override each."""

    title: str
    """Its name for people."""
    base_url: str
    """May contain `{variables}` that the configuration must fill in."""
    documentation: str
    """Where these facts can be checked."""
    known_as: str | None = None
    """`gen_ai.provider.name`, where OpenTelemetry's list has it."""
    api_key: str | None = None
    """Reference to the variable in which the key is customarily kept."""
    key_optional: bool = False
    """Whether it can be used without a key."""
    dialects: tuple[DialectName, ...] = ("openai-chat",)
    """What it speaks at this address; requests in other dialects are translated into the first."""
    hosting: Hosting | None = None
    """As in ProviderSettings."""
    quirks: Quirks = STANDARD
    """How its kind of the first dialect differs from the original."""
    paths: dict[DialectName, Paths] = {}
    """As in ProviderSettings."""
    auth: str = "bearer"
    """As in ProviderSettings."""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    chat_path: str = "/chat/completions"
    embeddings_path: str = "/embeddings"
    models_path: str = "/models"
    """Empty where models cannot be listed."""
    stream_usage: bool = True
    """Whether it understands `stream_options.include_usage`."""
    prices: str | None = None
    """Its id in the price list; `own-machine` when it runs on the user's hardware."""
    variables: dict[str, str] = {}
    """What `base_url` needs, with a description for people."""


def preset_names() -> tuple[str, ...]:
    """Every preset's name, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


@cache
def find_preset(name: str) -> Preset | None:
    """The preset called `name`, or None."""
    if name not in preset_names():  # never a path of the caller's making
        return None
    facts = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(facts, Preset)
