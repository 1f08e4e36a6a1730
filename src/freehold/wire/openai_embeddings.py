"""Embeddings in OpenAI's form, taken apart and put together."""

from __future__ import annotations

import base64
import binascii
from array import array
from typing import Any

import msgspec

from freehold.core.embeddings import EmbeddingsAnswer, EmbeddingsRequest, Purpose
from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_answer import present
from freehold.wire.openai_usage import UNREADABLE, read_usage
from freehold.wire.reading import Object, Unreadable, is_text, plain

_PURPOSES: dict[str, Purpose] = {
    "query": "query",
    "search_query": "query",
    "passage": "document",
    "document": "document",
    "search_document": "document",
    "classification": "classification",
    "clustering": "clustering",
}
"""What `input_type`, which many models are told beside OpenAI's own fields, is called by whom."""
FLOAT_BYTES = 4


def decode_embeddings_request(body: bytes) -> EmbeddingsRequest:
    """Raises BadRequest, which names the field."""
    try:
        asked = Object(body)
        asked.drop("model")
        request = EmbeddingsRequest(
            texts=_texts(asked),
            dimensions=asked.take("dimensions", int),
            packed=asked.take("encoding_format", str) == "base64",
            user=asked.take_raw("user") is not None,
        )
        raw = asked.take_raw("input_type")
        purpose = _PURPOSES.get(str(plain(raw))) if raw is not None else None
        request.extra = asked.rest()
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    request.purpose = purpose
    if raw is not None and purpose is None:
        request.extra["input_type"] = msgspec.Raw(raw)
    return request


def _texts(asked: Object) -> list[str]:
    raw = asked.take_raw("input")
    if raw is None:
        raise Unreadable("input", "is missing")
    value = plain(raw)
    texts = [value] if is_text(raw) else value
    if not isinstance(texts, list) or not texts:
        raise Unreadable("input", "is neither a text nor a list of texts")
    if not all(isinstance(text, str) for text in texts):
        raise Unreadable(
            "input", "holds numbers of tokens, which mean something to one model only: send text"
        )
    return texts


def encode_embeddings_request(
    request: EmbeddingsRequest, model: str, losses: Losses, *, own_machine: bool = False
) -> bytes:
    """The body for a provider. `own_machine`: the embedded model, which can be told what the vectors are for."""
    body: dict[str, Any] = {"model": model, "input": request.texts, "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if own_machine and request.purpose in ("query", "document"):
        body["input_type"] = request.purpose
    elif request.purpose is not None:
        losses.add("embeddings.purpose")
    if any(request.titles):
        losses.add("embeddings.title")
    return msgspec.json.encode(body)


class _Vector(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Vector]
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Answer).decode


def decode_embeddings(body: bytes) -> EmbeddingsAnswer:
    """What a provider answered, as numbers or as base64. Raises NotAnAnswer."""
    try:
        found = _decode(body)
        vectors = [_unpacked(one.embedding) for one in sorted(found.data, key=lambda one: one.index or 0)]
    except UNREADABLE as error:
        raise NotAnAnswer(str(error)) from None
    if not vectors:
        raise NotAnAnswer("it has no data")
    raw = present(found.usage)
    return EmbeddingsAnswer(
        vectors=vectors, model=found.model, usage=read_usage(raw, embeddings=True), raw_usage=raw
    )


def _unpacked(vector: list[float] | str) -> list[float]:
    if isinstance(vector, list):
        return vector
    data = base64.b64decode(vector, validate=True)  # raises binascii.Error, which is a ValueError
    if len(data) % FLOAT_BYTES:
        raise binascii.Error("half a number")
    numbers = array("f", data)
    if _BIG_ENDIAN:
        numbers.byteswap()
    return numbers.tolist()


def encode_embeddings(answer: EmbeddingsAnswer, request: EmbeddingsRequest, model: str) -> bytes:
    """The body for a client. Providers that do not say what they billed are told as 0, which the form demands."""
    tokens = answer.usage.input_tokens or 0
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(vector) if request.packed else vector}
        for at, vector in enumerate(answer.vectors)
    ]
    return msgspec.json.encode(
        {
            "object": "list",
            "data": data,
            "model": model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _packed(vector: list[float]) -> str:
    numbers = array("f", vector)
    if _BIG_ENDIAN:
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


_BIG_ENDIAN = array("H", [1]).tobytes() == b"\0\1"
