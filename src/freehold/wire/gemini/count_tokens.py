"""countTokens: how long a prompt is. Its request holds `contents`, or a whole `generateContentRequest`."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import NotAnAnswer, Recipient
from freehold.wire.gemini.fields import Camel, encode
from freehold.wire.gemini.request_in import request_in
from freehold.wire.gemini.request_out import request_out
from freehold.wire.reading import Unreadable


def decode_count_request(body: bytes) -> ChatRequest:
    """The request whose prompt is to be counted, with `model` put into the body beforehand. Raises BadRequest."""
    try:
        asked = Camel(body)
        model = asked.take_raw("model")
        inner = asked.take_raw("generateContentRequest")
        fields = asked.rest() if inner is None else Camel(inner, "generateContentRequest").rest()
        if model is not None:
            fields["model"] = msgspec.Raw(model)
        return request_in(Camel(encode(fields), "" if inner is None else "generateContentRequest"))
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None


def encode_count(total: int) -> bytes:
    """The answer."""
    return encode({"totalTokens": total})


def encode_count_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The request for the Gemini API, which counts instructions and tools only in this form."""
    body = request_out(request, recipient, losses)
    return encode({"generateContentRequest": {"model": f"models/{recipient.model}", **body}})


def decode_count(body: bytes) -> int:
    """How many tokens the provider counted. Raises NotAnAnswer."""
    try:
        total = Camel(body).take_whole("totalTokens")
    except Unreadable as error:
        raise NotAnAnswer(str(error)) from None
    if total is None:
        raise NotAnAnswer("The field `totalTokens` is missing.")
    return total
