"""Every dialect by its name. A dialect's code is loaded when it is first spoken."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from freehold.wire.dialect import Dialect, DialectName

_ROOMS: dict[DialectName, str] = {
    "openai-chat": "openai_chat",
    "openai-responses": "responses",
    "anthropic-messages": "anthropic",
    "gemini": "gemini",
    "bedrock-converse": "bedrock",
    "cohere": "cohere",
}

NAMES: tuple[DialectName, ...] = tuple(_ROOMS)


@cache
def dialect_of(name: DialectName) -> Dialect:
    """The dialect called `name`."""
    dialect: Dialect = import_module(f"freehold.wire.{_ROOMS[name]}.dialect").DIALECT
    return dialect
