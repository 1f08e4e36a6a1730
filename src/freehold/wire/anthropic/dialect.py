"""The dialect `anthropic-messages`."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.anthropic.answer_in import decode_answer
from freehold.wire.anthropic.answer_out import encode_answer
from freehold.wire.anthropic.errors import decode_error, encode_error
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.request_in import decode_request
from freehold.wire.anthropic.request_out import encode_request
from freehold.wire.anthropic.state import STATE
from freehold.wire.anthropic.stream_in import MessageReader
from freehold.wire.anthropic.stream_out import MessageWriter
from freehold.wire.anthropic.usage import decode_usage
from freehold.wire.dialect import Addressee, DialectName, Recipient, StreamDecoder, StreamEncoder, WireError


class AnthropicMessages:
    """Anthropic's Messages API."""

    name: DialectName = NAME
    state = STATE

    def decode_request(self, body: bytes) -> ChatRequest:
        """Raises BadRequest."""
        return decode_request(body)

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """Raises BadRequest where nothing sensible can be sent."""
        return encode_request(request, recipient, losses)

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""
        return decode_answer(body)

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """The body for a client."""
        return encode_answer(answer, addressee, losses)

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""
        return MessageReader()

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """For one answer."""
        return MessageWriter(addressee, losses)

    def decode_usage(self, raw: bytes | None) -> Usage:
        """NO_USAGE where it is not understood."""
        return decode_usage(raw)

    def decode_error(self, status: int, body: bytes) -> WireError:
        """Never raises."""
        return decode_error(status, body)

    def encode_error(self, error: WireError) -> bytes:
        """The body for a client."""
        return encode_error(error)


DIALECT = AnthropicMessages()
