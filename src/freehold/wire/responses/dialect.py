"""The dialect as the rest of the house knows it."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, DialectName, Recipient, StreamDecoder, StreamEncoder, WireError
from freehold.wire.responses import (
    answer_in,
    answer_out,
    errors,
    request_in,
    request_out,
    stream_in,
    stream_out,
    usage,
    vocabulary,
)
from freehold.wire.responses.state import STATE


class Responses:
    """OpenAI's Responses API."""

    name: DialectName = vocabulary.NAME
    state = STATE

    def decode_request(self, body: bytes) -> ChatRequest:
        """Raises BadRequest, which names the field as the client wrote it."""
        return request_in.decode_request(body)

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider."""
        return request_out.encode_request(request, recipient, losses)

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""
        return answer_in.decode_answer(body)

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """The body for a client."""
        return answer_out.encode_answer(answer, addressee, losses)

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""
        return stream_in.Decoder()

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """For one answer."""
        return stream_out.Encoder(addressee, losses, most=stream_out.MOST_BYTES)

    def decode_usage(self, raw: bytes | None) -> Usage:
        """The usage object of this dialect; NO_USAGE where it is not understood."""
        return usage.decode_usage(raw)

    def decode_error(self, status: int, body: bytes) -> WireError:
        """What a provider said. Never raises."""
        return errors.decode_error(status, body)

    def encode_error(self, error: WireError) -> bytes:
        """The error as a body for a client."""
        return errors.encode_error(error)


DIALECT = Responses()
