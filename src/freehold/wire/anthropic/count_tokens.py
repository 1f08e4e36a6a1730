"""Counting the tokens of a request before it is sent."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.anthropic.request_in import decode_request
from freehold.wire.anthropic.request_out import encode_request
from freehold.wire.dialect import NotAnAnswer, Recipient

_COUNTED = (
    *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
    *("cache_control", "mcp_servers", "context_management", "speed"),
)
"""Fields that a request to count may have; it has no bound on the answer and asks for none."""


class _Count(msgspec.Struct):
    input_tokens: int


_decode = msgspec.json.Decoder(_Count).decode


def decode_count_request(body: bytes) -> ChatRequest:
    """The request whose tokens are to be counted. Raises BadRequest."""
    return decode_request(body)


def encode_count_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The same for a provider. Raises BadRequest where nothing sensible can be sent."""
    fields = msgspec.json.decode(encode_request(request, recipient, losses), type=Fields)
    return msgspec.json.encode({name: value for name, value in fields.items() if name in _COUNTED})


def decode_count(body: bytes) -> int:
    """What a provider counted. Raises NotAnAnswer."""
    try:
        return _decode(body).input_tokens
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnAnswer(f"The body is not a count of tokens: {error}") from None


def encode_count(input_tokens: int) -> bytes:
    """The body for a client."""
    return msgspec.json.encode(_Count(input_tokens))
