"""Counting the tokens of a request before it is sent: `POST /v1/responses/input_tokens`."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import NotAnAnswer, Recipient
from freehold.wire.responses.request_in import decode_request
from freehold.wire.responses.request_out import encode_request

COUNTED = (
    *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"),
    *("truncation", "personality"),
)
"""Fields that a request to count may have. What it goes on from is in its input by then."""


class _Count(msgspec.Struct):
    input_tokens: int
    object: Literal["response.input_tokens"] = "response.input_tokens"


class _Counted(msgspec.Struct):
    input_tokens: int


_decode = msgspec.json.Decoder(_Counted).decode


def decode_count_request(body: bytes) -> ChatRequest:
    """The request whose tokens are to be counted. Raises BadRequest."""
    return decode_request(body)


def encode_count_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The same for a provider. Raises BadRequest where nothing sensible can be sent."""
    fields = msgspec.json.decode(encode_request(request, recipient, losses), type=Fields)
    return msgspec.json.encode({name: value for name, value in fields.items() if name in COUNTED})


def decode_count(body: bytes) -> int:
    """What a provider counted. Raises NotAnAnswer."""
    try:
        return _decode(body).input_tokens
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnAnswer(f"The body is not a count of tokens: {error}") from None


def encode_count(input_tokens: int) -> bytes:
    """The body for a client."""
    return msgspec.json.encode(_Count(input_tokens))
