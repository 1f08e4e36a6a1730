"""The dialect `cohere`. Providers speak it; clients do not, so that half of it is left out."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.cohere import answer_in, errors, request_out, stream_in, usage
from freehold.wire.dialect import Addressee, DialectName, Recipient, StreamDecoder, StreamEncoder, WireError
from freehold.wire.state_places import NOWHERE


class Cohere:
    """Version 2 of Cohere's chat."""

    name: DialectName = "cohere"
    state = NOWHERE

    def decode_request(self, body: bytes) -> ChatRequest:
        """Not there: no client speaks this dialect. Raises NotImplementedError."""
        raise NotImplementedError("Clients do not speak `cohere`.")

    def encode_request(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
        """The body for a provider. Raises BadRequest where nothing sensible can be sent."""
        return request_out.encode_request(request, recipient, losses)

    def decode_answer(self, body: bytes) -> Answer:
        """Raises NotAnAnswer."""
        return answer_in.decode_answer(body)

    def encode_answer(self, answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
        """Not there: no client speaks this dialect. Raises NotImplementedError."""
        raise NotImplementedError("Clients do not speak `cohere`.")

    def decode_stream(self) -> StreamDecoder:
        """For one answer, in server-sent events."""
        return stream_in.Decoder()

    def encode_stream(self, addressee: Addressee, losses: Losses) -> StreamEncoder:
        """Not there: no client speaks this dialect. Raises NotImplementedError."""
        raise NotImplementedError("Clients do not speak `cohere`.")

    def decode_usage(self, raw: bytes | None) -> Usage:
        """The usage object; NO_USAGE where it is not understood."""
        return usage.decode_usage(raw)

    def decode_error(self, status: int, body: bytes) -> WireError:
        """What a provider said. Never raises."""
        return errors.decode_error(status, body)

    def encode_error(self, error: WireError) -> bytes:
        """Not there: no client speaks this dialect. Raises NotImplementedError."""
        raise NotImplementedError("Clients do not speak `cohere`.")


DIALECT = Cohere()
