"""The dialect `gemini`."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, DialectName, Recipient, StreamDecoder, StreamEncoder, WireError
from freehold.wire.gemini import answer_in, answer_out, errors, request_in, request_out, usage
from freehold.wire.gemini.fields import NAME
from freehold.wire.gemini.state import STATE
from freehold.wire.gemini.stream_in import StreamReader
from freehold.wire.gemini.stream_out import StreamWriter


class GeminiDialect:
    """generateContent and streamGenerateContent, of the Gemini API and of Vertex AI."""

    name: DialectName = NAME
    state = STATE

    def decode_request(self, body: bytes) -> ChatRequest:
        """The body with `model` and `stream`, which stand in the URL, put in beside the rest."""
        return request_in.decode_request(body)

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider; the model and whether to stream go into the URL."""
        return request_out.encode_request(request, recipient, losses)

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""
        return answer_in.decode_answer(body)

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """The body for a client."""
        return answer_out.encode_answer(answer, addressee, losses)

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""
        return StreamReader()

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """For one answer."""
        return StreamWriter(addressee, losses)

    def decode_usage(self, raw: bytes | None) -> Usage:
        """A `usageMetadata` object."""
        return usage.decode_usage(raw)

    def decode_error(self, status: int, body: bytes) -> WireError:
        """What a provider said."""
        return errors.decode_error(status, body)

    def encode_error(self, error: WireError) -> bytes:
        """The error as a body for a client."""
        return errors.encode_error(error)


DIALECT = GeminiDialect()
