"""Embeddings of a GGUF model, by llama.cpp's server."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.providers.client import ProviderClient
from freehold.providers.local.chat import refusal
from freehold.providers.local.door import Answer
from freehold.providers.local.llama import LlamaServer
from freehold.providers.local.models import LocalModel

_MOST_TEXTS = 2048


class _Request(msgspec.Struct):
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class Vectors:
    """Turns texts into vectors of length 1."""

    def __init__(self, model: LocalModel, weights: str) -> None:
        """Loads the model."""
        self._model = model
        self._server = LlamaServer(model, weights)
        self._client: ProviderClient | None = None

    async def answer(self, body: bytes, answer: Answer) -> None:
        """Answer one request body. Raises FreeholdError before anything is sent."""
        try:
            request = msgspec.json.decode(body, type=_Request)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        texts = [request.input] if isinstance(request.input, str) else request.input
        if not texts or len(texts) > _MOST_TEXTS:
            raise BadRequest(f"`input` must hold from 1 to {_MOST_TEXTS} texts.", param="input")
        if not all(isinstance(text, str) for text in texts):
            raise BadRequest(
                "`input` holds numbers of tokens, which mean nothing to this model.", param="input"
            )
        if not all(texts):
            raise BadRequest("`input` holds an empty text.", param="input")
        if request.dimensions is not None:
            raise BadRequest(f"The vectors of `{self._model.id}` cannot be shortened.", param="dimensions")
        if self._client is None:
            self._client = ProviderClient(self._server.settings, tls=None)
        sent = {
            "input": texts,
            "encoding_format": request.encoding_format or "float",
            "model": self._model.name,
        }
        response = await self._client.send("embeddings", self._model.name, msgspec.json.encode(sent))
        try:
            told = await response.read()
        finally:
            response.close()
        if response.status != 200:
            raise refusal(self._model.provider, response.status, told)
        await answer.whole(told)
