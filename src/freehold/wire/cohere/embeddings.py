"""Embeddings of Cohere: requests in OpenAI's form in, vectors out."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.cohere.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, is_text

MOST_TEXTS = 96
"""Of one request to Cohere."""
_PURPOSES = ("search_document", "search_query", "classification", "clustering", "image")
_PASSED_ON = ("truncate", "max_tokens", "priority")
"""Fields of Cohere that a client may send along."""


class Embedded(msgspec.Struct, kw_only=True):
    """Vectors, in the order of the texts."""

    id: str | None = None
    vectors: list[list[float]]
    usage: Usage = NO_USAGE
    raw_usage: bytes | None = None


def encode_requests(body: bytes, model: str, losses: Losses) -> list[bytes]:
    """The bodies to send for one request in OpenAI's form: several, when it has more texts than one may have.

    `input_type` may be given beside OpenAI's fields; texts are taken to be documents otherwise. How the client wants
    its vectors (`encoding_format`) is for whoever answers it. Raises BadRequest.
    """
    try:
        request = Object(body)
        texts = _texts(request)
        common = _common(request, model, losses)
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    starts = range(0, len(texts), MOST_TEXTS)
    return [msgspec.json.encode({**common, "texts": texts[start : start + MOST_TEXTS]}) for start in starts]


def _texts(request: Object) -> list[str]:
    raw = request.take_raw("input")
    if raw is None:
        raise Unreadable("input", "is missing")
    try:
        texts = (
            [msgspec.json.decode(raw, type=str)] if is_text(raw) else msgspec.json.decode(raw, type=list[str])
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("input", "is neither a text nor a list of texts; Cohere takes no tokens") from None
    if not texts:
        raise Unreadable("input", "is empty")
    return texts


def _common(request: Object, model: str, losses: Losses) -> dict[str, object]:
    request.drop("model", "encoding_format")
    purpose = request.take("input_type", str) or "search_document"
    if purpose not in _PURPOSES:
        raise Unreadable("input_type", f"is none of {', '.join(_PURPOSES)}")
    common: dict[str, object] = {"model": model, "input_type": purpose, "embedding_types": ["float"]}
    dimensions = request.take("dimensions", int)
    if dimensions is not None:
        common["output_dimension"] = dimensions
    for name in _PASSED_ON:
        if (raw := request.take_raw(name)) is not None:
            common[name] = msgspec.Raw(raw)
    if request.take_raw("user") is not None:
        losses.add("user")
    for name in request.rest():
        losses.add("field", name)
    return common


def decode_answer(body: bytes) -> Embedded:
    """The vectors of one answer. Raises NotAnAnswer."""
    try:
        answer = Object(body)
        by_type = answer.take_object("embeddings")
        vectors = by_type.take("float", list[list[float]]) if by_type is not None else None
        if vectors is None:
            raise Unreadable("embeddings.float", "is missing")
        meta = answer.take_raw("meta")
        return Embedded(id=answer.take("id", str), vectors=vectors, usage=decode_usage(meta), raw_usage=meta)
    except Unreadable as error:
        raise NotAnAnswer(str(error)) from None


def joined(answers: list[Embedded]) -> Embedded:
    """The answers to all bodies of one request as one: `answers` in the order of the bodies."""
    counts = [answer.usage.input_tokens for answer in answers]
    known = [count for count in counts if count is not None]
    usage = Usage(input_tokens=sum(known), source="provider") if len(known) == len(counts) else NO_USAGE
    return Embedded(
        id=answers[0].id if answers else None,
        vectors=[vector for answer in answers for vector in answer.vectors],
        usage=answers[0].usage if len(answers) == 1 else usage,
        raw_usage=answers[0].raw_usage if len(answers) == 1 else None,
    )
