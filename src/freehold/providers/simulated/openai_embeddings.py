"""Embeddings in OpenAI's form: vectors as numbers or as base64 of 32-bit floats."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from typing import Annotated, Literal

import msgspec

from freehold.providers.simulated import openai_form as form
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.vectors import vector_of
from freehold.providers.simulated.words import count_tokens

_Tokens = list[int]


class EmbeddingsRequest(msgspec.Struct):
    """What a request for embeddings asks for."""

    model: str
    input: str | list[str | int | _Tokens]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=8192)] | None = None

    def texts(self) -> list[str]:
        """Each input as text; token numbers are written out."""
        if isinstance(self.input, str):
            return [self.input]
        if self.input and all(isinstance(one, int) for one in self.input):
            return [" ".join(map(str, self.input))]
        return [
            one if isinstance(one, str) else " ".join(map(str, one))
            for one in self.input
            if not isinstance(one, int)
        ]


_read = msgspec.json.Decoder(EmbeddingsRequest).decode


def read(request: ReceivedRequest) -> EmbeddingsRequest:
    """What the request asks for. Raises Refusal."""
    try:
        wanted = _read(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise form.wrong(f"We could not parse the JSON body of your request: {error}") from None
    if not wanted.texts():
        raise form.wrong("`input` is empty.", "input")
    return wanted


def body(wanted: EmbeddingsRequest, turn: Turn) -> bytes:
    """The answer."""
    texts = wanted.texts()
    dimensions = wanted.dimensions or turn.behaviour.dimensions
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _encoded(vector_of(text, dimensions), wanted.encoding_format),
        }
        for index, text in enumerate(texts)
    ]
    usage = turn.behaviour.usage
    tokens = sum(map(count_tokens, texts))
    answer: dict[str, object] = {"object": "list", "data": data, "model": wanted.model}
    if usage != "missing":
        if not isinstance(usage, str) and usage.input_tokens is not None:
            tokens = usage.input_tokens
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(answer)


def _encoded(vector: array[float], encoding: str | None) -> str | list[float]:
    if encoding != "base64":
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()
