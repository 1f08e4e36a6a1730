"""Embeddings, counts of tokens and lists of models: small bodies in several forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.wire.anthropic.models import read_model_ids as read_anthropic_ids
from freehold.wire.counting import COUNTING, counter_of
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.embeddings import (
    EMBEDDING,
    decode_embeddings,
    decode_embeddings_request,
    encode_embeddings,
    encode_embeddings_requests,
)
from freehold.wire.gemini.models import decode_models as read_gemini_ids
from freehold.wire.openai_answer import read_embeddings_answer
from freehold.wire.openai_models import read_model_ids
from freehold.wire.request import read_embeddings_request, read_gemini_embeddings_request

from .damage import Frames
from .judging import need_json
from .target import Target

_USAGE: Any = {"prompt_tokens": 4, "total_tokens": 4}
_ASKED: dict[DialectName, list[Any]] = {
    "openai-chat": [
        {"model": "m", "input": "a", "encoding_format": "base64", "dimensions": 8, "user": "u"},
        {"model": "m", "input": ["a", "b"] * 60, "input_type": "query", "truncate": "END"},
        {"model": "m", "input": [[1, 2], [3]]},
    ],
    "gemini": [
        {"model": "m", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY", "title": "t"},
        {
            "model": "m",
            "requests": [
                {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8},
                {"model": "models/m", "content": "b", "output_dimensionality": 8.0},
            ],
        },
        {
            "model": "m",
            "content": "a",
            "embedContentConfig": {"taskType": "CLUSTERING", "autoTruncate": True},
        },
    ],
}
_ANSWERED: dict[DialectName, list[Any]] = {
    "openai-chat": [
        {
            "object": "list",
            "model": "m",
            "usage": _USAGE,
            "data": [{"embedding": [0.5, -1e-9, 1], "index": 0}],
        },
        {
            "data": [{"embedding": "AACAPwAAAEA=", "index": 1}, {"embedding": "AACAPwAAAEA=", "index": 0}],
            "usage": _USAGE,
        },
    ],
    "gemini": [
        {
            "embeddings": [{"values": [0.5, 1]}, {"values": [1, 0.5]}],
            "usageMetadata": {"promptTokenCount": 3},
        },
        {"embedding": {"values": [0.5, 1], "statistics": {"token_count": 3.0}}},
        {
            "predictions": [
                {"embeddings": {"values": [1.5], "statistics": {"token_count": 3, "truncated": False}}}
            ]
            * 2
        },
    ],
    "cohere": [
        {
            "id": "x",
            "embeddings": {"float": [[0.5, 1], [1, 2]]},
            "texts": ["a", "b"],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2}},
        }
    ],
}
_COUNTED: list[Any] = [
    {"input_tokens": 4, "object": "response.input_tokens"},
    {"totalTokens": 4, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}]},
]
_LISTED: list[Any] = [
    {"object": "list", "data": [{"id": "a", "object": "model", "created": 1, "owned_by": "x"}, {"id": "b"}]},
    [{"id": "a"}],
    {"models": [{"name": "models/a", "supportedGenerationMethods": ["embedContent"]}], "nextPageToken": "x"},
    {
        "data": [{"type": "model", "id": "a", "created_at": "x"}],
        "has_more": True,
        "first_id": "a",
        "last_id": "a",
    },
]


def targets_in(_folder: Path) -> list[Target]:
    """One for each body and form."""
    asked = [
        Target(f"{name} embeddings-request", seeds_of(bodies), partial(_read_request, name))
        for name, bodies in _ASKED.items()
    ]
    answered = [
        Target(f"{name} embeddings", seeds_of(bodies), partial(_read_vectors, name))
        for name, bodies in _ANSWERED.items()
    ]
    return [
        *asked,
        *answered,
        Target("counts of tokens", seeds_of(_COUNTED), _read_count),
        Target("lists of models", seeds_of(_LISTED), _read_models),
    ]


def seeds_of(bodies: list[Any]) -> list[Frames]:
    """The values as bodies."""
    return [[json.dumps(one).encode()] for one in bodies]


def _read_request(dialect: DialectName, frames: Frames) -> None:
    body = b"".join(frames)
    whole = (
        read_gemini_embeddings_request(body, "m") if dialect == "gemini" else read_embeddings_request(body)
    )
    request = decode_embeddings_request(whole.whole(), dialect)
    for speech in EMBEDDING:
        try:
            for written in encode_embeddings_requests(request, speech, "m", Losses(), own_machine=False):
                need_json(written, speech)
        except BadRequest:
            continue


def _read_vectors(dialect: DialectName, frames: Frames) -> None:
    body = b"".join(frames)
    found = decode_embeddings([body], dialect)
    decode_embeddings([body, body], dialect)
    for client in ("openai-chat", "gemini"):
        for asked in _ASKED[client][:2]:
            request = decode_embeddings_request(json.dumps(asked).encode(), client)
            need_json(encode_embeddings(found, request, client, "m"), client)
    if dialect == "openai-chat":
        read_embeddings_answer(body)


def _read_count(frames: Frames) -> None:
    body = b"".join(frames)
    for total in _understood(body, [counter_of(name).decode_count for name in COUNTING]):
        for client in COUNTING:
            need_json(counter_of(client).encode_count(total), client)


def _read_models(frames: Frames) -> None:
    _understood(b"".join(frames), [read_model_ids, read_anthropic_ids, read_gemini_ids])


def _understood(body: bytes, readers: Sequence[Callable[[bytes], Any]]) -> list[Any]:
    """What those make of it that understand it. Raises NotAnAnswer when none does."""
    found = []
    for read in readers:
        with suppress(NotAnAnswer):
            found.append(read(body))
    if not found:
        raise NotAnAnswer("nobody understands it")
    return found
