"""A whole answer in the internal form."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import Part
from freehold.core.usage import NO_USAGE, Usage

StopReason = Literal[
    "stop",
    "stop_sequence",
    "length",
    "context",
    "tool_calls",
    "refusal",
    "content_filter",
    "pause",
    "malformed_tool_call",
    "error",
    "other",
]
"""
stop                 the model came to its end
stop_sequence        it wrote one of the request's stop sequences (which: `Stop.sequence`)
length               `max_tokens` was reached
context              the model's context window is full
tool_calls           it waits for the results of its calls
refusal              the model declined
content_filter       a filter stopped it (safety, recitation, blocked words, personal data)
pause                the provider interrupted a long turn, which is to be continued
malformed_tool_call  it wrote a call that the provider could not read
error                the provider failed while the model wrote
other                something else
"""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Why the model stopped."""

    reason: StopReason
    raw: str | None = None
    """The provider's own word."""
    sequence: str | None = None
    """The stop sequence that was met, where the dialect tells."""


class Choice(msgspec.Struct, kw_only=True):
    """One of the answers that were asked for with `n`."""

    parts: list[Part] = []
    stop: Stop | None = None
    logprobs: bytes | None = None
    """JSON, in OpenAI's form: `{"content": […], "refusal": […]}`."""
    extra: Fields = {}


class Answer(msgspec.Struct, kw_only=True):
    """What a provider answered."""

    id: str | None = None
    model: str | None = None
    """What the provider says it is."""
    created: int | None = None
    """Seconds since 1970."""
    choices: list[Choice] = []
    usage: Usage = NO_USAGE
    raw_usage: bytes | None = None
    """The provider's usage object, as JSON on the wire."""
    service_tier: str | None = None
    fingerprint: str | None = None
    dialect: str = ""
    """Which dialect it came in, and so whose fields `extra` are."""
    extra: Fields = {}
