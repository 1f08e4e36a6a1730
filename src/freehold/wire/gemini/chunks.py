"""One piece of a streamed answer, read quickly where it is of the common form and with care where it is not."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.fields import Fields
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.fields import Camel
from freehold.wire.reading import Unreadable, is_list


class FunctionCall(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A call, whole or in pieces."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()
    partial_args: list[dict[str, Any]] | None = None
    will_continue: bool | None = None


class CommonPart(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """Text, thought, or a call."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class _Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    parts: list[CommonPart] | None = None
    role: str | None = None


class _Candidate(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None


class Chunk(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A piece of the common form."""

    candidates: list[_Candidate] | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None


ABSENT = (msgspec.Raw(b""), msgspec.Raw(b"null"))
"""What a raw field is when it says nothing."""

_decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_call = msgspec.json.Decoder(FunctionCall).decode
decode_common_part = msgspec.json.Decoder(CommonPart).decode


class Candidate:
    """What a piece says of one candidate."""

    __slots__ = ("extra", "finish", "logprobs", "number", "parts")

    def __init__(
        self,
        number: int,
        parts: list[CommonPart] | list[Camel],
        finish: str | None,
        extra: Fields,
        logprobs: bytes | None,
    ) -> None:
        self.number = number
        self.parts = parts
        self.finish = finish
        self.extra = extra
        self.logprobs = logprobs


def read_chunk(data: bytes) -> Chunk | Camel:
    """The piece. Raises NotAnAnswer for what is none."""
    try:
        return _decode_chunk(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # not of the common form, or nothing at all: the careful way tells
    try:
        if is_list(data):
            items = msgspec.json.decode(data, type=list[msgspec.Raw])
            if len(items) == 1:
                data = bytes(items[0])
        return Camel(data)
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnAnswer(f"a piece of the stream is not understood: {error}") from None


def careful_candidates(chunk: Camel) -> list[Candidate]:
    """The candidates of a piece of any form. Raises Unreadable."""
    candidates = chunk.take_many("candidates")
    indexed = any(candidate.has("index") for candidate in candidates)
    found: list[Candidate] = []
    for at, candidate in enumerate(candidates):
        index = candidate.take_whole("index")
        content = candidate.take_object("content")
        finish = candidate.take("finishReason", str)
        logprobs = candidate.take_raw("logprobsResult")
        parts = [] if content is None else content.take_many("parts")
        found.append(
            Candidate(
                at if index is None and not indexed else index or 0, parts, finish, candidate.rest(), logprobs
            )
        )
    return found
