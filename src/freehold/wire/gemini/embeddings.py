"""embedContent and batchEmbedContents: texts as vectors."""

from __future__ import annotations

import math

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import Text
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.fields import Camel, Json, encode
from freehold.wire.gemini.ids import Calls
from freehold.wire.gemini.parts_in import part_in
from freehold.wire.reading import Unreadable, is_text, plain


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """What is to be embedded, and how."""

    model: str
    texts: list[str]
    titles: list[str | None] = []
    """Of the documents that the texts are; as many as texts, or none."""
    task_type: str | None = None
    """`RETRIEVAL_QUERY`, `RETRIEVAL_DOCUMENT`, `SEMANTIC_SIMILARITY` …"""
    dimensions: int | None = None
    batch: bool = True
    """It came as batchEmbedContents."""
    extra: Fields = {}


class EmbeddingAnswer(msgspec.Struct, kw_only=True):
    """The vectors, in the order of the texts."""

    vectors: list[list[float]]
    input_tokens: int | None = None
    """None when the provider does not count them."""


def decode_embeddings_request(body: bytes) -> EmbeddingRequest:
    """Either request, with `model` put into the body beforehand. Raises BadRequest."""
    try:
        asked = Camel(body)
        model = asked.take("model", str)
        requests = asked.take_many("requests")
        batch = bool(requests)
        found = [_one(request) for request in (requests if batch else [asked])]
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    first = found[0]
    model = model or first.model
    if not model:
        raise BadRequest("The field `model` is missing.", param="model")
    for one in found:
        if (one.task_type, one.dimensions) != (first.task_type, first.dimensions):
            raise BadRequest("All `requests` must have the same task type and dimensions.", param="requests")
    titles = [one.titles[0] for one in found]
    return EmbeddingRequest(
        model=model.removeprefix("models/"),
        texts=[one.texts[0] for one in found],
        titles=titles if any(titles) else [],
        task_type=first.task_type,
        dimensions=first.dimensions,
        batch=batch,
        extra={name: raw for one in found for name, raw in one.extra.items()},
    )


def _one(request: Camel) -> EmbeddingRequest:
    content = request.take_raw("content")
    if content is None:
        raise Unreadable(request.place("content"), "is missing")
    text = _text(content, request.place("content"))
    config = request.take_object("embedContentConfig") or request
    return EmbeddingRequest(
        model=request.take("model", str) or "",
        texts=[text],
        titles=[config.take("title", str)],
        task_type=config.take_enum("taskType"),
        dimensions=config.take_whole("outputDimensionality"),
        extra={**config.rest(), **request.rest()},
    )


def _text(raw: bytes, place: str) -> str:
    if is_text(raw):
        return str(plain(raw))
    words: list[str] = []
    for item in Camel(raw, place).take_many("parts"):
        part = part_in(item, Calls(), client=True)
        if not isinstance(part, Text):
            raise Unreadable(item.path, "is not text, which alone can be embedded here")
        words.append(part.text)
    return "".join(words)


def encode_embeddings(answer: EmbeddingAnswer, request: EmbeddingRequest) -> bytes:
    """The vectors, for the client that asked."""
    vectors = [{"values": vector} for vector in answer.vectors]
    body: Json = {"embeddings": vectors} if request.batch else {"embedding": vectors[0] if vectors else {}}
    if answer.input_tokens is not None:
        body["usageMetadata"] = {"promptTokenCount": answer.input_tokens}
    return encode(body)


def encode_embeddings_request(request: EmbeddingRequest, model: str) -> bytes:
    """The batchEmbedContents request for a provider that calls the model `model`."""
    requests: list[Json] = []
    for at, text in enumerate(request.texts):
        one: Json = {"model": f"models/{model}", "content": {"parts": [{"text": text}]}}
        if request.task_type is not None:
            one["taskType"] = request.task_type
        if at < len(request.titles) and request.titles[at] is not None:
            one["title"] = request.titles[at]
        if request.dimensions is not None:
            one["outputDimensionality"] = request.dimensions
        requests.append(one)
    return encode({"requests": requests})


class _Statistics(msgspec.Struct):
    token_count: float | None = None


class _Vector(msgspec.Struct):
    values: list[float] = []
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Vector


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None


class _Answer(msgspec.Struct, rename="camel"):
    embedding: _Vector | None = None
    embeddings: list[_Vector] | None = None
    predictions: list[_Prediction] | None = None
    """Vertex AI's older form."""
    usage_metadata: _Usage | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def decode_embeddings(body: bytes) -> EmbeddingAnswer:
    """What a provider answered, in any of its three forms. Raises NotAnAnswer."""
    try:
        found = _decode_answer(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAnAnswer("The body holds no embeddings.") from None
    vectors = found.embeddings
    if vectors is None and found.embedding is not None:
        vectors = [found.embedding]
    if vectors is None and found.predictions is not None:
        vectors = [one.embeddings for one in found.predictions]
    if vectors is None:
        raise NotAnAnswer("The body holds no embeddings.")
    tokens = None if found.usage_metadata is None else found.usage_metadata.prompt_token_count
    counts = [one.statistics.token_count for one in vectors if one.statistics is not None]
    known = [count for count in counts if count is not None]
    if tokens is None and known and len(known) == len(vectors) and math.isfinite(total := sum(known)):
        tokens = int(total)
    return EmbeddingAnswer(vectors=[one.values for one in vectors], input_tokens=tokens)
