"""Embeddings of every dialect that has them, to and from the internal form."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.embeddings import EmbeddingsAnswer, EmbeddingsRequest, Purpose
from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire import openai_embeddings as openai
from freehold.wire.cohere import embeddings as cohere
from freehold.wire.dialect import DialectName
from freehold.wire.gemini import embeddings as gemini

EMBEDDING: tuple[DialectName, ...] = ("openai-chat", "gemini", "cohere")
"""The dialects that have embeddings."""

MOST_GEMINI_TEXTS = 100
"""Of one request to Gemini."""

_TASKS: dict[Purpose, str] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_BY_TASK = {task: purpose for purpose, task in _TASKS.items()}
_COHERE: dict[Purpose, str] = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}


def decode_embeddings_request(body: bytes, dialect: DialectName) -> EmbeddingsRequest:
    """What the client asks for. Raises BadRequest."""
    if dialect != "gemini":
        return openai.decode_embeddings_request(body)
    asked = gemini.decode_embeddings_request(body)
    request = EmbeddingsRequest(
        texts=asked.texts,
        titles=asked.titles,
        dimensions=asked.dimensions,
        single=not asked.batch,
        extra=dict(asked.extra),
    )
    if asked.task_type is not None:
        request.purpose = _BY_TASK.get(asked.task_type)
        if request.purpose is None:
            request.extra["taskType"] = msgspec.Raw(msgspec.json.encode(asked.task_type))
    return request


def encode_embeddings_requests(
    request: EmbeddingsRequest, speech: DialectName, model: str, losses: Losses, *, own_machine: bool
) -> list[bytes]:
    """The bodies for a provider: several, when there are more texts than one request may have. Raises BadRequest."""
    if request.user:
        losses.add("user")
    if speech == "cohere":
        bodies = _encode_for_cohere(request, model, losses)
    else:
        for name in request.extra:
            losses.add("field", name)
        if speech == "gemini":
            bodies = _encode_for_gemini(request, model)
        else:
            bodies = [openai.encode_embeddings_request(request, model, losses, own_machine=own_machine)]
    return bodies


def _encode_for_gemini(request: EmbeddingsRequest, model: str) -> list[bytes]:
    bodies: list[bytes] = []
    for start in range(0, len(request.texts), MOST_GEMINI_TEXTS):
        end = start + MOST_GEMINI_TEXTS
        asked = gemini.EmbeddingRequest(
            model=model,
            texts=request.texts[start:end],
            titles=request.titles[start:end],
            task_type=None if request.purpose is None else _TASKS[request.purpose],
            dimensions=request.dimensions,
        )
        bodies.append(gemini.encode_embeddings_request(asked, model))
    return bodies


def _encode_for_cohere(request: EmbeddingsRequest, model: str, losses: Losses) -> list[bytes]:
    body: dict[str, Any] = {"input": request.texts, **request.extra}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.purpose in _COHERE:
        body["input_type"] = _COHERE[request.purpose]
    elif request.purpose is not None:
        losses.add("embeddings.purpose")
    if any(request.titles):
        losses.add("embeddings.title")
    return cohere.encode_requests(msgspec.json.encode(body), model, losses)


def decode_embeddings(bodies: list[bytes], speech: DialectName) -> EmbeddingsAnswer:
    """What a provider answered to the bodies of one request, in their order. Raises NotAnAnswer."""
    parts = [_decode(body, speech) for body in bodies]
    if len(parts) == 1:
        return parts[0]
    counts = [part.usage.input_tokens for part in parts]
    known = [count for count in counts if count is not None]
    usage = _read(sum(known)) if len(known) == len(counts) else NO_USAGE
    vectors = [vector for part in parts for vector in part.vectors]
    return EmbeddingsAnswer(vectors=vectors, model=parts[0].model, usage=usage)


def _decode(body: bytes, speech: DialectName) -> EmbeddingsAnswer:
    if speech == "gemini":
        found = gemini.decode_embeddings(body)
        usage = NO_USAGE if found.input_tokens is None else _read(found.input_tokens)
        return EmbeddingsAnswer(vectors=found.vectors, usage=usage)
    if speech == "cohere":
        embedded = cohere.decode_answer(body)
        usage = embedded.usage
        if usage.input_tokens is not None and usage.output_tokens is None:
            usage = msgspec.structs.replace(usage, output_tokens=0)
        return EmbeddingsAnswer(vectors=embedded.vectors, usage=usage, raw_usage=embedded.raw_usage)
    return openai.decode_embeddings(body)


def _read(tokens: int) -> Usage:
    return Usage(input_tokens=tokens, output_tokens=0, source="provider")


def encode_embeddings(
    answer: EmbeddingsAnswer, request: EmbeddingsRequest, dialect: DialectName, model: str
) -> bytes:
    """The body for the client. `model` is the provider's name for it."""
    if dialect != "gemini":
        return openai.encode_embeddings(answer, request, answer.model or model)
    told = gemini.EmbeddingAnswer(vectors=answer.vectors, input_tokens=answer.usage.input_tokens)
    asked = gemini.EmbeddingRequest(model=model, texts=request.texts, batch=not request.single)
    return gemini.encode_embeddings(told, asked)
