"""Embeddings: one attempt's exchange where the client's form and the provider's differ, or the form is Gemini's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from freehold.core.errors import BadRequest, LossRefused
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.providers.paths import embeddings_path
from freehold.providers.settings import ProviderSettings
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.embeddings import (
    EMBEDDING,
    decode_embeddings,
    decode_embeddings_request,
    encode_embeddings,
    encode_embeddings_requests,
)
from freehold.wire.facts import Facts
from freehold.wire.openai_stream import ChatStream
from freehold.wire.request import Request


class NeverStreamed:
    """What is common to exchanges whose answers are always whole."""

    headers: Mapping[str, str] = MappingProxyType({})

    def more(self, _answer: bytes, /) -> bytes | None:
        """Nothing: one request, one answer."""
        return None

    def open_stream(self) -> ChatStream:
        """There are no streams of these."""
        raise AssertionError("embeddings and counts are not streamed")


class PassingEmbeddings(NeverStreamed):
    """Both ends speak Gemini: bytes pass through, but for the model's name."""

    def __init__(self, request: Request, settings: ProviderSettings, model: str) -> None:
        self.speech: DialectName = request.dialect
        self.losses = Losses()
        self._request = request
        self._model = model
        single = "requests" not in request.fields
        self.path: str | None = embeddings_path(settings, self.speech, single=single)

    def body(self) -> bytes:
        """The client's request, with the provider's name for the model wherever it stands."""
        name = msgspec.Raw(msgspec.json.encode(f"models/{self._model}"))
        fields = dict(self._request.fields)
        if "model" in fields:
            fields["model"] = name
        if "requests" in fields:
            try:
                requests = msgspec.json.decode(fields["requests"], type=list[Fields])
            except msgspec.DecodeError:
                raise BadRequest("The field `requests` is not a list of objects.", param="requests") from None
            fields["requests"] = msgspec.Raw(
                msgspec.json.encode([{**one, "model": name} for one in requests])
            )
        return msgspec.json.encode(fields)

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The answer untouched, and its facts. Raises NotAnAnswer."""
        found = decode_embeddings([answer], self.speech)
        return answer, Facts(found.model, None, found.usage, found.raw_usage)


class TranslatingEmbeddings(NeverStreamed):
    """The ends have different forms of embeddings."""

    def __init__(
        self, request: Request, settings: ProviderSettings, model: str, *, speech: DialectName
    ) -> None:
        """Raises BadRequest, and LossRefused when the client would rather have an error than a loss."""
        self.speech = speech
        self.losses = losses = Losses()
        self.path: str | None = None
        self._model = model
        self._client = request.dialect
        self._asked = decode_embeddings_request(request.whole(), request.dialect)
        bodies = encode_embeddings_requests(
            self._asked, speech, model, losses, own_machine=settings.kind == "local"
        )
        if request.strict and losses:
            raise LossRefused(losses.names, settings.name)
        self._bodies = bodies[::-1]
        self._answers: list[bytes] = []

    def body(self) -> bytes:
        """The request in the provider's form, or its first part."""
        return self._bodies.pop()

    def more(self, answer: bytes, /) -> bytes | None:
        """The next part, when there were more texts than one request may have."""
        if not self._bodies:
            return None
        self._answers.append(answer)
        return self._bodies.pop()

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The vectors in the client's form, and the answer's facts. Raises NotAnAnswer."""
        found = decode_embeddings([*self._answers, answer], self.speech)
        if len(found.vectors) != len(self._asked.texts):
            raise NotAnAnswer(f"{len(found.vectors)} vectors for {len(self._asked.texts)} texts")
        told = encode_embeddings(found, self._asked, self._client, self._model)
        return told, Facts(found.model, None, found.usage, found.raw_usage)


def embedding_for(
    request: Request, settings: ProviderSettings, model: str
) -> PassingEmbeddings | TranslatingEmbeddings:
    """How a request for embeddings is put to the provider. Raises BadRequest and LossRefused."""
    speech = next((one for one in settings.dialects if one in EMBEDDING), None)
    if request.dialect == "gemini" and "gemini" in settings.dialects:
        return PassingEmbeddings(request, settings, model)
    if speech is None:
        raise BadRequest(f"`{settings.name}` is not asked for embeddings in its dialect.", param="model")
    return TranslatingEmbeddings(request, settings, model, speech=speech)
