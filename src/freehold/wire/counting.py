"""Counts of tokens in every dialect that has them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Protocol, cast

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import DialectName, Recipient

_ROOMS: dict[DialectName, str] = {
    "openai-responses": "responses",
    "anthropic-messages": "anthropic",
    "gemini": "gemini",
}

COUNTING: tuple[DialectName, ...] = tuple(_ROOMS)
"""The dialects in which tokens can be counted."""


class Counter(Protocol):
    """How one dialect asks for a count, and tells it."""

    def decode_count_request(self, body: bytes) -> ChatRequest:
        """The request whose tokens are to be counted. Raises BadRequest."""

    def encode_count_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider. Raises BadRequest where nothing sensible can be sent."""

    def decode_count(self, body: bytes) -> int:
        """What a provider counted. Raises NotAnAnswer."""

    def encode_count(self, total: int, /) -> bytes:
        """The body for a client."""


@cache
def counter_of(name: DialectName) -> Counter:
    """The counter of the dialect called `name`, which is one of COUNTING."""
    return cast("Counter", import_module(f"freehold.wire.{_ROOMS[name]}.count_tokens"))
