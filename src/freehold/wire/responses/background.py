"""A response that runs in the background, as a client sees it: the object before there is an answer, and its events.

Its client was told of it before any provider answered, so the events of whoever answers are numbered on from there.
Pure functions on JSON.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.events import ErrorSeen
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee
from freehold.wire.errors import encode_error_in
from freehold.wire.openai_errors import status_of as http_status_of
from freehold.wire.responses.errors import decode_error, failure_of
from freehold.wire.responses.stops import Ending
from freehold.wire.responses.stream_out import Encoder
from freehold.wire.responses.vocabulary import NAME, Json, encode
from freehold.wire.sse import data_of

Status = Literal["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"]
UNENDED: tuple[Status, ...] = ("queued", "in_progress")

_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_ENDINGS = ("response.completed", "response.incomplete", "response.failed")

_decode = msgspec.json.Decoder(Fields).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_number = msgspec.json.Decoder(int).decode


class Told(msgspec.Struct):
    """One event of a stream."""

    number: int
    frame: bytes
    response: bytes | None = None
    """The Response object, of an event that ends the answer."""


def queued(request: ChatRequest, call_id: str, created: int) -> bytes:
    """The Response object of a request that nobody has been asked yet. `created`: seconds since 1970."""
    encoder = Encoder(Addressee(request=request, id=call_id, created=created), Losses())
    return encode(encoder.response(Ending("queued")))


def standing(response: bytes, status: Status, **changes: object) -> bytes:
    """The Response object with another status, and with these fields changed."""
    return encode({**_decode(response), "status": status, **changes})


def bare(response: bytes) -> bytes:
    """The Response object without anything that its client said in it."""
    fields = _decode(response)
    said = {"id", "object", "created_at", "status", "model", "output", "background", "store"}
    return encode({name: value for name, value in fields.items() if name in said})


def failed(response: bytes, error: FreeholdError, output: bytes = b"[]") -> bytes:
    """The Response object of an answer that could not be had, with what there is of it."""
    status = http_status_of(error)
    told = decode_error(status, encode_error_in(NAME, error))  # whose words they are is settled there
    seen = ErrorSeen(raw=b"", message=told.message, kind=told.code, status=status)
    return standing(response, "failed", error=failure_of(seen), output=msgspec.Raw(output))


def status_of(response: bytes) -> str:
    """The status in a Response object; empty when it has none."""
    try:
        return _decode_text(_decode(response).get("status", b'""'))
    except msgspec.DecodeError:
        return ""


def output_of(response: bytes) -> bytes:
    """The items in a Response object, as JSON."""
    try:
        return bytes(_decode(response).get("output", b"[]"))
    except msgspec.DecodeError:
        return b"[]"


def event(kind: str, number: int, response: bytes) -> Told:
    """An event with a Response object."""
    fields: Json = {"type": kind, "sequence_number": number, "response": msgspec.Raw(response)}
    return Told(number, _frame(kind, encode(fields)), response if kind in _ENDINGS else None)


def renumbered(frame: bytes, number: int) -> Told | None:
    """An event of whoever answers, with the number that is its turn; None for what the client has been told of
    already, and for what is no event.
    """
    data = data_of(frame)
    if data is None:
        return None
    try:
        fields = _decode(data)
        kind = _decode_text(fields["type"])
    except (msgspec.DecodeError, KeyError):
        return None
    if kind in _BEGINNINGS:
        return None
    response = bytes(fields["response"]) if kind in _ENDINGS and "response" in fields else None
    fields["sequence_number"] = msgspec.Raw(b"%d" % number)
    return Told(number, _frame(kind, encode(fields)), response)


def number_of(frame: bytes) -> int:
    """The number of an event; -1 when it has none."""
    data = data_of(frame)
    try:
        return -1 if data is None else _decode_number(_decode(data).get("sequence_number", b"-1"))
    except msgspec.DecodeError:
        return -1


def _frame(kind: str, data: bytes) -> bytes:
    if b"\n" in data or b"\r" in data:
        data = data.translate(None, b"\r\n")  # white space between values that were passed through
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
