"""Chat Completions: each translation by its name."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import (
    Addressee,
    Dialect,
    DialectName,
    Recipient,
    StreamDecoder,
    StreamEncoder,
    WireError,
)
from freehold.wire.openai_chat.answer_in import decode_answer
from freehold.wire.openai_chat.answer_out import encode_answer
from freehold.wire.openai_chat.errors import decode_error, encode_error
from freehold.wire.openai_chat.request_in import decode_request
from freehold.wire.openai_chat.request_out import encode_request
from freehold.wire.openai_chat.state import STATE
from freehold.wire.openai_chat.stream_in import StreamReader
from freehold.wire.openai_chat.stream_out import StreamWriter
from freehold.wire.openai_usage import read_usage


class OpenAIChat:
    """The dialect `openai-chat`."""

    name: DialectName = "openai-chat"
    state = STATE

    def decode_request(self, body: bytes) -> ChatRequest:
        """Raises BadRequest."""
        return decode_request(body)

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider."""
        return encode_request(request, recipient, losses)

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""
        return decode_answer(body)

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """The body for a client."""
        return encode_answer(answer, addressee, losses)

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""
        return StreamReader()

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """For one answer."""
        return StreamWriter(addressee, losses)

    def decode_usage(self, raw: bytes | None) -> Usage:
        """NO_USAGE where it is not understood."""
        return read_usage(raw)

    def decode_error(self, status: int, body: bytes) -> WireError:
        """Never raises."""
        return decode_error(status, body)

    def encode_error(self, error: WireError) -> bytes:
        """The body for a client."""
        return encode_error(error)


DIALECT: Dialect = OpenAIChat()
