"""Streamed answers in OpenAI's form: forwarded as they are, read on the side."""

from __future__ import annotations

from typing import Annotated

import msgspec

from freehold.core.usage import Usage
from freehold.wire.openai_answer import ABSENT, UNREADABLE, Facts, NotAnAnswer, present
from freehold.wire.openai_usage import read_usage
from freehold.wire.sse import EventSplitter, EventTooLarge, data_of

DONE = b"data: [DONE]\n\n"


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[msgspec.Raw] | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: None = None
    audio: None = None
    images: None = None

    @property
    def writes(self) -> bool:
        return bool(
            self.content
            or self.reasoning_content
            or self.reasoning
            or self.tool_calls
            or self.refusal
            or self.reasoning_details
        )


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _GroqExtension(msgspec.Struct):
    usage: msgspec.Raw = ABSENT


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    model: str | None = None
    x_groq: _GroqExtension | None = None
    """Where Groq puts the usage as well, and for some models only there."""


_NOTHING = frozenset({b"null", b'""', b"[]", b"{}"})


class _OddChoice(msgspec.Struct):
    delta: dict[str, msgspec.Raw] | None = None
    finish_reason: str | None = None


class _OddDelta(msgspec.Struct):
    """What `_Delta` knows, in whatever form it comes."""

    content: msgspec.Raw = ABSENT


class _PlainChoice(msgspec.Struct, gc=False):
    finish_reason: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    """A chunk that says nothing but what the model writes next."""

    choices: Annotated[list[_PlainChoice], msgspec.Meta(min_length=1)]
    usage: None = None
    error: None = None
    x_groq: None = None


